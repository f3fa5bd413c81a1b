"""The site builds strictly, asks nothing of any network, and lists what the library offers."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = (
    "headstart", "headstart.initialization", "headstart.attention", "headstart.methods", "headstart.models",
    "headstart.data", "headstart.training", "headstart.evaluation", "headstart.evaluation.corruptions",
    "headstart.evaluation.verification",
)  # fmt: skip
# What a page may load: links to click are another matter.
LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*?\ssrc=\"?([^\s\">]+)|<link\b[^>]*?\shref=\"?([^\s\">]+)")


def test_every_page_is_there(site: Path) -> None:
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).exists()


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        for source, sheet in LOADED.findall(page.read_text()):
            assert "//" not in source + sheet, page


def test_links_to_the_repository_lead_to_its_files(site: Path) -> None:
    assert 'href="repository/examples/index.html"' in (site / "models.html").read_text()
    assert (site / "repository" / "examples" / "index.html").exists()


def test_the_api_page_has_every_public_name(site: Path) -> None:
    text = (site / "api.html").read_text()
    top = set(importlib.import_module("headstart").__all__)
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in module.__all__:
            thing = getattr(module, name)
            if not (inspect.isclass(thing) or inspect.isfunction(thing)) or (room != "headstart" and name in top):
                continue
            assert f'id="{room}.{name}' in text or f'id="{thing.__module__}.{name}"' in text, f"{room}.{name}"
