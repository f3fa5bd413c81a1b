import json
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from headstart.errors import HeadstartError
from headstart.initialization import resolve
from headstart.studies import STUDIES, Request
from headstart.studies import starts as study
from headstart.studies.starts_columns import COLUMNS, GRADIENT, SIZES, columns
from headstart.studies.starts_picture import draw_starts
from headstart.training import Recipe


def request(out: Path, *settings: str) -> Request:
    return Request(out, 2, True, settings, Console(quiet=True))


def test_the_study_runs_and_is_gathered_column_by_column(tmp_path: Path, forbid_training: Callable[[], None]) -> None:
    STUDIES["starts"].run(request(tmp_path, "columns=heads"))
    results = study.run(request(tmp_path, "columns=hundredth,heads"))
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(results))
    assert all((tmp_path / name).stat().st_size > 10_000 for name in ("starts.png", "gains.png"))
    few, heads = results["answers"]
    assert few["question"] == "digits, 1 %: 1 pass" and heads["question"] == "digits, 12 heads: 1 pass"
    default, impulse = heads["arms"]
    assert default["difference"] == pytest.approx(default["mean"] - impulse["mean"]) and impulse["difference"] is None
    assert default["curves"] == [[score] for score in default["val"]] and default["passes"] == [1]
    assert [list(row) for row in results["rows"]] == [["start", "digits, 1 %, n = 2", "digits, 12 heads, n = 2"]] * 2
    assert results["rows"][1]["digits, 12 heads, n = 2"].startswith(f"{100 * impulse['mean']:.1f} ± ")
    (behind,) = results["differences"]
    assert behind["start"] == "`default`" and "[" in behind["digits, 1 %, n = 2"]
    alone = json.loads((tmp_path / "heads.json").read_text())
    assert alone["command"] == "headstart study starts --seeds 2 --quick --set columns=heads"
    assert alone["configs"]["heads=12 passes=1 val_every=1"]["heads"] == 12
    assert "recipe" not in alone["rows"][0]  # all rows have the same
    forbid_training()
    assert study.run(request(tmp_path, "columns=heads"))["answers"] == [heads]
    second = study.run(Request(tmp_path, 1, True, ("columns=heads",), Console(quiet=True), seed=1))
    assert second["seeds"] == [1] and [arm["test"] for arm in second["answers"][0]["arms"]] == [
        arm["test"][1:] for arm in heads["arms"]
    ]


def test_unknown_columns_are_told(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="unknown column of this study 'tenths': did you mean 'tenth'"):
        study.run(request(tmp_path, "columns=tenths"))


@pytest.mark.parametrize("size", SIZES)
def test_every_column_is_a_recipe_of_equal_passes(size: str) -> None:
    chosen = SIZES[size]
    known = {key: value for key, value in chosen.items() if key in Recipe.model_fields}
    every = columns(size, chosen["starts"], chosen["dataset"], "fashion_mnist:/some/where", "my/photos")
    assert set(chosen["columns"]) <= set(every) == set(COLUMNS)
    for name, question in every.items():
        assert question.reference == "impulse" and len({arm.changes for arm in question.arms}) == 1
        recipe = Recipe(**known).override(question.arms[0].changes)
        assert recipe.passes == {"quick": 1, "small": COLUMNS[name].small, "full": COLUMNS[name].full}[size]
        assert recipe.dataset_name == {"fashion": "fashion_mnist", "photos": "photos"}.get(name, chosen["dataset"])
        assert len([n for n in range(1, recipe.passes + 1) if recipe.validates(n)]) <= 40
    assert GRADIENT in SIZES["full"]["starts"]
    for start in chosen["starts"]:
        resolve(start)


def test_the_last_start_stands_out_in_every_panel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arms = [{"init": f"start {index}", "passes": [2, 4], "curves": [[0.1, 0.2], [0.3, 0.4]]} for index in range(9)]
    results = {"n": 2, "answers": [{"question": name, "arms": arms} for name in ("one", "two", "three")]}
    drawn: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), original(self, *a, **k)))
    assert draw_starts(results, tmp_path / "starts.png").stat().st_size > 10_000
    draw_starts({**results, "answers": results["answers"][:2]}, tmp_path / "full.png")
    figure, full = drawn
    # The names stand in the free panel, or below where there is none.
    names = figure.axes[3].get_legend()
    assert names is not None and len(names.get_texts()) == 9 and not figure.axes[3].axison and not figure.legends
    assert [axes.get_legend() for axes in full.axes] == [None, None] and len(full.legends[0].get_texts()) == 9
    lines = figure.axes[2].get_lines()
    assert list(lines[0].get_ydata()) == pytest.approx([0.2, 0.3])
    looks = [(line.get_color(), line.get_linestyle(), line.get_linewidth()) for line in lines]
    assert len(set(looks)) == 9 and max(looks, key=lambda look: look[2]) == looks[-1]
