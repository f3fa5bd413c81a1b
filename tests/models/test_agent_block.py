import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.models.agent_block import AgentBlock, BlockWeights, Stem, generalised_conv, shifts


def read_from(x: Tensor, dy: int, dx: int) -> Tensor:
    """Φ: at each place what stands (dy, dx) further, zeros outside."""
    height, width = x.shape[2:]
    reach = max(abs(dy), abs(dx))
    wide = F.pad(x, (reach, reach, reach, reach))
    return wide[:, :, reach + dy : reach + dy + height, reach + dx : reach + dx + width]


@pytest.mark.parametrize("heads", [1, 2, 3, 4, 5, 6, 8, 9, 12, 16])
def test_it_is_the_sum_over_taps_of_shifted_maps_times_their_weights(heads: int) -> None:
    x, taps, bias = torch.randn(2, 5, 3, 4), torch.randn(6, 5, heads), torch.randn(6)
    expected = bias[:, None, None] + sum(
        torch.einsum("bihw,oi->bohw", read_from(x, *shift), taps[:, :, index])
        for index, shift in enumerate(shifts(heads))
    )
    torch.testing.assert_close(generalised_conv(x, taps, bias), expected)


def test_nine_taps_are_a_3x3_convolution_and_six_its_first_six() -> None:
    x, kernel = torch.randn(1, 2, 4, 4), torch.randn(3, 2, 3, 3)
    torch.testing.assert_close(generalised_conv(x, kernel.flatten(2), None), F.conv2d(x, kernel, padding=1))
    first = kernel.flatten(2)[:, :, :6]
    kernel[:, :, 2] = 0
    torch.testing.assert_close(generalised_conv(x, first, None), F.conv2d(x, kernel, padding=1))
    assert shifts(6) == [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 0), (0, 1)]


@pytest.mark.parametrize("heads", range(1, 17))
def test_a_place_itself_is_always_read(heads: int) -> None:
    if heads == 2:
        assert shifts(2) == [(0, 0), (0, 1)]
    side = math.ceil(math.sqrt(heads))
    assert (0, 0) in shifts(heads)
    assert len(set(shifts(heads))) == heads and max(abs(c) for shift in shifts(heads) for c in shift) <= side // 2


def test_gradients() -> None:
    inputs = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in ((1, 2, 3, 2), (2, 2, 3), (2,))]
    assert torch.autograd.gradcheck(generalised_conv, inputs)


def test_a_block_by_hand() -> None:
    block = AgentBlock(4, 9, 8).eval()
    x = torch.randn(2, 4, 3, 5)
    w = block.weights()
    normed = x / math.sqrt(1 + 1e-5)  # fresh running statistics: mean 0, variance 1
    middle = x + F.conv2d(normed, w.taps.unflatten(2, (3, 3)), padding=1)
    tokens = (middle / math.sqrt(1 + 1e-5)).flatten(2).transpose(1, 2)
    expected = middle + F.linear(F.gelu(F.linear(tokens, w.fc1)), w.fc2).transpose(1, 2).unflatten(2, (3, 5))
    torch.testing.assert_close(block(x), expected)


def test_a_block_without_weights_of_its_own_is_handed_them() -> None:
    whole, bare = AgentBlock(4, 3, 8), AgentBlock(4, 3, 8, own=False)
    assert set(dict(bare.named_parameters())) == {"norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"}
    x = torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(bare(x, whole.weights()), whole(x))
    without = BlockWeights(*(t if t.ndim > 1 else None for t in whole.weights()))  # type: ignore[arg-type, union-attr]
    torch.testing.assert_close(bare(x, without), whole(x))  # biases start at nought


@pytest.mark.parametrize(
    ("patch", "layers"),
    [
        ((16, 16), ["Conv2d", "BatchNorm2d", "GELU", "MaxPool2d", "Conv2d"]),
        ((8, 4), ["Conv2d", "BatchNorm2d", "GELU", "Conv2d"]),
        ((2, 2), ["Conv2d", "BatchNorm2d", "GELU", "Conv2d"]),
        ((16, 4), ["Conv2d", "BatchNorm2d", "GELU", "MaxPool2d", "Conv2d"]),
    ],
)
def test_the_finer_stem_gives_twice_the_grid(patch: tuple[int, int], layers: list[str]) -> None:
    stem = Stem(3, 10, patch)
    assert [type(layer).__name__ for layer in stem] == layers
    assert stem(torch.zeros(2, 3, 3 * patch[0], 5 * patch[1])).shape == (2, 10, 6, 10)


def test_a_patch_that_cannot_be_halved_is_told() -> None:
    with pytest.raises(HeadstartError, match=r"sides of 2, 4, 8, 16 pixels, got \(3, 4\); use stem=base"):
        Stem(3, 10, (3, 4))
