"""The pictures of docs/how-it-works.md are drawn, and say what the page says of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "draw_docs.py"


@pytest.fixture(scope="module")
def script(loaded: Callable[[str], ModuleType]) -> ModuleType:
    return loaded("scripts/draw_docs.py")


@pytest.mark.filterwarnings("ignore")
def test_every_committed_picture_is_drawn(script, tmp_path: Path) -> None:
    script.main(tmp_path)
    drawn = {path.name for path in tmp_path.iterdir()}
    committed = {path.name for path in (SCRIPT.parents[1] / "docs" / "images").glob("how-*.png")}
    assert drawn == committed == {"how-shift.png", "how-code.png", "how-gain.png"}


@pytest.mark.filterwarnings("ignore")
def test_contrast_is_the_same_filter_at_any_depth_and_mimetic_is_not(script) -> None:
    steepness = {}
    for value in ("contrast", "mimetic"):
        for depth in (4, 12):
            frequencies, gain = script.frequency_gain(value, depth)
            assert (frequencies[0], frequencies[-1]) == (0, 1)
            steepness[value, depth] = float(gain[-1] / gain[1])
    assert steepness["contrast", 12] == pytest.approx(steepness["contrast", 4], rel=0.1)
    assert steepness["mimetic", 12] > 1.3 * steepness["mimetic", 4]
