from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from headstart.errors import HeadstartError
from headstart.reporting.style import FORMATS, INK, PALETTE, SETTINGS, chart, save_figure, signed_map, styled


def simple() -> Figure:
    figure = Figure(figsize=(2, 1))
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=PALETTE[1], label="words")
    axes.set_title("a title")
    chart(axes, "both")
    return figure


def test_the_ending_says_as_what_and_equal_pictures_are_equal_files(tmp_path: Path) -> None:
    for kind in FORMATS:
        first, second = (styled(simple)() for _ in range(2))
        one, other = save_figure(first, tmp_path / f"new/a.{kind}"), save_figure(second, tmp_path / f"b.{kind}")
        assert one.read_bytes() == other.read_bytes()
    assert (tmp_path / "b.png").read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "b.svg").read_text()
    assert "<svg" in text and ">a title</text>" in text  # letters, not their outlines
    with pytest.raises(HeadstartError, match=r"pictures are written as .png, .svg or .pdf; got 'a.jpeg'"):
        save_figure(simple(), tmp_path / "a.jpeg")
    assert not (tmp_path / "a.jpeg").exists()


def test_settings_hold_while_drawing_and_not_afterwards() -> None:
    before = dict(matplotlib.rcParams)
    seen = styled(lambda: {key: matplotlib.rcParams[key] for key in SETTINGS})()
    assert seen["text.color"] == INK and seen["svg.fonttype"] == "none"
    assert dict(matplotlib.rcParams) == before


def test_colours_differ_in_lightness_or_hue_for_every_eye() -> None:
    """No pair of red and green: seen without red-green contrast (the mean of the two), all are still apart."""
    from matplotlib.colors import to_rgb

    flat = [((r + g) / 2, b) for r, g, b in map(to_rgb, PALETTE)]
    apart = [abs(a[0] - b[0]) + abs(a[1] - b[1]) for i, a in enumerate(flat) for b in flat[i + 1 :]]
    assert min(apart) > 0.1
    low, middle, high = (signed_map()(share) for share in (0.0, 0.5, 1.0))
    assert middle[:3] == pytest.approx((1, 1, 1), abs=0.01) and low[2] < 0.1 and high[0] < 0.1
