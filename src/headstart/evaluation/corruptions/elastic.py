"""The image drawn on rubber: three points of it pulled, then every pixel a little by itself.

Shapes: B images, C channels, H rows, W columns; images float32 (B, C, H, W) in [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from headstart.evaluation.corruptions.draws import Draws
from headstart.evaluation.corruptions.linear import gaussian_matrix

__all__ = ["elastic_transform"]


def elastic_transform(images: Tensor, parameters: tuple[float, float, float], draws: Draws) -> Tensor:
    """A random affine map, then displacements α·G_σ(u), u uniform in [−1, 1] for each pixel and direction.

    The affine map takes three corners of the square of side 2·⌊min(H, W)/3⌋ in the middle to places drawn up to
    ``pull`` pixels away in each direction. Beyond the border the image goes on mirrored (border pixel once there, twice
    for the displacements). Both steps are bilinear; G_σ is a Gaussian cut off at 3σ.

    Differs from the released code in that its affine map, OpenCV's, rounds places to 1/32 of a pixel.

    Args:
        images: to be corrupted.
        parameters: (α, σ, pull) in pixels.
        draws: of the pulls and of u.
    """
    alpha, sigma, pull = parameters
    height, width = images.shape[-2:]
    here = _places(height, width, images.device)
    moved = _sample(images, _affine_places(here, height, width, pull, draws), align_corners=True)
    shift = draws.uniform(-1, 1, 2, height, width)
    if alpha == 0:
        return moved
    if sigma:
        rows, columns = (gaussian_matrix(n, sigma, 3.0, "reflect").to(images.device) for n in (height, width))
        shift = rows @ shift @ columns.T
    return _sample(moved, here + alpha * shift.movedim(1, -1), align_corners=False)


def _places(height: int, width: int, device: torch.device) -> Tensor:
    """(H, W, 2): column and row of each pixel."""
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    return torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1).float()


def _affine_places(here: Tensor, height: int, width: int, pull: float, draws: Draws) -> Tensor:
    """(B, H, W, 2): where each pixel of the result lies in the image."""
    a, b, side = height // 2, width // 2, min(height, width) // 3  # as released, (row, column) of the middle
    corners = here.new_tensor([[a + side, b + side], [a + side, b - side], [a - side, b - side]]).double()
    pulled = corners + draws.uniform(-pull, pull, 3, 2).double()
    ones = torch.ones(3, 1, dtype=torch.float64, device=here.device)
    # The map back, from pulled corners to corners: [x y 1] · M.
    back = torch.linalg.solve(torch.cat([pulled, ones.expand(len(pulled), 3, 1)], -1), corners.expand_as(pulled))
    flat = torch.cat([here.flatten(0, 1).double(), ones[:1].expand(height * width, 1)], -1)
    return (flat @ back).view(-1, height, width, 2).float()


def _sample(images: Tensor, places: Tensor, align_corners: bool) -> Tensor:
    """Bilinear values at ``places`` (B, H, W, 2); mirrored about the border pixel's middle, or about its outer edge."""
    size = images.new_tensor([images.shape[-1], images.shape[-2]])
    grid = 2 * places / (size - 1) - 1 if align_corners else (2 * places + 1) / size - 1
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=align_corners)
