"""The notebook is its script's, and its cells run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script(loaded: Callable[[str], ModuleType]) -> ModuleType:
    return loaded("scripts/make_notebook.py")


def test_the_committed_notebook_is_up_to_date(script) -> None:
    assert script.main(ROOT / "examples" / "head_start.py", check=True) == 0


def test_a_change_is_noticed_and_written(script, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.py").write_text("# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\nx = 1\n\nx\n")
    assert script.main(tmp_path / "a.py", check=True) == 1
    assert "out of date; run python scripts/make_notebook.py" in capsys.readouterr().out
    assert script.main(tmp_path / "a.py") == 0
    assert script.main(tmp_path / "a.py", check=True) == 0
    text, code = json.loads((tmp_path / "a.ipynb").read_text())["cells"]
    assert (text["cell_type"], text["source"]) == ("markdown", ["# Title\n", "\n", "Text."])
    assert (code["cell_type"], code["source"], code["outputs"]) == ("code", ["x = 1\n", "\n", "x"], [])


@pytest.mark.parametrize(("text", "message"), [("x = 1\n", "begin with"), ("# %% [markdown]\nx\n", "a comment")])
def test_what_is_no_cell_is_told(script, text: str, message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        script.cells(text)


@pytest.mark.filterwarnings("ignore")
def test_the_cells_run(script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    import matplotlib

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    backend = matplotlib.get_backend()
    matplotlib.use("Agg")
    namespace: dict = {"__name__": "notebook"}
    try:
        for cell in json.loads((ROOT / "examples" / "head_start.ipynb").read_text())["cells"]:
            if cell["cell_type"] == "code":
                exec("".join(cell["source"]), namespace)
    finally:
        namespace["plt"].close("all")
        matplotlib.use(backend)
    usual, head_start = namespace["results"]["arms"]
    assert head_start["mean"] > usual["mean"]
    assert len(namespace["trained"].heads) == 12
