"""Images augmented a second, and how far each operation is from Pillow's: ours, kornia's, torchvision's, in one run.

    python benchmarks/augmentation.py --threads 1 --out results/augmentation-cpu.json
    python benchmarks/augmentation.py --device cuda --out results/augmentation-cuda.json

The recipe is crops (padding an eighth of the side), flips, and 2 of RandAugment's operations at magnitude 9; at 32
pixels also between training steps of the small ViT (width 96, 4 blocks, patches of 4). "Dense" is what
runs on a GPU: all operations on all images. kornia's RandAugment draws its operations for the whole batch, ours and
torchvision's for each image. They take turns, repeat by repeat; medians, after warm-up, with the device waited for at
both ends. Operations are counted as tensor operations that are no views, draws included; waits are those that need a
value from the device. Without kornia (``pip install kornia``) or torchvision, theirs are skipped.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from _pictures import pictures
from PIL import Image
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from headstart.data import Augmentation, Draws
from headstart.data.augmentation import policies, rounds, rows
from headstart.models.vit import create_vit
from headstart.training.provenance import commit, hardware, versions

BATCHES = {32: 128, 224: 32}
LEVEL = 9
VIEWS = {"view", "expand", "slice", "select", "unsqueeze", "split", "unbind", "alias", "permute", "transpose", "detach"}
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "is_nonzero", "equal"}
NAMES = (
    "Identity", "AutoContrast", "Equalize", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness",
    "Color", "Contrast", "Sharpness", "Posterize", "Solarize",
)  # fmt: skip


class Counted(TorchDispatchMode):
    """Counts operations that are more than another view, and those for which the host would wait."""

    def __init__(self) -> None:
        super().__init__()
        self.operations, self.waits = 0, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        masks = [t for t in args[1] if t is not None and t.dtype == torch.bool] if name.startswith("index") else []
        self.operations += name not in VIEWS
        self.waits += name in WAITS or bool(masks)
        return func(*args, **(kwargs or {}))


def let_torchvision_be_imported() -> None:
    """Beside a CPU wheel of torch it lacks operators that are not called here: tests/conftest.py declares them."""
    spec = importlib.util.spec_from_file_location("conftest", Path(__file__).parents[1] / "tests/conftest.py")
    sys.modules["conftest"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def to_pil(image: Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).cpu().numpy())


def ours(images: Tensor, augmentation: Augmentation, dense: bool) -> Callable[[], Tensor]:
    shape, generator = tuple(images.shape[1:]), torch.Generator().manual_seed(0)

    def run() -> Tensor:
        rows.gathers = rounds.gathers = lambda device: device.type == "cpu" and not dense
        draws = augmentation.draw(len(images), shape, generator)
        return augmentation.apply(images, draws.to(images.device, non_blocking=True))

    return run


def kornias(images: Tensor, pad: int) -> Callable[[], object]:
    import kornia.augmentation as K
    from kornia.augmentation.auto import RandAugment

    crop, floats = K.RandomCrop(tuple(images.shape[-2:]), padding=pad), images.float() / 255
    pipeline = K.AugmentationSequential(crop, K.RandomHorizontalFlip(), RandAugment(n=2, m=LEVEL))
    return lambda: pipeline(floats)


def torchvisions(images: Tensor, pad: int) -> Callable[[], object]:
    from torchvision import transforms as T

    steps = (T.RandomCrop(images.shape[-1], pad), T.RandomHorizontalFlip(), T.RandAugment(2, LEVEL), T.PILToTensor())
    pipeline, pictures = T.Compose(steps), [to_pil(image) for image in images]
    return lambda: torch.stack([pipeline(picture) for picture in pictures])


def training(images: Tensor, augment: Callable[[], Tensor]) -> dict[str, Callable[[], object]]:
    """Augmenting and a step on what it gives, in turn: after a step, caches are cold."""
    model = create_vit("tiny", width=96, depth=4, heads=3, image_size=32, patch_size=4).to(images.device)
    labels = torch.randint(10, (len(images),), device=images.device)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    kept = {}

    def prepare() -> None:
        kept["batch"] = augment()

    def step() -> None:
        F.cross_entropy(model(kept["batch"].float().div_(128).sub_(1)), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    return {"ours, in training": prepare, "training step": step}


def in_turn(run: dict[str, Callable[[], object]], device: str, repeats: int) -> dict[str, float]:
    """Median seconds of each."""
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    seconds: dict[str, list[float]] = {name: [] for name in run}
    for repeat in range(-2, repeats):
        for name, contender in run.items():
            wait()
            start = time.perf_counter()
            contender()
            wait()
            if repeat >= 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def speeds(size: int, device: str, repeats: int, others: list[str]) -> list[dict]:
    images = pictures(BATCHES[size], size).to(device)
    augmentation = Augmentation(crop=size // 8, flip=True, policy="randaugment", magnitude=LEVEL)
    run = {"ours": ours(images, augmentation, False), "ours, dense": ours(images, augmentation, True)}
    if "kornia" in others:
        run["kornia"] = kornias(images, size // 8)
    if "torchvision" in others:
        run["torchvision on Pillow"] = torchvisions(images, size // 8)
    medians = in_turn(run, device, repeats)
    if size == 32:
        medians |= in_turn(training(images, run["ours"]), device, repeats)
    found = []
    for name, median in medians.items():
        row = {"pixels": size, "batch": len(images), "what": name, "ms": round(median * 1e3, 2)}
        row["images/s"] = round(len(images) / median)
        if name in ("ours, dense", "kornia"):
            with Counted() as counted:
                run[name]()
            row |= {"operations": counted.operations, "waits": counted.waits}
        found.append(row)
        print(*(f"{key} {value}" for key, value in row.items()), sep="  ", flush=True)
    return found


def kornia_operations() -> dict[str, Callable[[Tensor, float], Tensor]]:
    import kornia.enhance as E
    import kornia.geometry.transform as G

    def each(x: Tensor, value: float) -> Tensor:
        return torch.full((len(x),), value, device=x.device)

    def pair(x: Tensor, first: float, second: float) -> Tensor:
        return torch.stack([each(x, first), each(x, second)], 1)

    nearest = {"mode": "nearest"}
    return {
        "AutoContrast": lambda x, m: E.normalize_min_max(x),
        "Equalize": lambda x, m: E.equalize(x),
        "ShearX": lambda x, m: G.shear(x, pair(x, -m, 0.0), **nearest),
        "ShearY": lambda x, m: G.shear(x, pair(x, 0.0, -m), **nearest),
        "TranslateX": lambda x, m: G.translate(x, pair(x, int(m), 0.0), **nearest),
        "TranslateY": lambda x, m: G.translate(x, pair(x, 0.0, int(m)), **nearest),
        "Rotate": lambda x, m: G.rotate(x, each(x, m), **nearest),
        "Brightness": lambda x, m: E.adjust_brightness_accumulative(x, each(x, 1 + m)),
        "Color": lambda x, m: E.adjust_saturation_with_gray_subtraction(x, each(x, 1 + m)),
        "Contrast": lambda x, m: E.adjust_contrast_with_mean_subtraction(x, each(x, 1 + m)),
        "Sharpness": lambda x, m: E.sharpness(x, each(x, 1 + m)),
        "Posterize": lambda x, m: E.posterize(x, each(x, int(m)).int()),
        "Solarize": lambda x, m: E.solarize(x, each(x, m / 255)),
    }


def deviations(device: str, others: list[str]) -> list[dict]:
    """Of each operation at the level: largest difference to Pillow in grey levels, share of values that differ."""
    from torchvision.transforms import InterpolationMode, PILToTensor, RandAugment
    from torchvision.transforms.autoaugment import _apply_op

    images, size = pictures(32, 32), (32, 32)
    space, nearest = RandAugment()._augmentation_space(31, size), InterpolationMode.NEAREST
    theirs = kornia_operations() if "kornia" in others else {}
    found = []
    for name, setting in zip(NAMES, policies.settings("randaugment", LEVEL, size)[:14], strict=True):
        magnitude = float(space[name][0][LEVEL]) if space[name][0].ndim else 0.0
        pillow = torch.stack([PILToTensor()(_apply_op(to_pil(i), name, magnitude, nearest, None)) for i in images])
        values = {"kind": [setting.kind], "mask": [setting.mask], "threshold": [setting.threshold]}
        values |= {"matrix": setting.matrix, "factor": [setting.factor]}
        draws = Draws.of({f"0.{k}": torch.tensor(v).expand(32, -1) for k, v in values.items()}, (3, *size)).to(device)
        results = {
            "ours": rounds.apply_round(images.to(device), draws, 0, policies.WIDE, ()),
            "torchvision on tensors": _apply_op(images.to(device), name, magnitude, nearest, None),
        }
        if name in theirs:
            results["kornia"] = (theirs[name](images.to(device) / 255, magnitude) * 255).round()
        row: dict = {"operation": name}
        for who, result in results.items():
            difference = (result.cpu().int() - pillow.int()).abs()
            row[who] = [difference.max().item(), round((difference > 0).double().mean().item(), 4)]
        found.append(row)
        print(*(f"{key} {value}" for key, value in row.items()), sep="  ", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=25)
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    args = parser.parse_args()
    let_torchvision_be_imported()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    others = [name for name in ("kornia", "torchvision") if importlib.util.find_spec(name)]
    for name in {"kornia", "torchvision"} - set(others):
        print(f"{name} is not installed: skipped")
    found = {"speed": [row for size in BATCHES for row in speeds(size, args.device, args.repeats, others)]}
    if "torchvision" in others:
        found["deviation from Pillow"] = deviations(args.device, others)
    if args.out:
        about = {"command": shlex.join(["python", *sys.argv]), "hardware": hardware(), "versions": versions()}
        about |= {"commit": commit(), "threads": args.threads}
        if "kornia" in others:
            about["kornia"] = importlib.import_module("kornia").__version__
        args.out.write_text(json.dumps({**about, **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
