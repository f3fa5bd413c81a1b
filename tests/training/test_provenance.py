import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.training import provenance
from headstart.training.named import cifar10_small


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


def test_a_command_gives_its_values_back_and_names_no_place() -> None:
    recipe = cifar10_small().override(["classes=Abyssinian,Egyptian Mau", "flip=false", "clip=none"])
    told = provenance.command(recipe, ["default", "impulse+slim:teacher=/home/me/runs/big"], [2, 3])
    words = shlex.split(told)
    chosen = [words[at + 1] for at, word in enumerate(words) if word == "--set"]
    assert cifar10_small().override(chosen).portable() == recipe.portable()
    assert words[-6:] == ["--init", "default,impulse+slim:teacher=big", "--seeds", "2", "--seed", "2"]
    slim = recipe.model_copy(update={"methods": ("drloc", "slim:keep=0.5:teacher=/home/me/big:after=2", "convffn")})
    told = provenance.command(slim, ["default"], [1, 5, 9])
    assert "--set methods=drloc,slim:keep=0.5:teacher=big:after=2,convffn" in told
    assert told.endswith("--init default  # with the seeds 1, 5, 9, which no command gives, and Python does")


def test_hardware_names_no_path() -> None:
    facts = provenance.hardware()
    assert facts["cores"] >= 1
    assert isinstance(facts["cpu"], str)
    assert "/" not in facts["cpu"]
