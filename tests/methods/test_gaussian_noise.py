"""Gaussian noise: of exactly its strength, on a share of the images, in training alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.methods import GaussianNoise, resolve_methods
from headstart.methods.noise import normals
from headstart.training import Recipe, load_run
from headstart.training.build import build_dataset
from headstart.training.trainee import build_trainee


def test_noise_has_its_strength_on_a_share_of_the_images() -> None:
    images, draws = torch.randn(200, 3, 6, 10), torch.rand(200, 3)
    changed, price = GaussianNoise(strength=0.3, share=0.25).augment(images, draws)
    assert price is None
    size = (changed - images).square().mean(dim=(1, 2, 3)).sqrt()
    torch.testing.assert_close(size, torch.where(draws[:, 0] < 0.25, 0.3, 0.0), atol=1e-6, rtol=0)
    drawn = normals(draws[:1, 1:], 3, 6, 10)
    (whole, _) = GaussianNoise(share=1.0).augment(images[:1], draws[:1])
    torch.testing.assert_close(whole - images[:1], 0.4 * drawn / drawn.square().mean().sqrt())


def test_a_cut_run_ends_with_the_same_bits_and_nothing_of_it_is_kept(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]]
) -> None:
    cut, whole = cut_and_whole(tiny.override(["methods=gaussian-noise", "ema=0.9"]))
    assert cut == whole
    plain = build_trainee(tiny, build_dataset(tiny)).model
    assert set(load_run(tmp_path / "whole").model.state_dict()) == set(plain.state_dict())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("gaussian-noise:strength=0", "gaussian-noise: strength must be a number above 0; got 0"),
        ("gaussian-noise:share=2", "gaussian-noise: share must be a number above 0, at most 1; got 2"),
    ],
)
def test_options_out_of_range_are_told(spec: str, message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        resolve_methods([spec])
    assert message in str(told.value)
