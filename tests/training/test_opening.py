import shutil
from pathlib import Path

import pytest

from headstart.errors import HeadstartError
from headstart.training import Recipe, compare, train
from headstart.training.opening import open_runs


def test_runs_and_comparisons_are_opened_with_what_they_recorded(tiny: Recipe, tmp_path: Path) -> None:
    quick = tiny.override(["passes=1"])
    results = compare(quick, ["default", "mimetic"], [3, 4], tmp_path / "both")
    alone = train(quick, tmp_path / "run")
    one, two, three = open_runs([tmp_path / "both", tmp_path / "run"])
    assert [one.name, two.name, three.name] == ["default", "mimetic", "run"]
    assert [one.n, two.n, three.n] == [2, 2, 1]
    assert [one.mean, one.sd] == [results["arms"][0]["mean"], results["arms"][0]["sd"]]
    assert (one.run.recipe.seed, two.run.recipe.init) == (3, "mimetic")
    assert (three.mean, three.recorded) == (alone["test_accuracy"], alone)

    shutil.copytree(tmp_path / "run", tmp_path / "more/run")
    names = [one.name for one in open_runs([tmp_path / "run", tmp_path / "more/run"])]
    assert names == [f"{tmp_path.name}/run", "more/run"]

    shutil.rmtree(tmp_path / "both/mimetic")
    with pytest.raises(HeadstartError, match=r"has results of mimetic, but its run .* is gone; run it again"):
        open_runs([tmp_path / "both"])


def test_a_run_without_an_end_has_nothing_recorded(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny.override(["passes=1"]), tmp_path)
    for name in ("result.json", "model.safetensors"):
        (tmp_path / name).unlink()
    (one,) = open_runs([tmp_path])
    assert (one.recorded, one.mean, one.run.finished) == ({}, None, False)


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ([], "at least one run folder"),
        (["a", "a"], "a is named 2 times"),
        (["nowhere"], "there is no run folder nowhere"),
    ],
)
def test_what_cannot_be_opened_is_told(folders: list[str], message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        open_runs(folders)
