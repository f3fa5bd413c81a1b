from pathlib import Path

import pytest

from headstart.errors import HeadstartError
from headstart.training.run_folder import check, claim, read_json


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
