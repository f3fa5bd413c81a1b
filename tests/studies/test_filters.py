import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from headstart.errors import HeadstartError
from headstart.studies import STUDIES, Request
from headstart.studies import filters as study
from headstart.studies.filters_picture import draw_filters


def request(out: Path, *settings: str, seeds: int = 2, quick: bool = True) -> Request:
    return Request(out, seeds, quick, settings, Console(quiet=True))


def test_the_study_runs_measures_and_goes_on(tmp_path: Path, forbid_training: Callable[[], None]) -> None:
    results = STUDIES["filters"].run(request(tmp_path, "filters=learned,impulse,box,impulse:frozen=False"))
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(results))
    assert (tmp_path / "filters.png").stat().st_size > 10_000
    learned, impulse, box, started = results["arms"]
    assert [arm["trained"] for arm in results["arms"]] == [True, False, False, True]
    assert learned["difference"] is None and box["interval"] is not None
    assert box["difference"] == pytest.approx(box["mean"] - learned["mean"])
    assert (learned["taps"], learned["rank"], box["rank"], box["directions"]) == (9, [8.0, 8.0], [1.0, 1.0], [1.0, 1.0])
    assert impulse["rank"] == impulse["directions"] and all(1 < rank < 8 for rank in impulse["rank"])
    assert impulse["moved"] == box["moved"] == [0.0, 0.0]
    assert all(0 < share < 1 for share in learned["moved"] + started["moved"])
    assert len({arm["parameters"] for arm in results["arms"]}) == 1
    assert results["command"].endswith("--quick --set filters=learned,impulse,box,impulse:frozen=False")
    row = results["rows"][2]
    assert (row["filters"], row["trained"], row["n"], row["rank"], row["effective rank"]) == (
        "box",
        "no",
        2,
        "1.0 of 9",
        "1.0",
    )
    assert row["difference to learned [95 % interval]"].count(",") == 1
    forbid_training()
    assert study.run(request(tmp_path, "filters=learned,impulse,box,impulse:frozen=False"))["arms"] == results["arms"]


def test_settings_come_with_the_size(tmp_path: Path) -> None:
    size, chosen = study.settings(request(tmp_path, "size=full", "kernels=5", "width=512", quick=False))
    assert (size, chosen["kernels"], chosen["width"], chosen["limit"], chosen["passes"]) == ("full", (5,), 512, 0, 200)
    size, chosen = study.settings(request(tmp_path, quick=False))
    assert (size, chosen["kernels"], chosen["limit"]) == ("small", (3, 5, 8), 5000)
    assert study.arm(5, "box:taps=4", {**chosen, "spatial_activation": False}) == (
        "default@convmixer:kernel=5:width=64:depth=4:patch_size=4:spatial_activation=False:filters=box:taps=4"
    )


def test_a_command_does_not_say_where_the_data_lie(tmp_path: Path) -> None:
    asked = request(tmp_path, "dataset=cifar10:/somewhere/else", "passes=3", seeds=3, quick=False)
    assert asked.command("filters") == "headstart study filters --seeds 3 --set dataset=cifar10 --set passes=3"


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    results = study.run(request(tmp_path, "filters=learned,random", seeds=1))
    row = results["rows"][1]
    assert "±" not in row["test accuracy, %"] and "[" not in row["difference to learned [95 % interval]"]
    assert draw_filters(results, tmp_path / "again.png").exists()


def test_the_terminal_names_kernel_and_filters_in_one_column(tmp_path: Path) -> None:
    shown = Console(width=80, record=True, file=io.StringIO())
    study.run(Request(tmp_path, 1, True, ("filters=learned,impulse:frozen=False",), Console(quiet=True), shown))
    assert "3×3 impulse:frozen=False  " in shown.export_text()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("size=ful", "unknown size of this study 'ful': did you mean 'full'"),
        ("filters=learned,impuls", "unknown filters 'impuls': did you mean 'impulse'"),
        ("filters=box:tap=3", "unknown option of model 'convmixer' 'tap': did you mean 'taps'"),
        ("filters=random,random", "expected different kernels and filters, got kernels=3 and filters=random,random"),
        ("kernel=3", "unknown setting of this study 'kernel': did you mean 'kernels'"),
        ("patch_size=3", "images of 8×8 are not a whole number of patches of 3×3"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_written(setting: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=message):
        study.run(request(tmp_path / "out", setting))
    assert not (tmp_path / "out").exists()
