import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from headstart.reporting import markdown_table, measured

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(loaded: Callable[[str], ModuleType]) -> ModuleType:
    return loaded("scripts/update_tables.py")


def test_stale_tables_are_named_and_then_rewritten(script: ModuleType, results: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "docs/deep").mkdir(parents=True)
    (tmp_path / "results/a.json").write_text(json.dumps(results))
    page = "before\n<!-- results:results/a.json -->\nold\n<!-- end -->\nafter\n"
    for name in ("README.md", "docs/deep/page.md"):
        (tmp_path / name).write_text(page)
    assert script.main(tmp_path, check=True) == 1
    assert (tmp_path / "README.md").read_text() == page
    assert script.main(tmp_path, check=False) == 0
    for name in ("README.md", "docs/deep/page.md"):
        assert (tmp_path / name).read_text() == page.replace("old", markdown_table(results))
    assert script.main(tmp_path, check=True) == 0


def test_what_a_recipe_gave_is_written_into_its_docstring(
    script: ModuleType, results: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results/a.json").write_text(json.dumps(results))
    code = tmp_path / script.RECIPES
    code.parent.mkdir(parents=True)
    old = '    """One.\n\n    Measured (results/a.json): old\n    words.\n\n    More.\n    """\n'
    code.write_text(old)
    assert script.main(tmp_path, check=False) == 0
    first, second, *rest = code.read_text().split("\n\n")
    assert " ".join(second.split()) == f"Measured (results/a.json): {measured(results)}"
    assert max(map(len, second.splitlines())) <= 120
    assert [first, *rest] == ['    """One.', '    More.\n    """\n']
    assert script.main(tmp_path, check=True) == 0


def test_a_missing_file_is_named(script: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("<!-- results:results/gone.json -->\n<!-- end -->\n")
    with pytest.raises(SystemExit, match=r"results/gone.json .* does not exist"):
        script.main(tmp_path, check=True)


def test_the_committed_tables_are_up_to_date(script: ModuleType) -> None:
    assert script.main(ROOT, check=True) == 0
