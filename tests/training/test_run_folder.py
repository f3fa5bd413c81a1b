import json
from pathlib import Path

import pytest

from headstart.errors import HeadstartError
from headstart.training.run_folder import check, claim, read_config, read_json


def test_a_folder_is_claimed_once_and_then_recognised(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert check(folder, {"lr": 1}) is False
    assert not folder.exists()
    claim(folder, {"lr": 1}, dataset="digits")
    claim(folder, {"lr": 1}, dataset="elsewhere")
    assert check(folder, {"lr": 1}) is True
    assert read_json(folder / "config.json")["dataset"] == "digits"


def test_a_foreign_folder_is_refused_by_the_keys_that_differ(tmp_path: Path) -> None:
    claim(tmp_path, {"lr": 1, "seed": 0, "old": 5})
    with pytest.raises(HeadstartError) as error:
        check(tmp_path, {"lr": 2, "seed": 0})
    assert str(error.value) == (
        f"{tmp_path} holds a run of another config: lr (1 there, 2 asked), old (5 there, None asked); "
        "choose another --out or delete it."
    )


def test_a_file_and_a_damaged_config_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HeadstartError, match="is a file; choose a folder"):
        check(tmp_path / "file", {})
    (tmp_path / "config.json").write_text('{"config": {')
    with pytest.raises(HeadstartError, match=r"config.json is damaged .*; delete"):
        check(tmp_path, {})


def test_a_folder_of_a_newer_version_and_one_of_no_run_are_refused(tmp_path: Path) -> None:
    claim(tmp_path, {"dataset": "digits"})
    stored = read_config(tmp_path)
    assert (stored["config"], stored["format"]) == ({"dataset": "digits"}, 1)
    (tmp_path / "config.json").write_text(json.dumps({**stored, "format": 2, "versions": {"headstart": "9.0"}}))
    with pytest.raises(HeadstartError) as error:
        read_config(tmp_path)
    assert str(error.value) == (
        f"{tmp_path} was written by headstart 9.0 (format 2), and this version reads up to format 1; update with "
        "pip install -U headstart."
    )
    with pytest.raises(HeadstartError, match="update with pip install -U headstart"):
        check(tmp_path, {"dataset": "digits"})  # nor is it gone on with
    for other in ([1], {"architecture": "vit"}, {"config": {"lr": 1}}):
        (tmp_path / "config.json").write_text(json.dumps(other))
        with pytest.raises(HeadstartError, match=r"config.json is not of a run: expected a folder written by"):
            read_config(tmp_path)
