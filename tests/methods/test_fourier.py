"""Fourier augmentation: amplitudes by hand, phases and means untouched."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.methods import Fourier, resolve_methods
from headstart.methods.fourier import scaled_amplitudes
from headstart.training import Recipe


@pytest.mark.parametrize("shape", [(8, 8), (6, 9), (7, 4)])
def test_amplitudes_are_multiplied_and_phases_stay(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    images, normal = torch.randn(2, 3, *shape, dtype=torch.float64).float(), torch.randn(2, *shape)
    changed = scaled_amplitudes(images, normal, 0.5)
    before, after = (torch.fft.fft2(x.double()) for x in (images, changed))
    height, width = shape
    for y in range(height):
        for x in range(width):
            # The real image has both signs of a frequency: one factor for both, as for all channels.
            pair = (normal[:, y, x] + normal[:, -y % height, -x % width]) / 2**0.5
            factor = torch.exp(0.5 * pair) if (y, x) != (0, 0) else torch.ones(2)
            torch.testing.assert_close(
                after[:, :, y, x], before[:, :, y, x] * factor[:, None].double(), atol=1e-4, rtol=0
            )
    torch.testing.assert_close(changed.mean(dim=(2, 3)), images.mean(dim=(2, 3)))
    torch.testing.assert_close(scaled_amplitudes(images, normal, 0.0), images)


def test_a_share_of_the_images_is_changed_each_by_its_own_draws() -> None:
    images, draws = torch.randn(64, 3, 8, 12), torch.rand(64, 3)
    changed, price = Fourier().augment(images, draws)
    assert price is None and changed.dtype == torch.float32
    assert torch.equal((changed != images).flatten(1).any(dim=1), draws[:, 0] < 0.5)
    alone, _ = Fourier().augment(images[5:6], draws[5:6])
    torch.testing.assert_close(alone[0], changed[5])


def test_a_cut_run_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]]
) -> None:
    cut, whole = cut_and_whole(tiny.override(["methods=fourier"]))
    assert cut == whole


def test_options_out_of_range_are_told() -> None:
    with pytest.raises(HeadstartError, match="fourier: strength must be a number above 0; got 0"):
        resolve_methods(["fourier:strength=0"])
    with pytest.raises(HeadstartError, match="fourier: share must be a number above 0, at most 1; got 3"):
        resolve_methods(["fourier:share=3"])
