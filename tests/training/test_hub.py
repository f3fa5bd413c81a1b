import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headstart.errors import HeadstartError
from headstart.training import hub


class Api:
    """Remembers what it is asked."""

    calls: list[tuple[str, dict[str, Any]]]

    def __init__(self, **_: object) -> None:
        Api.calls = []

    def create_repo(self, repo: str, **options: Any) -> None:
        if repo == "no":
            raise OSError("401: not yours\nmore")
        Api.calls.append((repo, options))

    def upload_folder(self, **options: Any) -> str:
        Api.calls.append(("upload", options))
        return "https://hub/me/digits"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(HfApi=Api, __spec__=SimpleNamespace()))


@pytest.mark.usefixtures("api")
def test_the_named_files_alone_are_uploaded(tmp_path: Path) -> None:
    assert hub.push_to_hub(tmp_path, "me/digits", ("README.md", "model.onnx"), private=True) == "https://hub/me/digits"
    (repo, made), (_, upload) = Api.calls
    assert (repo, made) == ("me/digits", {"private": True, "exist_ok": True})
    assert (upload["repo_id"], upload["folder_path"]) == ("me/digits", str(tmp_path))
    assert upload["allow_patterns"] == ["README.md", "model.onnx"]


@pytest.mark.usefixtures("api")
def test_what_the_hub_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"to no failed: 401: not yours. The files are written; log in with"):
        hub.push_to_hub(tmp_path, "no", ())


def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(HeadstartError, match=r'--push needs huggingface_hub; pip install "headstart\[hub\]"'):
        hub.need_hub()
