"""Every Python block of README.md and the pages under docs/ runs.

A page's blocks run in order, in one namespace, in a folder that holds ``photos/`` (a folder of images for each class),
``image.jpg``, ``other.png``, and two finished runs, ``runs/photos-impulse`` and ``runs/compare-cifar10``.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.methods import METHODS

from .blocks import PAGES, Block, blocks, of_page

PYTHON = {page: found for page in PAGES if (found := [b for b in of_page(page) if b.language == "python"])}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, and finished runs, as small as can be."""
    from PIL import Image

    from headstart.training import Recipe, compare, train
    from headstart.training.recipes import pinned

    folder = tmp_path_factory.mktemp("world")
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (36, 40, 36, 3), generator=generator, dtype=torch.uint8).numpy()
    for index, image in enumerate(map(Image.fromarray, pixels)):
        path = folder / "photos" / ("apple", "banana", "cherry")[index % 3] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    Image.fromarray(pixels[0]).save(folder / "image.jpg")
    Image.fromarray(pixels[1]).save(folder / "other.png")
    small: dict[str, Any] = {"width": 24, "depth": 1, "heads": 3, "passes": 1, "batch_size": 16}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HEADSTART_DATA", str(folder / "cache"))
        train(pinned(Recipe(dataset="photos", image_size=32, patch_size=8, **small)), Path("runs/photos-impulse"))
        digits = Recipe(dataset="digits", limit=100, patch_size=2, **small)
        compare(digits, ["default", "impulse"], [0], Path("runs/compare-cifar10"))
    return folder


@pytest.fixture
def inside(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterable[None]:
    """The folder that pages run in, each in a copy of its own; methods that a page registers are forgotten."""
    folder = tmp_path / "world"
    shutil.copytree(world, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HEADSTART_DATA", str(folder / "cache"))
    known = dict(METHODS)
    yield
    METHODS.clear()
    METHODS.update(known)


def run(found: Iterable[Block]) -> list[int]:
    """Run blocks in one namespace, and say at which lines; the traceback of an error names page and line."""
    namespace, lines = {"__name__": "page"}, []
    for block in found:
        if block.reason is None:
            exec(compile("\n" * (block.line - 1) + block.code, block.page, "exec"), namespace)
            lines.append(block.line)
    return lines


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", PYTHON)
def test_python_runs(page: str, inside: None) -> None:
    code = "".join(block.code for block in PYTHON[page])
    for library in ("timm", "transformers"):
        if f"import {library}" in code or f", {library}" in code:
            pytest.importorskip(library)
    left_out = [block.line for block in PYTHON[page] if block.reason]
    assert sorted([*run(PYTHON[page]), *left_out]) == [block.line for block in PYTHON[page]]


def test_a_wrong_block_is_found() -> None:
    page = "Text.\n\n```python\na = 1\n```\n\n- in a list:\n\n  ```python\n  b = a + 1\n\n  c\n  ```\n"
    first, second = blocks(page, "page.md")
    assert (first.line, second.line, second.code) == (4, 10, "b = a + 1\n\nc")
    with pytest.raises(NameError, match="'c'") as raised:
        run([first, second])
    assert (str(raised.traceback[-1].path), raised.traceback[-1].lineno + 1) == ("page.md", 12)


def test_a_block_is_left_out_for_a_reason_only() -> None:
    (block,) = blocks("<!-- not run: takes an hour -->\n```python\nwrong\n```\n", "page.md")
    assert block.reason == "takes an hour"
    assert run([block]) == []
    with pytest.raises(AssertionError, match=r"page.md:1: a block is not run and the reason is missing"):
        list(blocks("<!-- not run: -->\n```python\nwrong\n```\n", "page.md"))


def test_a_block_has_to_end() -> None:
    with pytest.raises(AssertionError, match=r"page.md:2: a block without an end"):
        list(blocks("```python\nx = 1\n", "page.md"))
