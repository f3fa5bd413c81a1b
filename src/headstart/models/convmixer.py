"""ConvMixer (2201.09792), whose spatial filters may be chosen instead of learned (2401.12511, 2404.01139).

Shapes: ``B`` images, ``D`` width, ``h``, ``w`` the grid of patches, ``k`` kernel side, ``K`` classes.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from headstart.errors import HeadstartError, unknown
from headstart.models.checks import check_whole, sides
from headstart.models.filters import FILTERS, filter_bank

__all__ = ["ConvMixer", "create_convmixer"]


class Depthwise(nn.Conv2d):
    """One k×k filter for each channel; the map keeps its size, zeros beyond the border.

    An even kernel has no centre: as with PyTorch's ``padding="same"``, tap i is at offset i − ⌊(k − 1)/2⌋, one cell
    further down and to the right than up and to the left (−3 … 4 for k = 8).
    """

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__(width, width, kernel, groups=width)
        self.before, self.behind = (kernel - 1) // 2, kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        if self.before == self.behind:
            return F.conv2d(x, self.weight, self.bias, padding=self.before, groups=self.groups)
        x = F.pad(x, (self.before, self.behind, self.before, self.behind))
        return F.conv2d(x, self.weight, self.bias, groups=self.groups)


class Residual(nn.Module):
    """x + fn(x)."""

    def __init__(self, fn: nn.Module) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fn(x)


class ConvMixer(nn.Module):
    """Patches, then blocks that mix space and channels in turn, mean over the map, linear layer.

    One block: x ← x + BN(GELU(depthwise k×k (x))), then x ← BN(GELU(pointwise (x))). Patches are a convolution of
    kernel and stride ``patch_size``, GELU and BN. See :func:`create_convmixer` for the arguments. Any image whose sides
    are whole numbers of patches is taken.
    """

    num_prefix_tokens = 0

    def __init__(
        self, in_channels: int, num_classes: int, width: int, depth: int, kernel: int, patch_size: tuple[int, int],
        spatial_activation: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.in_channels, self.patch_size = in_channels, patch_size
        # The names are timm's, so that weights go both ways.
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, patch_size, patch_size), nn.GELU(), nn.BatchNorm2d(width)
        )
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(
                    Residual(
                        nn.Sequential(
                            Depthwise(width, kernel),
                            nn.GELU() if spatial_activation else nn.Identity(),
                            nn.BatchNorm2d(width),
                        )
                    ),
                    nn.Conv2d(width, width, 1),
                    nn.GELU(),
                    nn.BatchNorm2d(width),
                )
                for _ in range(depth)
            )
        )
        self.head = nn.Linear(width, num_classes)

    @property
    def spatial(self) -> list[Depthwise]:
        """The depthwise convolution of each block."""
        return [module for module in self.blocks.modules() if isinstance(module, Depthwise)]

    def forward_features(self, images: Tensor) -> Tensor:
        """The last map as tokens, (B, N, D), row by row (timm's gives the map itself)."""
        if (
            images.ndim != 4
            or images.shape[1] != self.in_channels
            or any(side == 0 or side % patch for side, patch in zip(images.shape[2:], self.patch_size, strict=True))
        ):
            patches = f"{self.patch_size[0]}×{self.patch_size[1]}"
            raise HeadstartError(
                f"convmixer: expected images of shape (B, {self.in_channels}, height, width), sides whole numbers of "
                f"patches of {patches}, got {tuple(images.shape)}; resize them, or choose another patch_size."
            )
        return self.blocks(self.stem(images)).flatten(2).transpose(1, 2)

    def forward_head(self, tokens: Tensor) -> Tensor:
        """Logits, (B, K), of the tokens of :meth:`forward_features`."""
        return self.head(tokens.mean(dim=1))

    def forward(self, images: Tensor) -> Tensor:
        """Logits, (B, K)."""
        return self.forward_head(self.forward_features(images))


def create_convmixer(
    *,
    num_classes: int = 10,
    image_size: int | tuple[int, int] = 32,
    in_channels: int = 3,
    width: int = 256,
    depth: int = 8,
    kernel: int = 5,
    patch_size: int | tuple[int, int] = 2,
    filters: str = "learned",
    frozen: bool | None = None,
    taps: int | None = None,
    variance: float = 1.0,
    spatial_activation: bool = True,
) -> ConvMixer:
    """A ConvMixer with spatial filters of a chosen kind, weights from the global random state as for every layer.

    Structure and names are those of timm's ``ConvMixer``: ``load_state_dict`` takes weights both ways. Two models made
    at the same random state, alike but for ``filters``, have the same weights everywhere else.

    Args:
        num_classes: K.
        image_size: pixels, an int or (height, width); only checked against ``patch_size``.
        in_channels: 1 for grey images.
        width: D.
        depth: number of blocks.
        kernel: k, odd or even.
        patch_size: pixels, an int or (height, width).
        filters: ``learned`` (usual start, trained), ``random`` (usual start, left as it is), ``impulse``, ``box`` or
            ``gaussian``: see :func:`~headstart.models.filters.filter_bank`. Each block draws its own.
        frozen: whether spatial filters and their biases stay as they are; all but ``learned`` do unless given.
            ``filters="impulse", frozen=False`` is the structured initialization of a CNN: it starts from shifts.
        taps: of a box; all k² unless given.
        variance: of a Gaussian, in cells².
        spatial_activation: the GELU behind the spatial filters. False leaves it out, as the code of 2401.12511 does:
            a block's spatial filters are then exactly the span of its bank, see
            :func:`~headstart.models.filters.rank_of`.

    Differs from the released codes in the energy of the banks (see there). Theirs can also share a few filters among
    all channels, and train filters through a softmax; both are left out. Biases of frozen filters are random and frozen
    as there.

    Raises :class:`~headstart.errors.HeadstartError` for unknown filters and sizes that do not fit.

    >>> import torch
    >>> model = create_convmixer(width=32, depth=2, filters="impulse")
    >>> model(torch.zeros(2, 3, 32, 32)).shape, model.spatial[0].weight.requires_grad
    (torch.Size([2, 10]), False)
    """
    if filters not in FILTERS:
        raise unknown("filters", filters, FILTERS)
    if filters == "learned" and frozen:
        raise HeadstartError("filters=learned are trained; for the same start left as it is use filters=random.")
    check_whole("convmixer", width=width, depth=depth, kernel=kernel, in_channels=in_channels)
    check_whole("convmixer", least=0, num_classes=num_classes)
    image, patch = sides("convmixer", "image_size", image_size), sides("convmixer", "patch_size", patch_size)
    if any(pixels % side for pixels, side in zip(image, patch, strict=True)):
        raise HeadstartError(
            f"convmixer: images of {image[0]}×{image[1]} are not a whole number of patches of {patch[0]}×{patch[1]}; "
            "choose a patch_size that divides both sides."
        )
    model = ConvMixer(in_channels, num_classes, width, depth, kernel, patch, spatial_activation)
    # Only now, so that all other weights are the same whatever the filters.
    for layer in model.spatial:
        bank = filter_bank(filters, width, kernel, taps=taps, variance=variance)
        if filters not in ("learned", "random"):  # those have their start already
            layer.weight.data.copy_(bank)
        layer.requires_grad_(not (filters != "learned" if frozen is None else frozen))
    return model
