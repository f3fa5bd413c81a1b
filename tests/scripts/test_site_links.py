"""Links are turned from the repository's places to the site's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

pytest.importorskip("mkdocs")
SCRIPT = Path(__file__).parents[2] / "scripts" / "site_links.py"


@pytest.fixture(scope="module")
def links(loaded: Callable[[str], ModuleType]) -> ModuleType:
    return loaded("scripts/site_links.py")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path, text in {
        "docs/log.md": "[rules](../CONTRIBUTING.md#results), [files](../results), [away](https://a.b/c.md)",
        "docs/deep/page.md": "![p](../p.png) [x](../../code.py)\n```\n[x](../../code.py)\n```\n[gone](../../gone.md)",
        "CONTRIBUTING.md": "[log](docs/log.md), [code](code.py)",
        "results/README.md": "",
        "code.py": "",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def turned(links, root: Path, page: str) -> str:
    config = {"config_file_path": str(root / "mkdocs.yml")}
    known = {"log.md", "p.png", "repository/CONTRIBUTING.md", "repository/results/README.md", "repository/code.py"}
    files = SimpleNamespace(get_file_from_path=lambda path: path if path in known else None)
    text = (root / links.origin(page)).read_text()
    return links.on_page_markdown(text, SimpleNamespace(file=SimpleNamespace(src_uri=page)), config, files)


def test_what_is_linked_is_found_with_what_that_links_to(links, root: Path) -> None:
    assert set(links.linked(root, ["docs/log.md"])) == {"CONTRIBUTING.md", "results/README.md", "code.py"}


def test_links_are_turned_both_ways(links, root: Path) -> None:
    assert turned(links, root, "log.md") == (
        "[rules](repository/CONTRIBUTING.md#results), [files](repository/results/README.md), [away](https://a.b/c.md)"
    )
    assert turned(links, root, "repository/CONTRIBUTING.md") == "[log](../log.md), [code](code.py)"


def test_code_blocks_and_links_to_nothing_are_left(links, root: Path) -> None:
    assert turned(links, root, "deep/page.md") == (
        "![p](../p.png) [x](../repository/code.py)\n```\n[x](../../code.py)\n```\n[gone](../../gone.md)"
    )
