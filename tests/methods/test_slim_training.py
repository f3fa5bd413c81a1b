"""Self-slimming in whole runs: cut, in parts of a batch, many at once, and opened again without the teacher."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from headstart.errors import HeadstartError
from headstart.methods.slim import write_path
from headstart.training import Recipe, compare, load_run, train
from headstart.training.together import Together


@pytest.fixture
def teacher(tiny: Recipe, tmp_path: Path) -> Recipe:
    """The recipe of a student of a finished run."""
    train(tiny, tmp_path / "teacher")
    return tiny.model_copy(update={"methods": (f"slim:keep=0.5:teacher={write_path(tmp_path / 'teacher')}",)})


@pytest.mark.parametrize("changes", [{}, {"ema": 0.9}], ids=["plain", "averaged"])
def test_a_cut_run_ends_with_the_same_bits_and_opens_without_its_teacher(
    teacher: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]], changes: dict[str, Any]
) -> None:
    cut, whole = cut_and_whole(teacher.model_copy(update=changes))
    assert cut == whole
    stored = load_file(tmp_path / "cut/checkpoint.safetensors")
    assert "optimizer.exp_avg.methods.0.reverse.0.tokens1.weight" in stored
    kept = load_file(tmp_path / "cut/model.safetensors")
    plain = load_file(tmp_path / "teacher/model.safetensors")
    assert set(plain) < set(kept) and all(".slim." in name for name in set(kept) - set(plain))
    (tmp_path / "teacher/model.safetensors").unlink()
    run = load_run(tmp_path / "cut")
    assert run.model.blocks[0].slim.kept == 8
    assert torch.equal(run.model.blocks[0].slim.fc1.weight, kept["blocks.0.slim.fc1.weight"])


def test_parts_give_the_result_of_the_whole_batch(
    teacher: Recipe, parts_and_whole: Callable[[Recipe], dict[str, float]]
) -> None:
    differences = parts_and_whole(teacher.model_copy(update={"mixup": 0.8}))
    # A softmax over tokens takes no notice of that bias: its gradient is rounding alone, which AdamW makes steps of.
    differences.pop("blocks.0.slim.fc2.bias")
    assert max(differences.values()) < 1e-5


def test_many_runs_at_once_go_without_a_loss(teacher: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"a loss of its own can't be had by runs at once \(slim\)"):
        compare(teacher, ["default"], [0, 1], tmp_path / "no", runner=Together(2))
    alone = teacher.model_copy(update={"methods": (f"{teacher.methods[0]}:distill=none",)})
    both = [compare(alone, ["default"], [0, 1], tmp_path / str(n), runner=r) for n, r in enumerate((Together(2), None))]
    for one, other in zip(*(results["arms"][0]["runs"] for results in both), strict=True):
        losses = [[row["train_loss"] for row in run["history"]] for run in (one, other)]
        assert losses[0] == pytest.approx(losses[1], abs=2e-5)


def test_slim_is_named_last_and_leaves_the_heads_as_they_are(teacher: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"tokens become fewer behind .* name slim last among the methods"):
        train(teacher.model_copy(update={"methods": (*teacher.methods, "drloc")}), tmp_path / "run")
    with pytest.raises(HeadstartError, match=r"--init impulse sets attention heads, .* tokens become fewer"):
        train(teacher.model_copy(update={"init": "impulse"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
