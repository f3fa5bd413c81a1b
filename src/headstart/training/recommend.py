"""A recipe for a dataset that has none of its own: from how many images there are, and how large they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from headstart.data.say import untold
from headstart.data.sources import SOURCES
from headstart.errors import HeadstartError
from headstart.training.build import build_dataset
from headstart.training.recipe import Recipe

__all__ = ["Facts", "Recommendation", "facts_of", "recommend"]

FEW, MANY = 10_000, 500_000  # training images: below FEW a narrow ViT, from MANY on a ViT-Small
LARGEST_GRID = 32  # patches a side


@dataclass(frozen=True)
class Facts:
    """What a recommendation goes by.

    Args:
        images: for training, after holding back and after a limit.
        size: side in pixels.
        channels: 1 or 3.
        flip_ok: whether a mirrored image keeps its label; None where only the owner of the images can tell.
        content: of own images, see :class:`~headstart.data.Dataset`; empty for a known dataset.
    """

    images: int
    size: int
    channels: int
    flip_ok: bool | None
    content: str = ""


@dataclass(frozen=True)
class Recommendation:
    """A recipe, and for each choice in it a line that says what it was made by.

    Args:
        recipe: the recipe.
        lines: the keys that were chosen together, and why.
    """

    recipe: Recipe
    lines: tuple[tuple[tuple[str, ...], str], ...] = ()

    def changed(self, assignments: Iterable[str]) -> Recommendation:
        """With ``key=value`` applied; choices that this overrules lose their line."""
        recipe = self.recipe.override(assignments)
        lines = [(keys, text) for keys, text in self.lines if all(_same(self.recipe, recipe, key) for key in keys)]
        return Recommendation(recipe, tuple(lines))

    @property
    def reasons(self) -> tuple[str, ...]:
        return tuple(text for _, text in self.lines)


def facts_of(recipe: Recipe) -> Facts:
    """The facts of a recipe's dataset; known datasets are not loaded for it, own images are decoded into the cache."""
    source = SOURCES.get(recipe.dataset_name) if recipe.dataset.partition(":")[0] in SOURCES else None
    if source is None:
        with untold():
            dataset = build_dataset(recipe)
        size = dataset.image_size
        assert isinstance(size, int)  # the cache makes all images square
        known = dataset.name == "digits"
        return Facts(len(dataset.train), size, dataset.channels, dataset.flip_ok if known else None, dataset.content)
    count = source.counts["train"]
    images = float(count if isinstance(count, int) else count[0])
    images *= 1.0 if "test" in source.counts else 0.8
    images *= 1.0 if "val" in source.counts else 1 - recipe.val_fraction
    kept = source.classes
    if recipe.classes is not None:
        kept = len(build_dataset(recipe).classes)  # what a text chooses is known beside the names only
        images *= kept / source.classes
    images *= recipe.fraction or 1.0
    images = min(images, recipe.limit or images, (recipe.per_class or images) * kept)
    return Facts(round(images), recipe.image_size or source.image_size, source.channels, source.flip_ok)


def recommend(dataset: str, facts: Facts, patch_size: int | None = None) -> Recommendation:
    """The recommended recipe for ``dataset``, around a ``patch_size`` that was chosen already if one is given.

    =====================  ======================================================================
    fewer than 10,000      width 96, depth 4, 3 heads: the ViT of the recipe ``cifar10_small``
    fewer than 500,000     ViT-Tiny: that of the recipe ``cifar10``
    more                   ViT-Small, 30 passes instead of 100
    below 16 pixels        patches of 2 pixels, no shifts
    below 48, 112, above   patches of 4, 8, 16 pixels, shifts by up to an eighth of the side
    =====================  ======================================================================

    A patch size that does not divide the side gives way to the largest smaller one that does.

    Raises:
        HeadstartError: if no patch size gives a grid of at most 32×32.

    >>> recommend("photos", Facts(images=675, size=224, channels=3, flip_ok=None)).recipe.patch_size
    16
    """
    images, size = facts.images, facts.size
    wanted = 2 if size < 16 else 4 if size < 48 else 8 if size < 112 else 16
    patch = patch_size or next(p for p in range(wanted, 0, -1) if size % p == 0)
    grid = size // patch
    if grid > LARGEST_GRID and patch_size is None:
        raise HeadstartError(
            f"images of {size}×{size} can't be cut into patches of {wanted // 2} to {wanted} pixels: choose a side "
            f"that can, for example --set image_size={min(size // wanted, LARGEST_GRID) * wanted}, "
            "or the patches, with --set patch_size"
        )
    lines: list[tuple[tuple[str, ...], str]] = []
    if images < FEW:
        model: dict[str, object] = {"model": "tiny", "width": 96, "depth": 4, "heads": 3}
        text = f"{images:,} training images: a ViT of width 96, depth 4 and 3 heads (fewer than {FEW:,})"
    else:
        model = {"model": "tiny" if images < MANY else "small"}
        text = f"{images:,} training images: ViT-{str(model['model']).title()} ({FEW:,} or more)"
    lines.append((("model", "width", "depth", "heads"), text))
    lines.append((("patch_size",), f"{size}×{size} pixels: patches of {patch}, a grid of {grid}×{grid}"))
    batch_size = 64 if images < 2_000 else 128 if images < 20_000 else 512
    passes = 100 if images < MANY else 30
    lines.append((("batch_size", "passes"), f"batches of {batch_size}, {passes} passes"))
    crop = 0 if size < 16 else size // 8
    flip = facts.flip_ok if facts.flip_ok is not None else facts.channels == 3
    augmentation = [f"shifts by up to {crop} pixels" if crop else "no shifts", "mirrored" if flip else "not mirrored"]
    lines.append((("crop", "flip"), "augmentation: " + ", ".join(augmentation) + _of_flip(facts, flip)))
    choices = {"patch_size": patch, "crop": crop, "flip": flip, "passes": passes, "batch_size": batch_size}
    recipe = Recipe(dataset=dataset, content=facts.content or None, **choices, **model)
    return Recommendation(recipe, tuple(lines))


def _same(one: Recipe, other: Recipe, key: str) -> bool:
    return bool(getattr(one, key) == getattr(other, key))


def _of_flip(facts: Facts, flip: bool) -> str:
    if facts.flip_ok is not None:
        return ""
    if flip:
        return " (colour photos; --set flip=false if left and right matter)"
    return " (grey images may be writing or scans; --set flip=true if left and right are alike)"
