"""Hand-counted shares of patches that belong together."""

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.evaluation.locality import chance, near_patches, patch_association, same_set

SETS = torch.tensor([0, 1, 0, 1])


def test_scores_that_know_the_sets_have_association_one() -> None:
    together = same_set(SETS)
    for itself in (True, False):
        assert patch_association(together.float(), together, itself=itself).item() == 1
        assert patch_association(-together.float(), together, itself=itself).item() == 0


def test_a_share_counted_by_hand() -> None:
    scores = torch.tensor([[9.0, 5, 6, 1], [3, 9, 8, 4], [7, 0, 2, 1], [4, 4, 0, 9]])
    # Top two, itself included: {0, 2} both right; {1, 2} one; {0, 2} both; {3, and 0 or 1 at random}: 1.5 of 2.
    assert patch_association(scores, same_set(SETS), itself=True).item() == pytest.approx((1 + 0.5 + 1 + 0.75) / 4)
    # The top one of the others: 2 right; 2 wrong; 0 right; 0 or 1 at random, and 1 is right.
    assert patch_association(scores, same_set(SETS)).item() == pytest.approx((1 + 0 + 1 + 0.5) / 4)


def test_many_maps_at_once() -> None:
    together, scores = same_set(SETS), torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    found = patch_association(scores, together)
    assert found.shape == (2, 3)
    assert found[1, 2].item() == patch_association(scores[1, 2], together).item()


def test_chance_is_what_random_scores_get() -> None:
    together = same_set(torch.arange(10) // 2)
    assert chance(together, itself=True) == pytest.approx(2 / 10)
    assert chance(together) == pytest.approx(1 / 9)
    random = torch.rand(2000, 10, 10, generator=torch.Generator().manual_seed(0))
    assert patch_association(random, together).mean().item() == pytest.approx(1 / 9, abs=0.005)


def test_near_patches_on_a_grid() -> None:
    near = near_patches((3, 4), 1.5).view(3, 4, 3, 4)
    assert near[0, 0].nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert near[1, 1].sum() == 9 and near_patches((3, 4), 1).view(3, 4, 3, 4)[1, 1].sum() == 5


def test_patches_alone_in_their_set_are_left_out() -> None:
    together = same_set(torch.tensor([0, 0, 1]))
    scores = torch.tensor([[0.0, 2, 1], [1, 0, 2], [0, 0, 0]])
    assert patch_association(scores, together).item() == 0.5


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(HeadstartError, match=r"bool of shape \(4, 4\).*int64 of shape \(4,\)"):
        patch_association(torch.rand(4, 4), SETS)
    with pytest.raises(HeadstartError, match="must be numbers"):
        patch_association(torch.full((4, 4), torch.nan), same_set(SETS))
    with pytest.raises(HeadstartError, match="at least 1 patch"):
        near_patches((2, 2), 0.5)
