"""Bootstrapping in whole runs: what is kept, cut, in parts of a batch, with a teacher, and many at once."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from headstart.errors import HeadstartError
from headstart.models.vit import create_vit
from headstart.training import Recipe, compare, load_run, train
from headstart.training.together import Together

from .bootstrapped_vit import ARMS

pytest.importorskip("timm.models.vision_transformer")


@pytest.mark.parametrize("spec", ARMS)
def test_only_the_vit_is_kept(tiny: Recipe, tmp_path: Path, spec: str) -> None:
    result = train(tiny.override([f"methods={spec}", "passes=1"]), tmp_path / "run")
    kept = load_file(tmp_path / "run/model.safetensors")
    assert set(kept) == set(create_vit(width=24, depth=2, heads=3, image_size=8, patch_size=2, in_channels=1)
                            .state_dict())  # fmt: skip
    assert (
        result["costs"][0].startswith("bootstrap: 0 M parameters, 0 GFLOP an image; in training 0.") or "resnet" in spec
    )
    assert load_run(tmp_path / "run").model is not None


@pytest.mark.parametrize(
    "changes",
    [
        ["methods=bootstrap", "ema=0.9"],
        ["methods=bootstrap:mode=shared", "accumulate=2"],
        ["methods=bootstrap:mode=shared:align=False"],
        ["methods=bootstrap:frozen=True"],
    ],
    ids=["joint, averaged", "shared, in parts", "summed", "frozen"],
)
def test_a_cut_run_ends_with_the_same_bits(
    tiny: Recipe, cut_and_whole: Callable[[Recipe], list[str]], changes: list[str]
) -> None:
    cut, whole = cut_and_whole(tiny.override(changes))
    assert cut == whole


def test_parts_of_a_batch_with_a_frozen_agent_are_the_whole(
    tiny: Recipe, parts_and_whole: Callable[[Recipe], dict[str, float]]
) -> None:
    assert max(parts_and_whole(tiny.override(["methods=bootstrap:frozen=True"])).values()) < 1e-5


def test_a_teacher_comes_from_a_run(tiny: Recipe, tmp_path: Path) -> None:
    teacher = tiny.override(["model=timm/resnet18", "passes=1"])
    plain = {key: None for key in ("width", "depth", "heads")}
    train(Recipe(**{**teacher.model_dump(), **plain, "drop_path": 0.0}), tmp_path / "teacher")
    spec = f"bootstrap:agent=timm/resnet18:frozen=True:weights={tmp_path}/teacher"
    train(tiny.override([f"methods={spec}", "passes=1"]), tmp_path / "run")
    stored = load_file(tmp_path / "run/checkpoint.safetensors")
    taught = load_file(tmp_path / "teacher/model.safetensors")
    assert all(torch.equal(stored[f"methods.0.agent.model.{name}"], value) for name, value in taught.items())
    (tmp_path / "teacher/model.safetensors").unlink()
    assert load_run(tmp_path / "run").recipe.methods == (spec,)  # a trained model needs its teacher no more


def test_runs_at_once_are_refused(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="a loss of its own can't be had by runs at once"):
        compare(tiny.override(["methods=bootstrap"]), ["default", "mimetic"], [0], tmp_path, runner=Together(2))
