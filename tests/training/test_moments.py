import itertools
import json
from pathlib import Path

import pytest
import torch

from headstart.initialization import measure
from headstart.training import Recipe, load_run, train
from headstart.training.build import sample_images
from headstart.training.moments import moments
from headstart.training.start import MEASURED_IMAGES
from headstart.training.watching import kept_weights


def test_a_watched_run_from_its_start_to_its_end(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny.override(["init=impulse", "passes=4"]), tmp_path, watch=True)
    assert sorted(kept_weights(tmp_path)) == [1, 2]
    run, notes = load_run(tmp_path), []
    found = moments(tmp_path, run, 4, notes)
    assert notes == []
    assert [(moment.name, moment.passes) for moment in found] == [
        ("head start", 0),
        ("pass 1", 1),
        ("pass 2", 2),
        ("trained, pass 4", 4),
    ]
    images = run.normalize(sample_images(run.dataset.val, MEASURED_IMAGES, run.recipe.split_seed))
    start = json.loads((tmp_path / "init.json").read_text())["on_images"]["heads"]
    again = measure(found[0].model(), images).heads
    assert [head.target_mass for head in again] == pytest.approx([head["target_mass"] for head in start], abs=1e-5)
    outputs = [moment.model()(images) for moment in found]
    assert all(not torch.equal(one, other) for one, other in itertools.pairwise(outputs))
    assert found[-1].model() is run.model


def test_a_run_that_was_not_watched_has_its_best_pass(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny, tmp_path)
    history = [json.loads(line)["val_accuracy"] for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    best = 1 + history.index(max(history))
    names = [moment.name for moment in moments(tmp_path, load_run(tmp_path), 3, [])]
    assert names == ["head start", *([f"best, pass {best}"] if best < 3 else []), "trained, pass 3"]


def test_another_start_than_the_recorded_one_is_not_shown(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny.override(["passes=1"]), tmp_path)
    start = json.loads((tmp_path / "init.json").read_text())
    start["on_images"]["heads"][1]["target_mass"] += 0.3
    (tmp_path / "init.json").write_text(json.dumps(start))
    notes: list[str] = []
    names = [moment.name for moment in moments(tmp_path, load_run(tmp_path), 1, notes)]
    assert names == ["trained, pass 1"]
    assert "others than those of the run (a head's target mass is 0.30 off)" in notes[0]
