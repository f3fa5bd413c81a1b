"""The distribution is what its formula says, and the best guess is the best."""

import math

import pytest
import torch

from headstart.data.spatial import SpatialTask, contiguous_sets, scattered_sets, spatial_task
from headstart.errors import HeadstartError


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_sizes_of_the_papers_simulation() -> None:
    task = spatial_task(generator())
    assert task.patches == 10 and task.size == 2 and len(task.feature) == 100
    assert task.rate == pytest.approx(math.log(100) / 10) and task.noise == pytest.approx(0.1)
    assert torch.bincount(task.sets).tolist() == [2] * 5
    assert not torch.equal(task.sets, contiguous_sets(10, 2))
    assert torch.equal(spatial_task(generator(), scattered=False).sets, contiguous_sets(10, 2))


def test_patches_of_the_set_agree_and_the_others_vote_at_random() -> None:
    task = spatial_task(generator(), patches=6, size=3, dimension=50)
    task = SpatialTask(task.sets, task.feature, 0.4, 1e-4)
    sample = task.sample(20_000, generator(1))
    assert sample.patches.shape == (20_000, 6, 50) and len(sample) == 20_000 and len(sample[:7]) == 7
    said = (sample.patches @ task.feature).round()
    inside = task.sets == sample.chosen[:, None]
    assert torch.equal(said[inside].view(-1, 3), sample.labels[:, None].expand(-1, 3))
    assert (sample.labels == 1).float().mean().item() == pytest.approx(0.5, abs=0.015)
    assert (sample.chosen == 1).float().mean().item() == pytest.approx(0.5, abs=0.015)
    for vote in (1, -1):
        assert (said[~inside] == vote).float().mean().item() == pytest.approx(0.2, abs=0.01)


def test_noise_has_its_size_in_every_direction() -> None:
    task = spatial_task(generator(), patches=4, size=2, dimension=9)
    sample = SpatialTask(task.sets, task.feature, 0.0, 0.5).sample(20_000, generator(1))
    outside = sample.patches[task.sets != sample.chosen[:, None]]
    torch.testing.assert_close(outside.std(dim=0), torch.full((9,), 0.5), atol=0.01, rtol=0)


def test_the_generator_decides_and_parts_are_the_whole() -> None:
    task = spatial_task(generator())
    first, again, other = (task.sample(5, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first.patches, again.patches) and not torch.equal(first.patches, other.patches)
    assert torch.equal(first[2:4].labels, first.labels[2:4])


def test_log_odds_counted_by_hand() -> None:
    """Two sets of one patch, no noise to speak of: each patch says +1, −1 or 0."""
    task = SpatialTask(torch.tensor([0, 1]), torch.tensor([1.0, 0.0]), 0.5, 0.01)
    patches = torch.tensor([[[1.0, 0], [0, 0]], [[-1.0, 0], [0, 0]], [[1.0, 0], [-1, 0]], [[1.0, 0], [1, 0]]])
    odds = task.log_odds(patches)
    assert odds[0] > 100 and odds[1] < -100 and odds[3] > 100
    assert odds[2].item() == pytest.approx(0, abs=1e-6)  # either set may be the label's


def test_the_best_guess_errs_where_another_set_says_the_opposite() -> None:
    # Two sets of two: the other contradicts as one at (q/2)², and then either may be right.
    task = SpatialTask(torch.tensor([0, 0, 1, 1]), torch.nn.functional.one_hot(torch.tensor(0), 5).float(), 0.8, 0.1)
    sample = task.sample(50_000, generator(3))
    assert task.best_error(sample) == pytest.approx(0.4**2 / 2, abs=0.005)


def test_tasks_that_share_a_part() -> None:
    task = spatial_task(generator())
    other = task.with_feature(generator(5))
    assert torch.equal(other.sets, task.sets) and abs((other.feature @ task.feature).item()) < 0.5
    assert torch.equal(task.with_sets(contiguous_sets(10, 2)).feature, task.feature)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: contiguous_sets(10, 3), "10 patches can be parted into, got sets of 3; use a divisor of 10"),
        (lambda: scattered_sets(4, 0, generator()), "got sets of 0"),
        (lambda: SpatialTask(torch.tensor([0, 0, 1]), torch.ones(1), 0.1, 1), r"one size.*got sizes \[2, 1\]"),
        (lambda: SpatialTask(torch.tensor([0, 1]), torch.ones(4), 0.1, 1), "length 1, got 2"),
        (lambda: SpatialTask(torch.tensor([0, 1]), torch.ones(1), 1.5, 1), "rate from 0 to 1.*got rate 1.5"),
        (lambda: SpatialTask(torch.tensor([0, 1]), torch.ones(1), 0.5, -1), "noise -1"),
    ],
)
def test_what_is_no_task_is_refused(made: object, message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        made()  # type: ignore[operator]
