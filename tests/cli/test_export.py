import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

import headstart
from headstart.cli import app
from headstart.training import hub, named_recipe, train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place") / "run"
    train(named_recipe("digits").override(["width=24", "depth=1", "passes=1", "batch_size=50", "limit=200"]), place)
    return place


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["export", *map(str, arguments)], env={"COLUMNS": "200"})


def test_one_file_for_headstart_is_the_default(run: Path) -> None:
    result = call(run)
    assert result.exit_code == 0, result.output
    assert "safetensors: logits within 0.0e+00 of the run's on 64 validation images (at most 1e-04)" in result.stdout
    assert headstart.load(run / "export").classes == tuple("0123456789")
    assert "# tiny on digits" in (run / "export/README.md").read_text()


def test_formats_are_added_up_and_pushed(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("timm")
    asked: list[dict[str, Any]] = []
    api = SimpleNamespace(
        create_repo=lambda repo, **how: asked.append({"repo": repo, **how}),
        upload_folder=lambda **how: asked.append(how) or "https://hub/me/digits",
    )
    fake = SimpleNamespace(HfApi=lambda **_: api, __spec__=SimpleNamespace())
    with monkeypatch.context() as patch:
        # Not before timm has been imported, which asks the real one.
        import timm  # noqa: F401

        patch.setitem(sys.modules, "huggingface_hub", fake)
        result = call(run, "--out", tmp_path, "--timm", "--safetensors", "--push", "me/digits", "--private")
    assert result.exit_code == 0, result.output
    assert "pushed: https://hub/me/digits" in result.stdout
    assert asked[0] == {"repo": "me/digits", "private": True, "exist_ok": True}
    names = ["README.md", "config.json", "headstart.safetensors", "model.safetensors"]
    assert asked[1]["allow_patterns"] == sorted(file.name for file in tmp_path.iterdir()) == names


def test_wrong_words_end_with_one_error(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = call(run, "--private")
    assert alone.exit_code == 2
    assert "--private says how to make a repository on the hub: give --push OWNER/NAME with it." in alone.stderr
    both = call(run, "--timm", "--transformers")
    assert both.exit_code == 1
    assert "export each to a folder of its own" in both.stderr
    monkeypatch.setattr(hub.importlib.util, "find_spec", lambda _: None)
    missing = call(run, "--out", tmp_path / "out", "--push", "me/digits")
    assert missing.exit_code == 1
    assert 'Error: --push needs huggingface_hub; pip install "headstart[hub]".' in missing.stderr
    assert not (tmp_path / "out").exists()
