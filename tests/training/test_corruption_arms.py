import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from headstart.errors import HeadstartError
from headstart.training import Recipe, compare, load_run, train
from headstart.training import corruption_arms as module
from headstart.training.corruption_arms import CorruptionOptions, corruption_arms, corruption_runs

QUICK = CorruptionOptions(limit=40, corruptions=("fog", "contrast"), severities=(1, 5))


@pytest.fixture
def folder(tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADSTART_DATA", str(tmp_path / "data"))
    compare(tiny.model_copy(update={"passes": 1}), ["default", "mimetic"], [0, 1], tmp_path / "both")
    return tmp_path / "both"


def test_all_arms_and_seeds_are_measured_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = corruption_runs([folder])
    assert {arm: list(seeds) for arm, seeds in runs.items()} == {"default": [0, 1], "mimetic": [0, 1]}
    summary = corruption_arms(runs, QUICK)
    json.dumps(summary, allow_nan=False)
    first, second = summary["arms"]
    assert first["n"] == 2 and first["measures"]["gap"]["difference"] is None
    values = [[run["summary"]["gap"] for run in arm["runs"]] for arm in (first, second)]
    assert second["measures"]["gap"]["difference"] == pytest.approx(np.mean(values[1]) - np.mean(values[0]))
    assert second["measures"]["gap"]["sd"] == pytest.approx(np.std(values[1], ddof=1))
    assert first["cells"]["fog"] == pytest.approx(np.mean([run["accuracy"]["fog"] for run in first["runs"]], axis=0))
    assert first["by_corruption"]["fog"]["mean"] == pytest.approx(np.mean(first["cells"]["fog"]))
    assert summary["source"] == "generated" and summary["images"] == 40 and first["measures"]["mce"] is None

    monkeypatch.setattr(module, "evaluate_corruptions_of", None)  # all is kept: nothing may be measured again
    assert corruption_arms(runs, QUICK) == summary


def test_what_is_kept_is_of_these_weights_and_options(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = corruption_runs([folder / "default" / "seed-0"])
    corruption_arms(runs, QUICK)
    more = CorruptionOptions(limit=30, corruptions=("fog",), severities=(1,))
    corruption_arms(runs, more)
    stored = json.loads((folder / "default" / "seed-0" / "corruptions.json").read_text())
    assert [entry["settings"]["limit"] for entry in stored["entries"]] == [40, 30]
    other_draws = replace(more, corruptions=("gaussian_noise",)), replace(more, corruptions=("gaussian_noise",), seed=1)
    first, second = (corruption_arms(runs, options)["arms"][0]["runs"][0]["ece"] for options in other_draws)
    assert first != second
    other = folder / "mimetic" / "seed-0" / "model.safetensors"
    shutil.copy(other, folder / "default" / "seed-0" / "model.safetensors")
    assert corruption_arms(runs, more)["images"] == 30
    stored = json.loads((folder / "default" / "seed-0" / "corruptions.json").read_text())
    assert [entry["settings"]["limit"] for entry in stored["entries"]] == [30]


def test_arms_of_different_seeds_are_not_paired(folder: Path) -> None:
    runs = corruption_runs([folder])
    apart = {"default": {0: runs["default"][0]}, "mimetic": {1: runs["mimetic"][1]}}
    told = corruption_arms(apart, QUICK)["arms"][1]["measures"]["gap"]
    assert told["difference"] is told["interval"] is None


def test_published_files_and_frost_among_the_data_are_used(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(module.PUBLISHED, "digits", "DIGITS-C")
    place = tmp_path / "data" / "DIGITS-C"
    place.mkdir(parents=True)
    test = load_run(folder / "default" / "seed-0").dataset.test
    np.save(place / "labels.npy", np.tile(test.labels.numpy(), 5))
    for name in QUICK.corruptions:
        np.save(place / f"{name}.npy", np.tile(test.images.permute(0, 2, 3, 1).numpy(), (5, 1, 1, 1)))
    summary = corruption_arms(corruption_runs([folder]), QUICK)
    assert summary["source"] == summary["frost"] == "published"
    assert summary["arms"][0]["measures"]["gap"]["mean"] == pytest.approx(0)  # these files are the clean images


def test_runs_of_different_data_are_refused(tiny: Recipe, folder: Path, tmp_path: Path) -> None:
    train(tiny.model_copy(update={"passes": 1, "image_size": 16, "patch_size": 4}), tmp_path / "other")
    with pytest.raises(HeadstartError, match=r"were trained on different data .* evaluate them in two commands"):
        corruption_arms(corruption_runs([folder / "default" / "seed-0", tmp_path / "other"]), QUICK)


def test_runs_of_different_data_are_refused_when_both_are_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (folder / arm / "seed-0" for arm in ("default", "mimetic"))
    corruption_arms(corruption_runs([one]), QUICK)
    opened = load_run(other)
    labels = opened.dataset.test.labels.flip(0)  # as many images of the same size, and of something else
    changed = replace(opened.dataset, test=replace(opened.dataset.test, labels=labels))
    with monkeypatch.context() as patch:
        patch.setattr(module, "load_run", lambda _: replace(opened, dataset=changed))
        corruption_arms({"mimetic": {0: other}}, QUICK)
    runs = {"default": {0: one}, "mimetic": {0: other}}
    with pytest.raises(HeadstartError, match=r"default/seed-0 and .*mimetic/seed-0 were trained on different data"):
        corruption_arms(runs, QUICK)

    path = other / "corruptions.json"  # as an older version wrote it
    stored = json.loads(path.read_text())
    del stored["entries"][0]["data"]
    path.write_text(json.dumps(stored))
    assert corruption_arms(runs, QUICK)["images"] == 40


def test_unfinished_and_repeated_folders(folder: Path) -> None:
    with pytest.raises(HeadstartError, match="is named twice"):
        corruption_runs([folder, folder, folder])
    (folder / "mimetic" / "seed-1" / "result.json").unlink()
    with pytest.raises(HeadstartError, match=r"mimetic/seed-1 is not finished: expected its result.json"):
        corruption_runs([folder])
    with pytest.raises(HeadstartError, match="one or more runs to evaluate, got none"):
        corruption_arms({})
