"""What every test stands on: few threads, and a timm that can be imported."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
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


@pytest.fixture
def cut_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Recipe], None]:
    """Trains a recipe in ``tmp_path``, in ``whole`` and, cut in its seventh step, in ``cut``: with the same bits."""

    def train_both(recipe: Recipe) -> None:
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
        whole, other = (tmp_path / name / "model.safetensors" for name in ("whole", "cut"))
        assert other.read_bytes() == whole.read_bytes()

    return train_both
