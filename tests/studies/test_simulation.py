"""Training finds the sets, and what is held is held."""

import pytest
import torch

from headstart.data.spatial import SpatialTask, scattered_sets
from headstart.models.positional import PositionalAttention
from headstart.studies.simulation import error, fit, observe


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def task() -> SpatialTask:
    feature = torch.nn.functional.one_hot(torch.tensor(3), 16).float()
    return SpatialTask(scattered_sets(8, 2, generator()), feature, 0.4, 0.1)


def test_a_trained_attention_finds_the_sets_and_a_frozen_one_does_not() -> None:
    train, test = (task().sample(count, generator(seed)) for count, seed in ((4000, 1), (1000, 2)))
    ends = {}
    for positions in (True, False):
        model = PositionalAttention(8, 16, generator(3))
        rows = fit(model, task(), train, test, steps=600, batch_size=250, lr=0.5, positions=positions, looks=6)
        assert [row["step"] for row in rows] == [0, 100, 200, 300, 400, 500, 600]
        ends[positions] = rows[-1]
        assert rows[-1]["cosine"] > 0.9
    assert ends[True]["association"] > 0.8 and ends[False]["association"] < 0.5
    assert ends[True]["error"] < ends[False]["error"] - 0.02
    assert ends[True]["error"] < task().best_error(test) + 0.03
    assert ends[True]["mass"] > ends[False]["mass"] + 0.1


def test_a_perfect_model_is_seen_as_one() -> None:
    model, test = PositionalAttention(8, 16, generator()), task().sample(500, generator(1))
    with torch.no_grad():
        model.v.copy_(task().feature)
        together = task().sets[:, None] == task().sets
        model.between.copy_(
            torch.where(together, model.diagonal.max(), torch.tensor(-20.0))
        )  # half itself, half its mate
    found = observe(model, task(), test)
    assert found["association"] == found["association_itself"] == 1 and found["cosine"] == pytest.approx(1)
    assert found["error"] == error(model, test) < task().best_error(test) + 0.06


def test_one_step_is_a_step_of_gradient_descent() -> None:
    model, sample = PositionalAttention(8, 16, generator()), task().sample(10, generator(1))
    before = model.v.detach().clone()
    loss = torch.nn.functional.softplus(-sample.labels * model(sample.patches)).mean()
    (gradient,) = torch.autograd.grad(loss, [model.v])
    fit(model, task(), sample, sample, steps=1, batch_size=100, lr=0.25, looks=1)
    torch.testing.assert_close(model.v.detach(), before - 0.25 * gradient)
