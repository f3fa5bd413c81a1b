"""A page of two arms, the second with heads to explore: prefix tokens, a grid that is not square, two moments."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import headstart
from headstart.reporting.page import Arm, Seen, explore, write_page

CLASSES = ("cat", "<dog> & co", "owl")


@dataclass(frozen=True)
class Moment:
    name: str
    passes: int
    model: Callable[[], nn.Module]


@pytest.fixture(scope="session")
def moments() -> list[Moment]:
    """The head start, and other weights as if trained."""
    found = []
    for name, passes, seed in (("head start", 0, 0), ("trained, pass 3", 3, 1)):
        torch.manual_seed(seed)
        model = headstart.create_vit(
            "tiny", width=24, depth=2, heads=3, image_size=(16, 24), patch_size=4, pool="class", registers=1
        ).eval()
        with warnings.catch_warnings():  # three heads are few
            warnings.simplefilter("ignore", UserWarning)
            headstart.init_(model, "impulse", generator=torch.Generator().manual_seed(seed))
        found.append(Moment(name, passes, lambda model=model: model))
    return found


@pytest.fixture(scope="session")
def seen() -> Seen:
    random = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (4, 3, 16, 24), generator=random, dtype=torch.uint8)
    return Seen(pictures / 255 - 0.5, pictures, [CLASSES[index % 3] for index in range(4)])


@pytest.fixture(scope="session")
def attention(moments: list[Moment], seen: Seen) -> dict[str, Any]:
    start = headstart.measure(moments[0].model(), seen.inputs).heads
    return explore(moments, seen, seen.inputs, start, [], 1_000_000)


@pytest.fixture
def arms(attention: dict[str, Any], seen: Seen) -> list[Arm]:
    labels, shares = torch.tensor([0, 1, 2, 0]), torch.eye(3)[[0, 2, 2, 1]] * 0.8 + 0.1
    scored = (labels, shares.argmax(dim=1))
    sample = (labels, shares, seen.pictures)
    told = (CLASSES, scored, "4 test images, seed 0", sample, "validation images")
    return [
        Arm("default", 0, *told, None, ["There is no explorer: ResNet has no attention heads that can be seen."]),
        Arm("impulse", 0, *told, attention),
    ]


@pytest.fixture
def page(results: dict[str, Any], arms: list[Arm], tmp_path: Path) -> Path:
    return write_page(
        results, arms, tmp_path / "report.html", title="digits: <default>, impulse", facts={"data": "8×8"}
    )
