import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.training import provenance


@pytest.fixture(autouse=True)
def asked_anew() -> Iterator[None]:
    """The commit is asked for once in a process; here, once in a test."""
    provenance.commit.cache_clear()
    yield
    provenance.commit.cache_clear()


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


def test_added_and_changed_source_is_told_and_the_commit_is_asked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> str:
        names = ["-c", "user.name=a", "-c", "user.email=a@b"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *names, *words], check=True, capture_output=True, text=True
        ).stdout.strip()

    file = tmp_path / "headstart/training/provenance.py"
    file.parent.mkdir(parents=True)
    file.write_text("")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    first = git("rev-parse", "HEAD")
    monkeypatch.setattr(provenance, "__file__", str(file))
    (tmp_path / "notes.txt").write_text("not of the package")
    assert provenance.commit() == first
    (tmp_path / "headstart/new.py").write_text("")
    assert provenance.commit() == first  # what the process began with
    provenance.commit.cache_clear()
    assert provenance.commit() == f"{first}-dirty"


def test_hardware_names_no_path() -> None:
    facts = provenance.hardware()
    assert facts["cores"] >= 1
    assert isinstance(facts["cpu"], str)
    assert "/" not in facts["cpu"]
