"""Methods that use all three moments: what they train, see, cost and leave behind, and what is refused."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor, nn

from headstart.attention import AttentionView
from headstart.errors import HeadstartError
from headstart.methods import METHODS, Method, Step, register
from headstart.training import Recipe, load_run, train
from headstart.training.build import build_dataset
from headstart.training.trainee import build_trainee

pytestmark = pytest.mark.usefixtures("toys")


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
