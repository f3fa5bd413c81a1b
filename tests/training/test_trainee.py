"""A method that uses all three moments, in runs that are cut, averaged, in parts, and many at once."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor, nn

from headstart.attention import AttentionView
from headstart.errors import HeadstartError
from headstart.methods import METHODS, Method, Step, register
from headstart.training import Recipe, compare, engine, load_run, train
from headstart.training.build import build_dataset
from headstart.training.together import Together
from headstart.training.trainee import build_trainee


class Scaled(nn.Module):
    """Tokens times a number that grows from 0.5 to 1 while the model trains, and a trained one."""

    factor: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("factor", torch.tensor(0.5), persistent=False)
        self.trained = nn.Parameter(torch.rand(()))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.factor * self.trained


@pytest.fixture(autouse=True)
def methods() -> Iterator[None]:
    class Toy(Method):
        name = "toy"

        def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
            model.norm = Scaled()
            self.parts = [model.norm]
            return model

        def update(self, progress: float) -> None:
            self.parts[0].factor.fill_(0.5 + 0.5 * progress)

    class Guess(Method):
        name, has_loss, draws = "guess", True, 2

        def __init__(self, weight: float = 0.5) -> None:
            super().__init__()
            self.weight = weight

        def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
            self.head = nn.Linear(view.width, 2)
            return model

        def loss(self, step: Step) -> Tensor:
            return self.weight * (self.head(step.tokens.mean(dim=1)) - step.draws).abs().mean()

    for method in (register(Toy), register(Guess)):
        assert METHODS[method.name] is method
    yield
    del METHODS["toy"], METHODS["guess"]


def test_global_random_state_stays_and_the_seed_decides(tiny: Recipe) -> None:
    recipe, dataset = tiny.override(["methods=toy,guess"]), build_dataset(tiny)
    before = torch.get_rng_state()
    one, two, other = (build_trainee(r, dataset) for r in (recipe, recipe, recipe.override(["seed=1"])))
    assert torch.equal(torch.get_rng_state(), before)
    assert one.draws == 2
    assert torch.equal(one.model.norm.trained, two.model.norm.trained)
    assert not torch.equal(one.model.norm.trained, other.model.norm.trained)


def test_a_methods_parameters_are_trained_and_saved_but_not_kept(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.override(["methods=toy,guess"])
    trainee = build_trainee(recipe, build_dataset(recipe))
    train(recipe, tmp_path)
    stored = load_file(tmp_path / "checkpoint.safetensors")
    assert not torch.equal(stored["methods.1.head.weight"], trainee.each[1].head.weight)
    assert "optimizer.exp_avg.methods.1.head.weight" in stored
    kept = load_file(tmp_path / "model.safetensors")
    assert {"norm.trained"} < set(kept) and not [name for name in kept if "head.1" in name or "guess" in name]
    run = load_run(tmp_path)
    assert run.model.norm.factor.item() == 1.0
    assert torch.equal(run.model.norm.trained, kept["norm.trained"])


def test_a_half_trained_run_is_looked_at_as_it_was(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny.override(["methods=toy"]), tmp_path)
    for name in ("model.safetensors", "result.json", "checkpoint.safetensors", "best.safetensors"):
        (tmp_path / name).unlink()
    assert load_run(tmp_path).model.norm.factor.item() == pytest.approx(0.5 + 0.5 * 2 / 3)


def test_runs_with_and_without_a_method_see_the_same_images(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[Tensor]] = {"": [], "guess": []}
    for methods in seen:
        original = engine.Feed._parts

        def record(feed: Any, *args: Any, methods: str = methods) -> Any:
            for part in original(feed, *args):  # noqa: B023  used at once
                seen[methods].append(part.images)
                yield part

        with monkeypatch.context() as patch:
            patch.setattr(engine.Feed, "_parts", record)
            train(tiny.override([f"methods={methods}"]), tmp_path / f"run-{methods}")
    assert torch.equal(torch.stack(seen[""]), torch.stack(seen["guess"]))


@pytest.mark.parametrize("changes", [[], ["ema=0.9"]], ids=["plain", "averaged"])
def test_a_cut_run_with_methods_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], None], changes: list[str]
) -> None:
    recipe = tiny.override(["methods=toy,guess", *changes])
    cut_and_whole(recipe)


def test_parts_give_the_result_of_the_whole_batch(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.override(["methods=toy,guess", "batch_size=40"])
    for parts in (1, 4):
        train(recipe.override([f"accumulate={parts}"]), tmp_path / str(parts))
    one, four = (load_file(tmp_path / parts / "model.safetensors") for parts in ("1", "4"))
    assert max((one[name] - four[name]).abs().max().item() for name in one) < 1e-5


def test_surgery_goes_with_many_runs_at_once_and_losses_do_not(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.override(["methods=toy"])
    together, apart = (
        compare(recipe, ["default", "mimetic"], [0], tmp_path / name, runner=runner)
        for name, runner in (("together", Together(2)), ("apart", None))
    )
    for one, other in zip(together["arms"], apart["arms"], strict=True):
        losses = [[row["train_loss"] for row in arm["runs"][0]["history"]] for arm in (one, other)]
        assert losses[0] == pytest.approx(losses[1], abs=2e-5)
    told = [
        json.loads((tmp_path / name / "default/seed-0/result.json").read_text())["costs"]
        for name in ("together", "apart")
    ]
    assert told[0] == told[1] and told[0]
    with pytest.raises(
        HeadstartError, match=r"a loss of its own can't be had by runs at once \(guess\); leave --toget"
    ):
        compare(tiny.override(["methods=guess"]), ["default", "mimetic"], [0], tmp_path / "no", runner=Together(2))


def test_a_method_that_takes_parts_of_the_model_for_its_own_is_told(tiny: Recipe, tmp_path: Path) -> None:
    def attach(self: Method, model: nn.Module, view: AttentionView) -> nn.Module:
        self.mine = model.blocks[0].norm1
        return model

    METHODS["guess"].attach = attach  # type: ignore[method-assign]
    with pytest.raises(
        HeadstartError, match=r"'guess' holds parts of the model as its own \(LayerNorm\), .* in a list"
    ):
        train(tiny.override(["methods=guess"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_method_leaves_nothing_behind(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="unknown method 'gues': did you mean 'guess'"):
        train(tiny.override(["methods=gues"]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Late(nn.Module):
    """A linear map that is there once ``on`` says so."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.on = nn.Linear(24, 24), False

    def forward(self, tokens: Tensor) -> Tensor:
        return self.map(tokens) if self.on else tokens


