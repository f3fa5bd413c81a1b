import subprocess
from pathlib import Path

import pytest

from headstart.training import provenance


def test_the_commit_is_that_of_the_source() -> None:
    root = Path(__file__).parents[2]
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
    if head.returncode:
        assert provenance.commit() is None
    else:
        assert provenance.commit() in (head.stdout.strip(), head.stdout.strip() + "-dirty")


def test_outside_a_repository_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "headstart/training/provenance.py"))
    (tmp_path / "headstart/training").mkdir(parents=True)
    assert provenance.commit() is None


def test_source_that_an_enclosing_repository_does_not_track_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "headstart/training/provenance.py"))
    (tmp_path / "headstart/training").mkdir(parents=True)
    assert provenance.commit() is None


def test_hardware_names_no_path() -> None:
    facts = provenance.hardware()
    assert facts["cores"] >= 1
    assert isinstance(facts["cpu"], str)
    assert "/" not in facts["cpu"]
