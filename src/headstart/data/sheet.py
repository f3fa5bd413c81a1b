"""A contact sheet: a few images of each class on one picture, as a model will see them."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from headstart.data.collection import Collection
from headstart.data.disk import writing

__all__ = ["contact_sheet", "save_sheet"]

SIDE = 72  # pixels of a thumbnail at least; smaller images are enlarged by whole numbers, so that pixels stay sharp
LARGEST = 112
GAP = 3
TEXT = 13
MARGIN = 8


def contact_sheet(found: Collection, *, columns: int = 12, rows: int = 40, part: str = "train") -> Image.Image:
    """The first ``rows`` classes from top to bottom, each with its name, its count and ``columns`` of its images.

    The images of a class are taken at equal distances from its first to its last one.
    """
    split = found.parts[part].split
    height, width = split.image_shape[1:]
    scale = max(1, round(SIDE / max(height, width)))
    side = (width * scale, height * scale) if max(height, width) * scale <= LARGEST else _fitting(width, height)
    font = _font()
    shown = range(min(len(found.classes), rows))
    members = [(split.labels == label).nonzero().flatten() for label in shown]
    texts = [f"{_short(found.classes[label])}\n{len(members[label]):,}" for label in shown]
    left = MARGIN + max(int(font.getlength(line)) for text in texts for line in text.splitlines()) + 2 * GAP
    more = len(found.classes) - len(shown)
    title = f"{found.name}, {part}: {len(split):,} images of {width}×{height}, {len(found.classes)} classes"
    title += f", the first {len(shown)} of them" if more else ""
    top = MARGIN + TEXT + 3 * GAP
    size = (left + columns * (side[0] + GAP) + MARGIN, top + len(shown) * (side[1] + GAP) + MARGIN)
    sheet = Image.new("RGB", (max(size[0], MARGIN * 2 + int(font.getlength(title))), size[1]), "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 2), title, fill="black", font=font)
    for row, label in enumerate(shown):
        y = top + row * (side[1] + GAP)
        draw.multiline_text((MARGIN, y + max(0, side[1] // 2 - TEXT - 2)), texts[label], fill="black", font=font)
        for column, image in enumerate(_pictures(split[_spread(members[label], columns)].images)):
            resample = Image.Resampling.NEAREST if side[0] >= width else Image.Resampling.LANCZOS
            sheet.paste(image.resize(side, resample), (left + column * (side[0] + GAP), y))
    return sheet


def save_sheet(sheet: Image.Image, path: Path) -> Path:
    """Write a PNG, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    with writing(path.parent.absolute(), "name with --out a file in"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            sheet.save(part, "PNG")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    return path


def _fitting(width: int, height: int) -> tuple[int, int]:
    scale = LARGEST / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _spread(members: Tensor, count: int) -> Tensor:
    if len(members) <= count:
        return members
    return members[torch.linspace(0, len(members) - 1, count).long()]


def _pictures(images: Tensor) -> list[Image.Image]:
    arrays = images.permute(0, 2, 3, 1).contiguous().numpy()
    return [Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array) for array in arrays]


def _font() -> ImageFont.FreeTypeFont:
    """The font that matplotlib brings along: it has accents, Greek and Cyrillic, which Pillow's own lacks."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"), TEXT)


def _short(name: str, length: int = 24) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
