"""The named recipes: functions that return one, each headed by its command and what it gave.

The lines ``Measured`` are written by ``python scripts/update_tables.py`` from the result files that they name.
"""

from __future__ import annotations

from collections.abc import Callable

from headstart.training.recipe import Recipe

__all__ = [
    "RECIPES", "cifar10", "cifar10_short", "cifar10_small", "digits", "imagenet", "photos", "structured_32",
    "structured_224",
]  # fmt: skip


def digits() -> Recipe:
    """Handwritten digits of 8×8 pixels in 16 patches: small enough for a CPU, and no download.

    Command: ``headstart demo``.

    Measured (results/digits.json): 79.5 ± 1.6 % from default, 98.1 ± 0.7 % from impulse (test accuracy, n = 3), 8 s a
    run on 2 CPU cores, 2026-11-26.
    """
    return Recipe(
        dataset="digits",
        # One seed on validation, default / impulse: 0.31 / 0.92 with patches of 1 pixel, 0.81 / 0.97 with 2.
        patch_size=2,
        width=96,
        depth=4,
        heads=3,
        # With shifts by one pixel every start learned more slowly: a digit fills its eight pixels.
        crop=0,
        passes=10,
        batch_size=64,
        lr=2e-3,
    )


def cifar10_small() -> Recipe:
    """5,000 images of CIFAR-10 and a ViT of width 96: minutes on a CPU, and shows what the start is worth.

    Command: ``headstart compare cifar10 --recipe cifar10_small --init default,mimetic,impulse --seeds 3``.

    Measured (results/cifar10-small-depth4.json): 36.4 ± 0.5 % from default, 48.5 ± 0.9 % from
    impulse:solver=rotation:sharpness=0.5 (test accuracy, n = 3), 246 s a run on 2 CPU cores, 2026-11-23.
    """
    return Recipe(
        dataset="cifar10",
        limit=5000,
        width=96,
        depth=4,
        heads=3,
        patch_size=4,
        crop=4,
        flip=True,
        passes=8,
        batch_size=128,
        lr=1e-3,
    )


def photos() -> Recipe:
    """A few hundred to a few thousand photos at 224 pixels and a ViT of width 96, sized for a CPU.

    Command: ``headstart train photos/ --recipe photos``.

    Measured (results/photos.json): 50.0 ± 1.5 % from default, 55.1 ± 1.0 % from impulse (test accuracy, n = 3), 1156 s
    a run on 2 CPU cores, 2026-11-26.
    """
    return Recipe(
        dataset="flowers102",  # or your own
        image_size=224,
        width=96,
        depth=4,
        heads=3,
        patch_size=16,
        resized_crop=0.35,
        flip=True,
        augment="3augment",
        color_jitter=0.3,
        passes=40,
        batch_size=64,
        lr=1e-3,
    )


def cifar10() -> Recipe:
    """All of CIFAR-10 with ViT-Tiny at patch size 4 and plain augmentation, for comparing starts on a GPU.

    Command: ``headstart compare cifar10 --init default,mimetic,impulse --seeds 3``.

    Measured: not yet.
    """
    return Recipe(dataset="cifar10", model="tiny", patch_size=4, crop=4, flip=True, passes=100, batch_size=512)


def cifar10_short() -> Recipe:
    """All of CIFAR-10 with ViT-Tiny and strong augmentation, sized for 10 to 30 minutes on one GPU.

    Command: ``headstart train cifar10 --recipe cifar10_short``.

    Measured: not yet.
    """
    return Recipe(
        dataset="cifar10",
        model="tiny",
        patch_size=4,
        crop=4,
        flip=True,
        augment="trivialaugment",
        mixup=0.2,
        fill="mean",
        ema=0.999,
        passes=200,
        batch_size=512,
        lr=1e-3,
    )


