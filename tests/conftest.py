"""What every test stands on: one thread, a timm that can be imported, scripts, a browser, runs that are cut."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from headstart.training import Recipe

# The tests' tensors are small: a second thread costs more waiting than it saves, above all on a busy machine.
torch.set_num_threads(1)


def declare_missing_torchvision_operators() -> torch.library.Library | None:
    """Let ``import torchvision`` (and so ``import timm``) succeed where its binary part cannot load.

    torchvision's C++ extension is built for one torch build. Beside another one (a CPU wheel, say) it does
    not load, and the import ends in "operator torchvision::nms does not exist", although timm's models
    never call nms. Declaring the signatures is enough; the operators still can't be run. Where the
    extension does load, it is loaded here as torchvision itself would do it, and nothing is declared.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0])
    for extension in (*folder.glob("_C*.so"), *folder.glob("_C*.pyd")):
        try:
            torch.ops.load_library(extension)
        except OSError:
            continue
        return None
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


# Kept in a name: the operators vanish with the library object.
TORCHVISION_OPERATORS = declare_missing_torchvision_operators()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """A command may be told another number of threads; the process keeps its own."""
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def loaded() -> Callable[[str], ModuleType]:
    """Gives a script of the repository, which is in no package, as a module."""

    def load(place: str) -> ModuleType:
        path = Path(__file__).parents[1] / place
        spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real browser, Debian's (or any) Chromium, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make browser")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no Chromium found: apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def cut_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Recipe], list[str]]:
    """Trains a recipe in ``tmp_path``, in ``cut``, cut in its seventh step, and in ``whole``: both models' SHA-256."""

    def train_both(recipe: Recipe) -> list[str]:
        from headstart.training import engine, train

        train(recipe, tmp_path / "whole")
        original, steps = engine.RunState.count, 0

        def cut(*args: Any) -> None:
            nonlocal steps
            steps += 1
            if steps == 7:
                raise KeyboardInterrupt
            original(*args)

        with monkeypatch.context() as patch:
            patch.setattr(engine.RunState, "count", cut)
            with pytest.raises(KeyboardInterrupt):
                train(recipe, tmp_path / "cut", save_every=0.0)
        train(recipe, tmp_path / "cut")
        models = (tmp_path / name / "model.safetensors" for name in ("cut", "whole"))
        return [hashlib.sha256(model.read_bytes()).hexdigest() for model in models]

    return train_both


@pytest.fixture
def parts_and_whole(tmp_path: Path) -> Callable[[Recipe], dict[str, float]]:
    """Trains a recipe with batches whole and in four parts; the largest difference of each weight in the end."""

    def train_both(recipe: Recipe) -> dict[str, float]:
        from safetensors.torch import load_file

        from headstart.training import train

        for parts in (1, 4):
            train(recipe.override([f"accumulate={parts}"]), tmp_path / str(parts))
        one, four = (load_file(tmp_path / parts / "model.safetensors") for parts in ("1", "4"))
        assert one.keys() == four.keys()
        return {name: (one[name] - four[name]).abs().max().item() for name in one}

    return train_both
