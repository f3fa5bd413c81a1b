import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

import headstart
from headstart.cli import app
from headstart.data import load_dataset
from headstart.training import named_recipe, train


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a second, and a folder with three digits, one of them in a folder of its own, and a text."""
    place = tmp_path_factory.mktemp("place")
    train(
        named_recipe("digits").override(["width=24", "depth=1", "passes=1", "batch_size=50", "limit=200"]),
        place / "run",
    )
    (place / "images/more").mkdir(parents=True)
    for name, image in zip(("a", "b", "more/c"), load_dataset("digits").test.images, strict=False):
        Image.fromarray(image[0].numpy()).save(place / f"images/{name}.png")
    return place


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["predict", *map(str, arguments)], env={"COLUMNS": "200"})


def test_a_table_csv_and_json_say_the_same(place: Path) -> None:
    paths = [place / f"images/{name}.png" for name in ("a", "b", "more/c")]
    expected = headstart.load(place / "run").predict(paths, top=2)
    table, comma, text = (
        call(place / "run", place / "images", "--top", 2, *how) for how in ((), ("--csv",), ("--json",))
    )
    assert table.exit_code == comma.exit_code == text.exit_code == 0, table.output + comma.output + text.output
    rows = list(csv.DictReader(io.StringIO(comma.stdout)))
    document = json.loads(text.stdout)
    assert document["left_out"] == []
    lines = [line for line in table.stdout.splitlines() if ".png" in line]
    for path, one, row, entry, line in zip(paths, expected, rows, document["images"], lines, strict=True):
        assert (row["image"], row["class_1"], row["class_2"]) == (str(path), one.label, one.top[1][0])
        assert float(row["probability_1"]) == pytest.approx(one.probability, abs=1e-6)
        assert (entry["image"], entry["label"]) == (str(path), one.label)
        assert [named["label"] for named in entry["top"]] == [name for name, _ in one.top]
        assert f"{one.probability:.1%}" in line


def test_an_image_that_can_not_be_read_is_reported_and_the_others_go_on(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "images", tmp_path / "images")
    (tmp_path / "images/aa[1].jpg").write_text("no image")
    result = call(place / "run", tmp_path / "images", "--json", "--batch", 1)
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert len(document["images"]) == 3
    assert "aa[1].jpg can't be used as an image: no known image format" in document["left_out"][0]["reason"]
    assert "left out: " in result.stderr
    alone = call(place / "run", tmp_path / "images/aa[1].jpg")
    assert (alone.exit_code, alone.stdout) == (1, "")


def test_wrong_words_end_with_one_error(place: Path) -> None:
    nothing = call(place / "run", "nowhere.png")
    assert nothing.exit_code == 1
    assert nothing.stderr.strip() == (
        "Error: there is no nowhere.png: expected image files, folders of them, or a pattern like '*.jpg'."
    )
    both = call(place / "run", place / "images", "--csv", "--json")
    assert both.exit_code == 2
    assert "expected --csv or --json, got both: choose one." in both.stderr
    folder = call(place / "images", place / "images")
    assert folder.exit_code == 1
    assert "there is no config.json in" in folder.stderr
