"""A method that changes the images of training, in runs that are cut, averaged, in parts, and many at once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError
from headstart.methods import METHODS, Method, Step, register
from headstart.training import Recipe, compare, train
from headstart.training.build import build_dataset
from headstart.training.together import Together
from headstart.training.trainee import build_trainee

pytestmark = pytest.mark.usefixtures("toys")


@pytest.fixture
def push() -> Iterator[type[Method]]:
    class Push(Method):
        name, augments, draws = "push", True, 2
        seen: ClassVar[list[Tensor]] = []

        def __init__(self, amount: float = 0.5) -> None:
            super().__init__()
            self.amount = nn.Parameter(torch.tensor(amount))

        def augment(self, images: Tensor, draws: Tensor) -> tuple[Tensor, Tensor]:
            self.seen.append(draws)
            return images + self.amount * draws[:, :1, None, None], 0.1 * self.amount.square()

    yield register(Push)
    del METHODS["push"]


def test_a_method_changes_the_images_of_training_alone(tiny: Recipe, push: Any) -> None:
    looked: list[Step] = []

    class Look(Method):
        name, has_loss, draws = "look", True, 1

        def loss(self, step: Step) -> Tensor:
            looked.append(step)
            return step.criterion(step.logits)

    register(Look)
    try:
        trainee = build_trainee(tiny.override(["methods=look,push", "drop_path=0"]), build_dataset(tiny))
    finally:
        del METHODS["look"]
    push.seen.clear(), looked.clear()
    images, targets, draws = torch.randn(4, 1, 8, 8), torch.arange(4), torch.rand(4, 3)
    for training in (True, False):
        trainee.train(training)
        logits, extra = trainee(images, None, targets, draws)
        added = 0.5 * draws[:, 1, None, None, None] if training else 0
        assert torch.equal(looked[-1].images, images + added)
        torch.testing.assert_close(logits, trainee.model(images + added))
        assert torch.equal(looked[-1].draws, draws[:, :1]) and torch.equal(looked[-1].given, images)
        criterion = nn.functional.cross_entropy(logits, targets, label_smoothing=0.1)
        assert extra is not None
        assert extra.item() == pytest.approx(criterion.item() + (0.1 * 0.25 if training else 0))
    (seen,) = push.seen
    assert torch.equal(seen, draws[:, 1:])
    trainee.train()
    logits, extra = trainee(images, None, targets, draws)
    logits.sum().backward()
    assert trainee.each[1].amount.grad.abs() > 0  # the loss reaches the method through the images


def test_what_a_method_adds_needs_no_loss_of_any_method(tiny: Recipe, push: Any) -> None:
    trainee = build_trainee(tiny.override(["methods=push"]), build_dataset(tiny)).train()
    images, targets, draws = torch.randn(4, 1, 8, 8), torch.arange(4), torch.rand(4, 2)
    extra = trainee(images, torch.ones(4, 1, 2), targets, draws)[1]
    assert extra.item() == pytest.approx(0.025)
    assert trainee.eval()(images, None, targets, draws)[1] is None


def test_images_left_as_they_are_leave_the_run_as_it_is(tiny: Recipe, tmp_path: Path, push: Any) -> None:
    push.augment = lambda self, images, draws: (images, None)
    for name, method in (("with", "push"), ("without", "")):
        train(tiny.override([f"methods={method}", "clip=none"]), tmp_path / name)
    one, other = (tmp_path / name / "model.safetensors" for name in ("with", "without"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("changes", [[], ["ema=0.9"]], ids=["plain", "averaged"])
def test_a_cut_run_with_changed_images_ends_with_the_same_bits(
    tiny: Recipe, cut_and_whole: Callable[[Recipe], list[str]], push: Any, changes: list[str]
) -> None:
    cut, whole = cut_and_whole(tiny.override(["methods=guess,push", *changes]))
    assert cut == whole


def test_parts_of_changed_images_give_the_result_of_the_whole_batch(
    tiny: Recipe, parts_and_whole: Callable[[Recipe], dict[str, float]], push: Any
) -> None:
    assert max(parts_and_whole(tiny.override(["methods=push", "batch_size=40"])).values()) < 1e-5


def test_many_runs_at_once_do_not_change_images(tiny: Recipe, tmp_path: Path, push: Any) -> None:
    with pytest.raises(HeadstartError, match=r"images can't be changed by a method in runs at once \(push\); leave"):
        compare(tiny.override(["methods=push"]), ["default", "mimetic"], [0], tmp_path, runner=Together(2))