def structured_32() -> Recipe:
    """CIFAR-10 at 32 pixels as in 2404.01139: ViT-Tiny at patch size 2, fixed sin-cos positions, heads by gradient.

    Command: ``headstart train cifar10 --recipe structured_32``.

    Measured: not yet.

    From the released code: AdamW with ε = 1e-3, learning rate 1e-3, weight decay 0.01, 200 passes of which 10 warm up,
    batches of 512, gradients clipped at 3, mean pooling. Its augmentation could not be read; here it is that of the
    authors' code for 2401.12511, whose RandAugment has 2 operations of magnitude 14.
    """
    return Recipe(
        dataset="cifar10",
        model="tiny",
        patch_size=2,
        position="sincos",
        pool="mean",
        init="impulse:solver=gradient:value=default",
        resized_crop=0.08,
        flip=True,
        augment="randaugment",
        operations=2,
        magnitude=14,
        passes=200,
        warmup=10 / 200,
        batch_size=512,
        lr=1e-3,
        weight_decay=0.01,
        eps=1e-3,
        clip=3.0,
        label_smoothing=0.0,
    )


def structured_224() -> Recipe:
    """CIFAR-10 at 224 pixels as in 2505.19985: ViT-Tiny at patch size 16, heads by pseudo-inverse.

    Command: ``headstart train cifar10 --recipe structured_224``.

    Measured: not yet.

    From the released code: AdamW, learning rate 2e-3, weight decay 0.05, 300 passes of which 50 warm up, batches of
    512, RandAugment, mixup 0.8, cutmix 1, label smoothing 0.1, random erasing 0.25, stochastic depth 0.1, class token.
    Its RandAugment has magnitude 9 of timm's 10, which is 27 of torchvision's 30 here; the ranges differ a little. A
    colour jitter of 0.4 is named there too, which timm leaves out beside RandAugment; so does this recipe.
    """
    return Recipe(
        dataset="cifar10",
        image_size=224,
        model="tiny",
        patch_size=16,
        pool="class",
        drop_path=0.1,
        init="impulse:solver=pseudoinverse:offsets=released:value=mimetic",
        resized_crop=0.08,
        flip=True,
        augment="randaugment",
        operations=2,
        magnitude=27,
        erase=0.25,
        mixup=0.8,
        cutmix=1.0,
        passes=300,
        warmup=50 / 300,
        batch_size=512,
        lr=2e-3,
        weight_decay=0.05,
        clip=None,
    )


def imagenet() -> Recipe:
    """ImageNet and data of its size: ViT-Small at patch size 16 as in 2205.01580, a day on one GPU, hours on eight.

    Command: ``headstart train imagenet:/data --recipe imagenet``, behind ``torchrun --nproc-per-node=8 -m`` for eight
    GPUs.

    Measured: not yet.

    That note reports 76.5 % after 90 passes (80 % after 300) from the usual start, with batches of 1,024, learning rate
    1e-3, weight decay 1e-4 apart from it (0.1 times it, as here), 10,000 steps of warm-up (of 112,600), gradients
    clipped at 1, RandAugment with 2 operations of magnitude 10 of 10 (30 of 30 here), mixup 0.2, fixed sin-cos
    positions, mean pooling, no label smoothing, no stochastic depth.
    """
    return Recipe(
        dataset="imagenet",
        image_size=224,
        model="small",
        patch_size=16,
        position="sincos",
        pool="mean",
        resized_crop=0.05,
        flip=True,
        augment="randaugment",
        operations=2,
        magnitude=30,
        mixup=0.2,
        val_fraction=0.01,
        passes=90,
        warmup=10_000 / 112_600,
        batch_size=1024,
        lr=1e-3,
        min_lr=0.0,
        weight_decay=0.1,
        clip=1.0,
        label_smoothing=0.0,
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "digits": digits,
    "cifar10": cifar10,
    "cifar10_small": cifar10_small,
    "cifar10_short": cifar10_short,
    "photos": photos,
    "structured_32": structured_32,
    "structured_224": structured_224,
    "imagenet": imagenet,
}
