import pytest
import torch

from headstart.attention import shift_targets
from headstart.evaluation.locality import attention_distance, uniform_distance


def test_a_shift_looks_as_far_as_it_shifts() -> None:
    targets = shift_targets((4, 5), torch.tensor([[1, 2]]))[0]
    rows = torch.where(targets < 0, torch.arange(20), targets)  # from rows that would leave the grid, at themselves
    maps = torch.nn.functional.one_hot(rows, 20).float()[None]
    inside = (targets >= 0).float().mean().item()
    assert attention_distance(maps, (4, 5)).item() == pytest.approx(5**0.5 * inside)


def test_what_goes_to_prefix_tokens_has_no_distance() -> None:
    patches = torch.rand(2, 6, 6, generator=torch.Generator().manual_seed(0))
    tokens = torch.zeros(2, 8, 8)
    tokens[:, 2:, 2:], tokens[:, 2:, :2] = patches, 0.3
    torch.testing.assert_close(attention_distance(tokens, (2, 3), 2), attention_distance(patches, (2, 3)))


def test_the_uniform_distance_of_a_square() -> None:
    # Of 2×2: itself 0, two sides 1, a diagonal √2.
    assert uniform_distance((2, 2)) == pytest.approx((2 + 2**0.5) / 4)
