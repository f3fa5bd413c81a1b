"""Frost on the window: published photographs of it where they are at hand, else frost that is made up.

Shapes: B images, C channels, H rows, W columns; images float32 (B, C, H, W) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from headstart.errors import HeadstartError
from headstart.evaluation.corruptions.draws import Draws

__all__ = ["PHOTOGRAPHS", "frost", "made_frost", "read_frost"]

# The released code draws one of the first five; its sixth photograph is never used.
PHOTOGRAPHS = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")

# Of those photographs: mean of red, green and blue, and the standard deviation inside a square of 224 pixels, of the
# photograph, or of 32 pixels, of the photograph reduced to a fifth; in levels.
PANES = torch.tensor(
    [
        [78, 149, 166, 16, 11],
        [201, 205, 214, 20, 12],
        [201, 205, 214, 20, 12],
        [138, 153, 165, 27, 15],
        [112, 123, 135, 36, 24],
    ]
)
BETWEEN = 10.0  # standard deviation, in levels, of the means of such squares
SLOPE = -1.9  # of their power over spatial frequency, both as logarithms


def frost(
    images: Tensor,
    parameters: tuple[float, float],
    draws: Draws,
    *,
    photographs: Sequence[Tensor] | None = None,
) -> Tensor:
    """image·x + ice·frost; parameters are (image, ice).

    Args:
        images: one channel or three; for one, the frost's luminance.
        parameters: the two weights.
        draws: of the photograph and the place in it, or of the whole frost.
        photographs: of :func:`read_frost`; :func:`made_frost` when None, which is **not the published corruption**.

    Raises:
        HeadstartError: if a photograph is not larger than the images.
    """
    image, ice = parameters
    channels, height, width = images.shape[1:]
    if photographs is None:
        layer = made_frost(height, width, draws)
    else:
        layer = _cut(photographs, height, width, draws).to(images.device)
    if channels == 1:
        layer = (layer * layer.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    return image * images + ice * layer


def made_frost(height: int, width: int, draws: Draws) -> Tensor:
    """Frost of our own making, float32 (B, 3, H, W): bright veins on a bluish pane, like one of the five photographs.

    Colour, spread and spectrum are those measured on the photographs; the veins are where noise of that spectrum
    crosses nought. It is smooth where real ice has needles.
    """
    pane = PANES.to(torch.float32)[draws.integers(0, len(PANES), 1)[:, 0].cpu()] / 255
    noise = draws.normal(height, width)
    device = noise.device
    pane = pane.to(device)
    down, across = torch.fft.fftfreq(height, device=device), torch.fft.rfftfreq(width, device=device)
    frequency = torch.hypot(*torch.meshgrid(down, across, indexing="ij"))
    frequency[0, 0] = torch.inf
    field = torch.fft.irfft2(torch.fft.rfft2(noise) * frequency ** (SLOPE / 2), s=(height, width))
    veins = -field.abs()
    veins = veins - veins.mean((1, 2), keepdim=True)
    veins = veins / veins.square().mean((1, 2), keepdim=True).sqrt()
    spread = pane[:, 3] if min(height, width) > 84 else pane[:, 4]
    level = pane[:, :3] + draws.normal(1) * (BETWEEN / 255)
    return (level[..., None, None] + (spread[:, None, None] * veins)[:, None]).clamp(0, 1)


def read_frost(folder: str | Path, scale: float) -> list[Tensor]:
    """The five published photographs in ``folder``, reduced to ``scale``: float32 (3, height, width) in [0, 1] each.

    They come with the released code and with the package ``imagecorruptions``, in folders named ``frost``.

    Raises:
        HeadstartError: naming the photographs that are missing.
    """
    folder = Path(folder)
    missing = [name for name in PHOTOGRAPHS if not (folder / name).is_file()]
    if missing:
        raise HeadstartError(
            f"expected the photographs {', '.join(PHOTOGRAPHS)} in {folder}, found no {', '.join(missing)}: copy the "
            "folder `frost` of the released code, or name none and frost is made up."
        )
    photographs = []
    for name in PHOTOGRAPHS:
        with Image.open(folder / name) as file:
            pixels = torch.from_numpy(np.array(file.convert("RGB"))).permute(2, 0, 1).float() / 255
        if scale != 1:
            size = [round(n * scale) for n in pixels.shape[1:]]
            pixels = F.interpolate(pixels[None], size, mode="bilinear")[0]
        photographs.append(pixels)
    return photographs


def _cut(photographs: Sequence[Tensor], height: int, width: int, draws: Draws) -> Tensor:
    rows, columns = (min(photo.shape[axis] for photo in photographs) for axis in (1, 2))
    if rows <= height or columns <= width:
        raise HeadstartError(
            f"frost photographs of {rows}×{columns} pixels don't cover images of {height}×{width}: expected larger "
            "ones; name none and frost is made up."
        )
    chosen = draws.integers(0, len(photographs), 1)[:, 0].tolist()
    places = draws.uniform(0, 1, 2).tolist()
    cut = []
    for which, (down, right) in zip(chosen, places, strict=True):
        photo = photographs[which]
        top, left = int(down * (photo.shape[1] - height)), int(right * (photo.shape[2] - width))
        cut.append(photo[:, top : top + height, left : left + width])
    return torch.stack(cut)
