from pathlib import Path

import pytest

from headstart.training import Recipe, load_run, train
from headstart.training.moments import moments
from headstart.training.over_time import rows_over_training
from headstart.training.watching import MEASURES, read_watched, starting_heads


@pytest.mark.parametrize("watch", [False, True])
def test_heads_are_told_of_from_the_start_to_the_end(watch: bool, tiny: Recipe, tmp_path: Path) -> None:
    train(tiny.override(["init=impulse"]), tmp_path, watch=watch)
    run, start = load_run(tmp_path), starting_heads(tmp_path)
    assert run.passes == 3
    found = moments(tmp_path, run, run.passes, [])
    images = run.normalize(run.pictures(64))
    rows = rows_over_training(tmp_path, found, images, start)
    assert [row["pass"] for row in rows] == ([0, 1, 2, 3] if watch else [moment.passes for moment in found])
    for name in MEASURES:
        assert [len(block) for block in rows[0][name]] == [3]
    assert rows[0]["start_mass"][0] == pytest.approx([head.target_mass for head in start], abs=1e-4)
    assert rows[0]["moved"] == [[0.0, 0.0, 0.0]]
    assert rows == read_watched(tmp_path) if watch else rows_over_training(tmp_path, found, images, []) == []
