import json
from pathlib import Path

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.training import Recipe, load_run, train
from headstart.training.engine import accuracy


def test_a_finished_run_comes_back_as_it_was(tiny: Recipe, tmp_path: Path) -> None:
    result = train(tiny, tmp_path)
    run = load_run(tmp_path)
    assert run.recipe == tiny
    assert run.finished
    assert run.title == "digits, default, seed 0, trained"
    assert not run.model.training
    assert accuracy(run.model, run.dataset.test, run.dataset, 512) == result["test_accuracy"]
    pictures = run.pictures(4)
    assert pictures.shape == (4, 1, 8, 8)
    assert torch.equal(pictures, run.pictures(4))
    assert run.model(run.normalize(pictures)).shape == (4, 10)


def test_a_cut_run_gives_its_last_pass(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny, tmp_path)
    final = load_run(tmp_path).model.state_dict()
    (tmp_path / "model.safetensors").unlink()
    run = load_run(tmp_path)
    assert not run.finished
    assert all(torch.equal(value, final[name]) for name, value in run.model.state_dict().items())
    for path in (*tmp_path.glob("checkpoint*"), tmp_path / "best.safetensors"):
        path.unlink()
    with pytest.raises(HeadstartError, match="has no finished pass yet"):
        load_run(tmp_path)


def test_a_run_of_a_longer_name_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photos-impulse", "birds"):
        Path("runs", name).mkdir(parents=True)
        Path("runs", name, "config.json").write_text("{}")
    for typed in ("runs/photos", "photos"):
        with pytest.raises(HeadstartError, match=f"no run folder {typed}; did you mean runs/photos-impulse\\?"):
            load_run(typed)


def test_a_recipe_of_another_version_says_which(tiny: Recipe, tmp_path: Path) -> None:
    config = {**tiny.portable(), "telepathy": True}
    (tmp_path / "config.json").write_text(json.dumps({"config": config, "versions": {"headstart": "9.0"}}))
    with pytest.raises(
        HeadstartError, match=r"was written by headstart 9.0, and this is .*: unknown recipe key 'telepa"
    ):
        load_run(tmp_path)
