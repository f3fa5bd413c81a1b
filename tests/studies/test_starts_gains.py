from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from headstart.studies.starts_gains import draw_gains
from headstart.training.statistics import paired_difference


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved."""
    figures: list[Figure] = []
    original = Figure.savefig

    def saved(figure: Figure, *args: Any, **kwargs: Any) -> None:
        figures.append(figure)
        original(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", saved)
    return figures


def study(*tests: list[list[float]]) -> dict[str, Any]:
    """What the study wrote, of columns with the accuracies of three starts."""
    names = ("default", "mimetic", "impulse:sharpness=" + "0.5/" * 20)
    answers = [
        {"question": f"column {index}", "arms": [{"init": n, "test": t} for n, t in zip(names, column, strict=True)]}
        for index, column in enumerate(tests)
    ]
    return {"n": len(tests[0][0]), "answers": answers}


def test_marks_stand_at_paired_differences_to_the_first_start(tmp_path: Path, drawn: list[Figure]) -> None:
    few, more = [[0.2, 0.3], [0.25, 0.33], [0.5, 0.58]], [[0.4, 0.4], [0.3, 0.32], [0.6, 0.7]]
    assert draw_gains(study(few, more), tmp_path / "gains.png").stat().st_size > 10_000
    axes: Any = drawn[0].axes[0]
    lines = axes.get_lines()
    marks = [line for line in lines if line.get_marker() not in ("None", None)]
    assert [list(line.get_xdata()) for line in marks] == [pytest.approx([4, -9]), pytest.approx([29, 25])]
    low, high = paired_difference(few[1], few[0])[1] or (0, 0)
    assert any(list(line.get_xdata()) == pytest.approx([100 * low, 100 * high]) for line in lines)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["column 0", "column 1"]
    top, bottom = axes.get_ylim()[1], axes.get_ylim()[0]
    assert top < min(marks[0].get_ydata()) and max(marks[1].get_ydata()) < bottom and top < bottom
    texts = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert texts[0] == "mimetic" and len(texts[1]) == 60 and texts[1].endswith("…")


def test_a_single_seed_has_no_interval_and_a_single_start_no_marks(tmp_path: Path, drawn: list[Figure]) -> None:
    draw_gains(study([[0.2], [0.3], [0.4]]), tmp_path / "seed.png")
    alone = study([[0.2], [0.3], [0.4]])
    alone["answers"][0]["arms"] = alone["answers"][0]["arms"][:1]
    draw_gains(alone, tmp_path / "start.png")
    one, none = drawn
    assert len(one.axes[0].get_lines()) == 3 and len(none.axes[0].get_lines()) == 1 and not none.legends
