from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console

from headstart.evaluation import Timing
from headstart.reporting import draw_latency, speed_table
from headstart.reporting.style import PALETTE


def document(places: dict[str, tuple[float, float | None]]) -> dict[str, Any]:
    runs = [
        {"name": name, "dataset": "digits", "accuracy": {"mean": mean, "sd": 0.01, "n": 3}}
        for name, (_, mean) in places.items()
    ]
    milliseconds = {name: ms for name, (ms, _) in places.items()}
    hardware = {"cpu": "a CPU", "threads": 2, "gpu": None}
    found = {"batch_size": 1, "milliseconds": milliseconds}
    return {"hardware": hardware, "device": "cpu", "runs": runs, "side_by_side": found}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    figures: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), original(self, *a, **k)))
    return figures


def test_a_point_for_each_model_with_its_spread(drawn: list[Figure], tmp_path: Path) -> None:
    path = draw_latency(
        document({"one": (1.0, 0.9), "other": (2.0, 0.95), "unfinished": (3.0, None)}), tmp_path / "a.png"
    )
    with Image.open(path) as picture:
        assert picture.size == (1120, 672)
    (axes,) = drawn[0].axes
    points = [container.lines[0] for container in axes.containers]
    assert [(point.get_xdata()[0], point.get_ydata()[0]) for point in points] == [(1.0, 0.9), (2.0, 0.95)]
    assert [point.get_color() for point in points] == PALETTE[:2]
    assert axes.get_xscale() == "log"
    low, high = axes.get_xlim()
    assert low < 1.0 < 2.0 < high
    assert high / low >= 2.99
    assert {text.get_text() for text in axes.texts} == {"one", "other"}
    assert "one image, median" in axes.get_xlabel()
    assert "a CPU, 2 threads" in axes.get_xlabel()


def test_names_of_models_that_lie_together_do_not_lie_on_each_other(drawn: list[Figure], tmp_path: Path) -> None:
    draw_latency(document({f"model {n}": (1.0 + n / 1000, 0.9) for n in range(8)}), tmp_path / "a.png")
    canvas = FigureCanvasAgg(drawn[0])
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in drawn[0].axes[0].texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_the_table_has_a_row_for_each_timing() -> None:
    timings = [Timing(8, (0.1, 0.2, 0.3), memory=2**20, best=True), Timing(64, (), "bfloat16", "compiled", note="full")]
    console = Console(width=100)
    with console.capture() as shown:
        console.print(speed_table([{"name": "[one]", "throughput": [timing.as_json() for timing in timings]}]))
    first, second = shown.get().strip().splitlines()[-2:]
    assert first.split() == ["[one]", "float32", "8", "40", "200.00", "280.00", "298.00", "1.0"]
    assert second.split() == ["[one]", "bfloat16", "compiled", "64", *"–" * 5]
