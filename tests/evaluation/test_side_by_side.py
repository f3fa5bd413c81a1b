import pytest
import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError
from headstart.evaluation import side_by_side


class Logged(nn.Module):
    def __init__(self, name: str, log: list[str], work: int = 0) -> None:
        super().__init__()
        self.name, self.log, self.work = name, log, work
        self.dropout = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        assert not self.training
        assert not torch.is_grad_enabled()
        self.log.append(self.name)
        for _ in range(self.work):
            images.flatten(1) @ images.flatten(1).T
        return images


def test_models_take_turns_in_changing_order() -> None:
    log: list[str] = []
    timings = side_by_side({n: Logged(n, log) for n in "abc"}, (3, 2, 2), batch_size=4, rounds=3, warmup=1)
    rounds = ["".join(log)[first : first + 6] for first in range(0, 24, 6)]  # the warm-up, and three
    assert all({turns[:2], turns[2:4], turns[4:]} == {"aa", "bb", "cc"} for turns in rounds)
    assert len(set(rounds)) > 1
    again: list[str] = []
    side_by_side({n: Logged(n, again) for n in "abc"}, (3, 2, 2), batch_size=4, rounds=3, warmup=1)
    assert again == log
    assert [len(timing.seconds) for timing in timings.values()] == [3, 3, 3]
    assert {timing.batch_size for timing in timings.values()} == {4}


def test_the_slower_model_is_found_slower() -> None:
    log: list[str] = []
    timings = side_by_side({"fast": Logged("f", log), "slow": Logged("s", log, 200)}, (3, 8, 8), rounds=9)
    assert timings["fast"].times_as_fast_as(timings["slow"]) > 2


def test_models_are_left_as_they_were() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 2), nn.Dropout())
    model[2].eval()
    side_by_side({"model": model}, (3, 2, 2), rounds=1)
    assert [model.training, model[1].training, model[2].training] == [True, True, False]


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ("", {}, "expected at least one model to time"),
        ("a", {"rounds": 0}, "rounds: expected at least 1, got 0"),
        ("a", {"batch_size": -1}, "batch_size: expected at least 1, got -1"),
    ],
)
def test_what_cannot_be_timed_is_told(names: str, options: dict[str, int], message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        side_by_side({name: nn.Flatten() for name in names}, (3, 2, 2), **options)
