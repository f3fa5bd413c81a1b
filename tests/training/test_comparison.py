import json
from pathlib import Path
from typing import Any

import pytest

from headstart.errors import HeadstartError
from headstart.training import Recipe, arm_folder, compare, comparison
from headstart.training.named import cifar10_small, digits
from headstart.training.provenance import command
from headstart.training.statistics import mean_and_sd, paired_difference

SPEC = "impulse:solver=rotation:sharpness=0.5"


@pytest.fixture
def short(tiny: Recipe) -> Recipe:
    return tiny.override(["passes=1"])


def test_the_result_file_says_where_every_number_comes_from(short: Recipe, tmp_path: Path) -> None:
    pictures = []
    results = compare(
        short,
        ["default", SPEC],
        [0, 1],
        tmp_path / "out",
        on_start=lambda arm, report: pictures.append((arm, report)),
    )
    text = (tmp_path / "out/results.json").read_text()
    assert json.loads(text) == results
    assert str(tmp_path) not in text
    assert str(Path.home()) not in text
    assert set(results) == {
        "protocol", "command", "config", "config_hash", "versions", "hardware", "commit", "date", "arms",
    }  # fmt: skip
    assert set(results["versions"]) == {"python", "headstart", "torch", "accelerate"}
    assert set(results["hardware"]) == {"cpu", "cores", "threads", "gpu"}
    assert "used once" in results["protocol"]
    first, second = results["arms"]
    assert (first["name"], first["difference"], first["interval"]) == ("default", None, None)
    assert second["name"] == SPEC
    for arm in (first, second):
        assert [run["seed"] for run in arm["runs"]] == [0, 1]
        tests = [run["test"] for run in arm["runs"]]
        assert (arm["mean"], arm["sd"]) == mean_and_sd(tests)
        assert arm["n"] == 2
        run = arm["runs"][0]
        assert [row["val_accuracy"] for row in run["history"]] == [run["val"]]
        assert run["init"][0]["block"] == 0
        assert 0 <= run["init"][0]["target_mass"] <= 1
    difference, interval = paired_difference(
        [run["test"] for run in second["runs"]], [run["test"] for run in first["runs"]]
    )
    assert (second["difference"], second["interval"]) == (difference, list(interval or ()))
    assert [arm for arm, _ in pictures] == ["default", SPEC]  # once an arm, for the first seed
    assert pictures[0][1].heads


def test_finished_runs_are_kept_and_more_can_be_added(
    short: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, trained = comparison.train, []

    def interrupted(recipe: Recipe, *args: Any, **kwargs: Any) -> Any:
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append((recipe.init, recipe.seed))
        return original(recipe, *args, **kwargs)

    monkeypatch.setattr(comparison, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        compare(short, ["default", "mimetic"], [0, 1], tmp_path)
    assert not (tmp_path / "results.json").exists()
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*/result.json")}
    assert len(stamps) == 2
    monkeypatch.undo()
    results = compare(short, ["default", "mimetic"], [0, 1], tmp_path)
    assert [arm["n"] for arm in results["arms"]] == [2, 2]
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())


def test_another_config_in_the_same_folder_is_refused(short: Recipe, tmp_path: Path) -> None:
    compare(short, ["default"], [0], tmp_path)
    with pytest.raises(HeadstartError, match=r"another config: passes \(1 there, 2 asked\)"):
        compare(short.override(["passes=2"]), ["default"], [0], tmp_path)


@pytest.mark.parametrize(
    ("arms", "seeds", "message"),
    [
        (["default", "impulze"], [0], "did you mean 'impulse'"),
        (["default", "default"], [0], "one or more different arms, got"),
        (["default"], [], "one or more different seeds, got"),
    ],
)
def test_bad_arms_and_seeds_write_nothing(
    short: Recipe, tmp_path: Path, arms: list[str], seeds: list[int], message: str
) -> None:
    with pytest.raises(HeadstartError, match=message):
        compare(short, arms, seeds, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_arm_folders_are_safe_and_distinct() -> None:
    assert arm_folder("default") == "default"
    specs = [SPEC, "impulse,solver=rotation,sharpness=0.5", "a/b", "a_b", "../x", "a b", "x" * 300, "x" * 301]
    folders = [arm_folder(spec) for spec in specs]
    assert len(set(folders)) == len(specs)
    for folder in folders:
        assert len(folder) < 100
        assert not set(folder) & set('/\\:*?"<>| ')


def test_the_command_is_the_short_one_that_gives_the_same_config() -> None:
    assert command(digits(), ["default", "impulse"], [0, 1, 2]) == (
        "headstart compare digits --init default,impulse --seeds 3"
    )
    recipe = cifar10_small().override(["dataset=cifar10:/somewhere", "depth=12", "clip=none"])
    assert command(recipe, ["default"], [5]) == (
        "headstart compare cifar10 --recipe cifar10_small --set depth=12 --set clip=none "
        "--init default --seeds 1 --seed 5"
    )
