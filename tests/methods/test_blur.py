"""The filter of smoothing: kernels by hand, zeros outside, gradients."""

import pytest
import torch
from torch import nn

from headstart.methods.blur import Blur, gaussian

from .smoothed_models import images

SIGMA_1 = [[0.0751, 0.1238, 0.0751], [0.1238, 0.2042, 0.1238], [0.0751, 0.1238, 0.0751]]
SIGMA_HALF = [[0.0113, 0.0838, 0.0113], [0.0838, 0.6193, 0.0838], [0.0113, 0.0838, 0.0113]]


@pytest.mark.parametrize(("sigma", "expected"), [(1.0, SIGMA_1), (0.5, SIGMA_HALF)])
def test_kernels_are_those_computed_by_hand(sigma: float, expected: list[list[float]]) -> None:
    torch.testing.assert_close(gaussian(3, sigma), torch.tensor(expected, dtype=torch.float64), atol=5e-5, rtol=0)
    for side in (3, 5, 7):
        kernel = gaussian(side, sigma)
        i, j = torch.meshgrid(*[torch.arange(side) - side // 2] * 2, indexing="ij")
        whole = torch.exp(-(i**2 + j**2) / (2 * sigma**2)).double()
        torch.testing.assert_close(kernel, whole / whole.sum(), atol=1e-7, rtol=0)
        assert kernel.sum().item() == pytest.approx(1, abs=1e-12)


def test_at_no_width_the_kernel_is_a_one_among_zeros() -> None:
    for sigma in (0.0, 1e-3, 1e-200):
        assert gaussian(3, sigma).flatten().tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert gaussian(3, 0.2)[1, 1].item() == pytest.approx(0.99999, abs=1e-5)


def test_a_filter_is_the_weighted_sum_of_neighbours_with_zeros_outside() -> None:
    blur = Blur(3, True, torch.zeros(()))
    blur.become(1.0)
    x = images(1, 2, 3, 4)
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    by_hand = sum(blur.kernel[i, j] * padded[:, :, i : i + 3, j : j + 4] for i in range(3) for j in range(3))
    torch.testing.assert_close(blur(x), by_hand)
    one = torch.zeros(1, 1, 3, 3)
    one[0, 0, 0, 0] = 1  # a corner loses what falls outside: 0.2042 + 2 · 0.1238 + 0.0751 is left
    assert blur(one).sum().item() == pytest.approx(0.2042 + 2 * 0.1238 + 0.0751, abs=1e-4)


def test_gradients_of_a_filter_are_right() -> None:
    blur = Blur(3, True, torch.zeros((), dtype=torch.float64))
    blur.become(0.7)
    assert torch.autograd.gradcheck(blur, images(2, 2, 3, 4).double().requires_grad_())
