"""What is planned of a run, and what is refused before anything is written."""

import shutil
from pathlib import Path

import pytest

from headstart.errors import HeadstartError
from headstart.training import Recipe, load_run, train
from headstart.training.build import build_dataset, build_model
from headstart.training.checkpoint import save_weights
from headstart.training.run_folder import claim
from headstart.training.slim_plan import plan_slimming
from headstart.training.slimming import slim


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "0.50,teacher"
    recipe = Recipe(
        dataset="digits", limit=100, patch_size=2, width=24, depth=3, heads=3, init="default", passes=2, batch_size=50
    )
    train(recipe, folder)
    return folder


def test_the_recipe_can_be_changed(finished: Path, tmp_path: Path) -> None:
    plan = plan_slimming(
        finished, [0.25], tmp_path, after=[2], lr=3e-4, distill="logits", changes=["weight_decay=0.1", "betas=0.8,0.9"]
    )
    recipe = plan.run_of("slim", [0.25], 7).recipe
    assert (recipe.lr, recipe.weight_decay, recipe.seed, recipe.init, recipe.passes) == (3e-4, 0.1, 7, "default", 2)
    assert recipe.methods[0].startswith("slim:keep=0.25:after=2:distill=logits:teacher=")


def test_losses_of_the_teachers_are_left_out(finished: Path, tmp_path: Path) -> None:
    recipe = load_run(finished).recipe.model_copy(update={"methods": ("overlap", "drloc:pairs=4"), "passes": 1})
    train(recipe, tmp_path / "teacher")
    plan = plan_slimming(tmp_path / "teacher", [0.5], tmp_path / "slim")
    assert plan.recipe.methods == ("overlap",)
    assert plan.run_of("slim", [0.5], 0).recipe.methods[0] == "overlap"
    slim(plan)


def test_what_can_not_be_slimmed_leaves_nothing_behind(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = tmp_path / "half"
    shutil.copytree(finished, half)
    for name in ("model.safetensors", "result.json"):
        (half / name).unlink()
    convolutional = tmp_path / "edge"
    edgevit = Recipe(dataset="digits", model="edgevit_xxs", init="default")
    claim(convolutional, edgevit.portable())
    save_weights(convolutional / "model.safetensors", build_model(edgevit, build_dataset(edgevit)))
    for run, options, message in (
        (tmp_path / "none", {}, "there is no run folder"),
        (tmp_path, {}, "expected a folder written by `headstart train`"),
        (half, {}, "half is not finished; train it to its end, then slim it"),
        (convolutional, {}, r"one flat list of blocks .* got EdgeViT"),
        (finished, {"against": ["pol"]}, "unknown arm to compare a slim model with 'pol': did you mean 'pool'"),
        (finished, {"keep": [0.25, 0.5]}, r"in \(0, 1\] and not rising"),
        (finished, {"keep": [0.4, 0.3, 0.2]}, "3 places to slim, and a model of 3 blocks has 2 between them"),
        (finished, {"after": [0]}, "from 1 to 2, one for each share in keep, got 0"),
        (finished, {"changes": ["pases=1"]}, "unknown recipe key 'pases': did you mean 'passes'"),
        (finished, {"distill": "frdd"}, "unknown distill of slim 'frdd': did you mean 'frd'"),
    ):
        with pytest.raises(HeadstartError, match=message):
            plan_slimming(run, **{"keep": [0.5], "out": tmp_path / "out", **options})
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(HeadstartError, match="models are timed in one process; leave torchrun out"):
        plan_slimming(finished, [0.5], tmp_path / "out")
    assert not (tmp_path / "out").exists()
