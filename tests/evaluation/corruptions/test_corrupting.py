import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.evaluation.corruptions import CORRUPTIONS, SEVERITIES, SUITES, corrupt
from headstart.evaluation.corruptions.corrupting import corrupt_with_seeds
from headstart.evaluation.corruptions.draws import image_seeds

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "corruptions.json").read_text())
DRAWN = {
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "glass_blur",
    "motion_blur",
    "snow",
    "fog",
    "elastic_transform",
}
FIXED = set(CORRUPTIONS) - DRAWN - {"frost"}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def psnr(clean: Tensor, other: Tensor) -> Tensor:
    return 10 * torch.log10(255**2 / (clean.double() - other.double()).square().mean((1, 2, 3)))


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "frost"])
def test_small_images_lose_what_the_released_code_takes(name: str, photos: Tensor) -> None:
    for severity, (level, mean, sd) in zip(SEVERITIES, GOLDEN["cifar-c"][name], strict=True):
        out = corrupt(photos, name, severity, generator(severity))
        # Where nothing is drawn the images are the same, but for rounding; else four standard errors of 64 images.
        allowed = 0.06 if name in FIXED else 0.05 + 4 * sd / 8
        assert psnr(photos, out).mean() == pytest.approx(level, abs=allowed), severity
        # Clouds have no mean of their own; that of 64 images is known to about a level.
        assert out.double().mean() == pytest.approx(mean, abs=0.3 if name in FIXED else 5 if name == "fog" else 1.5)


@pytest.mark.parametrize("name", [name for name in CORRUPTIONS if name != "frost"])
def test_large_images_lose_what_the_released_code_takes(name: str, large_photos: Tensor) -> None:
    unstored = replace(SUITES["imagenet-c"], stored=None)
    images = large_photos if name in FIXED else large_photos.repeat(2, 1, 1, 1)
    for severity, (level, mean, sd) in zip(SEVERITIES, GOLDEN["imagenet-c"][name], strict=True):
        out = corrupt(images, name, severity, generator(severity), suite=unstored)
        allowed = 0.06 if name in FIXED else 0.1 + 4 * sd / 2
        assert psnr(images, out).mean() == pytest.approx(level, abs=allowed), severity
        assert name == "fog" or out.double().mean() == pytest.approx(mean, abs=0.3 if name in FIXED else 12), severity


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_an_image_comes_out_the_same_in_any_batch(name: str, photos: Tensor) -> None:
    seeds = image_seeds(20, generator(3))
    whole = corrupt_with_seeds(photos[:20], name, 3, seeds)
    assert whole.equal(corrupt(photos[:20], name, 3, generator(3)))
    part = torch.tensor([17, 2, 5])
    alone = corrupt_with_seeds(photos[part], name, 3, seeds[part])
    # Matrix products of another size may be summed in another order; a level at most comes of it, and seldom.
    differs = (whole[part].int() - alone.int()).abs()
    assert differs.max() <= 1 and (differs > 0).double().mean() < 1e-3
    assert not whole.equal(photos[:20])


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_harder_severity_is_harder(name: str, photos: Tensor) -> None:
    if name in ("elastic_transform", "frost", "glass_blur", "shot_noise", "motion_blur"):
        pytest.skip("the published parameters don't grow in every step")
    losses = [float(psnr(photos, corrupt(photos, name, severity, generator())).mean()) for severity in SEVERITIES]
    assert losses == sorted(losses, reverse=True)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_grey_and_oblong_images_of_few_pixels(name: str) -> None:
    images = torch.randint(256, (3, 1, 8, 10), dtype=torch.uint8, generator=generator())
    for severity in SEVERITIES:
        out = corrupt(images, name, severity, generator())
        assert out.shape == images.shape and out.dtype == torch.uint8


@pytest.mark.parametrize(
    "name", ["brightness", "contrast", "pixelate", "zoom_blur", "defocus_blur", "motion_blur", "fog"]
)
def test_grey_images_become_what_three_equal_channels_do(name: str, photos: Tensor) -> None:
    grey = photos[:8, :1]
    out = corrupt(grey, name, 4, generator())
    three = corrupt(grey.expand(-1, 3, -1, -1).contiguous(), name, 4, generator())
    assert (out.int() - three.int()).abs().max() <= 1


def test_large_images_are_stored_as_jpeg(large_photos: Tensor) -> None:
    out = corrupt(large_photos[:1], "brightness", 1, generator())
    plain = corrupt(large_photos[:1], "brightness", 1, generator(), suite=replace(SUITES["imagenet-c"], stored=None))
    assert not out.equal(plain) and psnr(plain, out) > 22


def test_no_images_give_none() -> None:
    assert corrupt(torch.empty(0, 3, 32, 32, dtype=torch.uint8), "fog", 1, generator()).shape == (0, 3, 32, 32)


def test_the_global_random_state_is_left_alone(photos: Tensor) -> None:
    before = torch.random.get_rng_state()
    for name in CORRUPTIONS:
        corrupt(photos[:2], name, 1, generator())
    assert torch.random.get_rng_state().equal(before)


def test_unknown_names_and_severities(photos: Tensor) -> None:
    with pytest.raises(HeadstartError, match="unknown corruption 'gausian_noise': did you mean 'gaussian_noise'"):
        corrupt(photos, "gausian_noise", 1, generator())
    with pytest.raises(HeadstartError, match=r"severity from 1 \(mild\) to 5 \(severe\), got 6"):
        corrupt(photos, "fog", 6, generator())


def test_images_of_another_kind(photos: Tensor) -> None:
    with pytest.raises(HeadstartError, match=r"uint8 of shape \(n, 1 or 3, height, width\), got float32"):
        corrupt(photos.float(), "fog", 1, generator())
    with pytest.raises(HeadstartError, match=r"got uint8 of shape \(64, 2, 32, 32\)"):
        corrupt(photos[:, :2], "fog", 1, generator())


def test_images_that_are_too_small() -> None:
    tiny = torch.zeros(1, 1, 3, 3, dtype=torch.uint8)
    words = "glass_blur of severity 1 in cifar-c needs images of at least 4×4 pixels, got 3×3"
    with pytest.raises(HeadstartError, match=words):
        corrupt(tiny, "glass_blur", 1, generator())
    with pytest.raises(HeadstartError, match="defocus_blur of severity 5 in imagenet-c needs images of at least 11×11"):
        corrupt(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), "defocus_blur", 5, generator(), suite=SUITES["imagenet-c"])


@pytest.mark.gpu
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_gpu_makes_the_same_images(name: str, photos: Tensor) -> None:
    here = corrupt(photos, name, 4, generator())
    there = corrupt(photos.cuda(), name, 4, generator())
    assert there.is_cuda
    differs = (here.int() - there.cpu().int()).abs()
    # A displaced or copied value that falls on the other side of a rounding may differ by more than a level.
    assert (differs > 1).double().mean() < 2e-3 and (differs > 0).double().mean() < 0.02