def test_what_methods_cost_in_the_end_is_said_once_and_kept(tiny: Recipe, tmp_path: Path) -> None:
    class AtTheEnd(Method):
        name = "late"

        def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
            model.fc_norm = nn.Sequential(model.fc_norm, Late())
            self.parts = [model.fc_norm[1]]
            return model

        def update(self, progress: float) -> None:
            self.parts[0].on = progress == 1.0

    register(AtTheEnd)
    shown = io.StringIO()
    try:
        recipe = tiny.override(["methods=late,toy,guess"])
        result = train(recipe, tmp_path / "run", console=Console(file=shown, width=200))
    finally:
        del METHODS["late"]
    # 24·(24 + 1) parameters, 2·24·24 operations; Guess has 2·(24 + 1) parameters of its own.
    lines = [
        "late: +0.0006 M parameters, +1.15e-06 GFLOP an image",
        "toy: +1e-06 M parameters, 0 GFLOP an image",
        "guess: 0 M parameters, 0 GFLOP an image; in training 5e-05 M parameters and 9.6e-08 GFLOP of its own beside "
        "it",
    ]
    assert result["costs"] == lines and json.loads((tmp_path / "run/result.json").read_text())["costs"] == lines
    assert shown.getvalue().splitlines()[:3] == lines and shown.getvalue().count("late:") == 1
    assert "costs" not in train(tiny.override(["passes=1"]), tmp_path / "none")


def test_a_method_with_a_teacher_begins_once_sees_each_block_and_changes_gradients(
    tiny: Recipe, tmp_path: Path
) -> None:
    calls: list[Any] = []

    class Taught(Method):
        name, has_loss, wants_features = "taught", True, True

        def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
            self.parts = [model]
            return model

        def begin(self, model: nn.Module) -> None:
            calls.append("begin")

        def loss(self, step: Step) -> Tensor:
            assert step.images.shape[1:] == (1, 8, 8) and len(step.features) == 2
            assert torch.equal(self.parts[0].norm(step.features[-1]), step.tokens)
            calls.append(step.criterion(step.logits).item())
            return 100 + 0 * step.features[0].sum()  # not in what is told of the run, and no divergence

        def gradients(self) -> None:
            calls.append("gradients")
            self.parts[0].head.weight.grad.zero_()

    register(Taught)
    try:
        recipe = tiny.override(["methods=taught", "depth=2", "passes=1", "weight_decay=0", "mixup=0.5"])
        start = build_trainee(recipe, build_dataset(recipe)).model.head
        calls.clear()
        train(recipe, tmp_path)
        assert calls[0] == "begin" and calls.count("begin") == 1 and calls.count("gradients") == 4
        loss = json.loads((tmp_path / "history.jsonl").read_text().splitlines()[0])["train_loss"]
        assert loss == pytest.approx(sum(c for c in calls[2:] if isinstance(c, float)) / 4, rel=1e-5)
        kept = load_run(tmp_path).model.head
        assert calls.count("begin") == 1
        assert torch.equal(kept.weight, start.weight) and not torch.equal(kept.bias, start.bias)
        with pytest.raises(
            HeadstartError, match="'taught' looks at what each block gives, which VisionTransformer does"
        ):
            pytest.importorskip("timm")
            build_trainee(
                recipe.override(["model=timm/vit_tiny_patch16_224:patch_size=2:depth=1"]), build_dataset(tiny)
            )
    finally:
        del METHODS["taught"]


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
    tiny: Recipe, cut_and_whole: Callable[[Recipe], None], push: Any, changes: list[str]
) -> None:
    cut_and_whole(tiny.override(["methods=guess,push", *changes]))


def test_parts_of_changed_images_give_the_result_of_the_whole_batch(tiny: Recipe, tmp_path: Path, push: Any) -> None:
    for parts in (1, 4):
        recipe = tiny.override(["methods=push", "batch_size=40", f"accumulate={parts}"])
        train(recipe, tmp_path / str(parts))
    one, four = (load_file(tmp_path / parts / "model.safetensors") for parts in ("1", "4"))
    assert max((one[name] - four[name]).abs().max().item() for name in one) < 1e-5


def test_many_runs_at_once_do_not_change_images(tiny: Recipe, tmp_path: Path, push: Any) -> None:
    with pytest.raises(HeadstartError, match=r"images can't be changed by a method in runs at once \(push\); leave"):
        compare(tiny.override(["methods=push"]), ["default", "mimetic"], [0], tmp_path, runner=Together(2))
