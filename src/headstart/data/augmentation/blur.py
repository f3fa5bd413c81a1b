"""Gaussian blur as three box blurs in each direction, the way Pillow does it.

Shapes: B images, C channels, H rows, W columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["NO_BLUR", "REACH", "blur", "blur_weights"]

BITS = 24
PASSES = 3
NO_BLUR = (1 << BITS, 0, 0, 1 << BITS - 1)
REACH = 2.0  # the largest standard deviation whose boxes reach no further than two pixels


def blur_weights(radii: Tensor) -> Tensor:
    """The box of each blur, in units of 2⁻²⁴: weights of the pixel, of those next to it, of those two away; rounding.

    A box of real radius r = l + a, l whole, weighs 2l + 1 pixels by 1 / (2r + 1) each and the two beyond by what is
    left. Three of them have the variance of a Gaussian of standard deviation σ when
    a = (2l + 1)(l(l + 1) − 3s) / 6(s − (l + 1)²), s = σ²/3, l = ⌊(√(12s + 1) − 1) / 2⌋.

    Args:
        radii: σ in pixels, (B,), above 0 up to 2.

    Returns:
        int64 (B, 4). The last is what is added before the sum is rounded down: a half, less what the weights lack of 1
        times the level 128, which :func:`blur` takes off.

    >>> blur_weights(torch.tensor([0.5, 2.0])).tolist()
    [[15379114, 699051, 0, 8388608], [4473924, 4473924, 1677722, 8388608]]
    """
    # In float32 but for the root, as Pillow's C code.
    s = radii.float().square() / PASSES
    l = (((12.0 * s.double() + 1.0).sqrt().float().double() - 1.0) / 2.0).floor().float()
    a = (2 * l + 1) * (l * (l + 1) - 3 * s) / (6 * (s - (l + 1) * (l + 1)))
    inner = (2.0**BITS / ((l + a) * 2 + 1)).to(torch.int64)
    whole = l.to(torch.int64)
    left = (1 << BITS) - (2 * whole + 1) * inner
    outer = left.div(2, rounding_mode="floor")
    rounding = (1 << BITS - 1) - 128 * (left - 2 * outer)
    return torch.stack([inner, inner.where(whole > 0, outer), outer * (whole > 0), rounding], 1)


def blur(images: Tensor, weights: Tensor) -> Tensor:
    """Three boxes along the rows, then three along the columns, each rounded to a level; edge pixels repeat outwards.

    Equals Pillow's ``ImageFilter.GaussianBlur`` bit for bit. torchvision's blur of tensors is one true Gaussian over
    reflected edges: the edges differ visibly, the inside by a few levels.

    Args:
        images: uint8 (B, C, H, W).
        weights: int32 (B, 4) of :func:`blur_weights`; :data:`NO_BLUR` leaves an image.

    Returns:
        uint8 (B, C, H, W).
    """
    # Levels from −128 to 127, so that sums fit int32: 255 · 2²⁴ would not.
    center, near, far, rounding = weights[:, :, None, None, None].unbind(1)
    out = images.to(torch.int32).sub_(128)
    for _ in range(2):
        # Shifting whole rows is faster than shifting pixels in a row; turned twice, the image lies as it did.
        out = out.mT.contiguous()
        size = out.shape[2]
        for _ in range(PASSES):
            first, last = (edge.expand(-1, -1, 2, -1) for edge in (out[:, :, :1], out[:, :, -1:]))
            wide = torch.cat([first, out, last], 2)
            m2, m1, p0, p1, p2 = (wide.narrow(2, shift, size) for shift in range(5))
            out = (m1 + p1).mul_(near).add_((m2 + p2).mul_(far)).add_(rounding).add_(p0 * center)
            out.bitwise_right_shift_(BITS)
    return out.add_(128).to(torch.uint8)
