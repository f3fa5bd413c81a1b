"""Patches move whole, all images alike."""

import pytest
import torch

from headstart.data import Dataset, Split
from headstart.data.permuting import patch_permutation, permute_pixels
from headstart.errors import HeadstartError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def patches(images: torch.Tensor, size: int) -> torch.Tensor:
    """(B, C, H, W) → (B, h·w, C·p·p)."""
    return torch.nn.functional.unfold(images.float(), size, stride=size).transpose(1, 2)


@pytest.mark.parametrize("size", [(8, 8), (4, 12)])
def test_patches_are_the_same_in_another_order(size: tuple[int, int]) -> None:
    images = torch.rand(3, 2, *size)
    places = patch_permutation(size, 2, generator(4))
    assert places.sort().values.tolist() == list(range(size[0] * size[1]))
    before, after = patches(images, 2), patches(permute_pixels(images, places), 2)
    order = torch.randperm(before.shape[1], generator=generator(4))
    assert not torch.equal(order, order.sort().values)
    torch.testing.assert_close(after, before[:, order])


def test_the_generator_decides() -> None:
    first, again, other = (patch_permutation((32, 32), 4, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize(
    ("size", "patch", "message"),
    [
        ((32, 32), 5, r"patch size that divides images of 32×32 pixels, .* got 5; use --set permute_size=4"),
        ((9, 15), 2, "permute_size=3"),
        ((8, 8), 0, "got 0"),
        ((8, 8), 8, "one patch of 8 pixels is the whole image"),
    ],
)
def test_patches_that_do_not_fit_are_refused(size: tuple[int, int], patch: int, message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        patch_permutation(size, patch, generator())


def test_a_dataset_shows_its_images_permuted() -> None:
    split = Split(torch.arange(2 * 16, dtype=torch.uint8).view(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64))
    plain = Dataset("toy", ("a",), split, split, split, (0.5,), (0.25,))
    places = patch_permutation((4, 4), 2, generator(1))
    permuted = Dataset("toy", ("a",), split, split, split, (0.5,), (0.25,), places=places).to("cpu")
    images = split.images
    assert torch.equal(plain.arrange(images), images)
    assert torch.equal(permuted.arrange(images), permute_pixels(images, places))
    assert torch.equal(permuted.seen(images), permute_pixels(plain.seen(images), places))
