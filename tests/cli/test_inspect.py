import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from headstart.cli import app
from headstart.training import Recipe, train

PICTURES = ["heads-trained", "before-after", "attention", "attention-over-image", "offsets", "positions"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("place")
    recipe = Recipe(dataset="digits", limit=60, patch_size=2, width=24, depth=2, heads=3, passes=2, batch_size=30)
    train(recipe, folder / "run", watch=True)
    train(recipe.override(["model=agent", "init=default"]), folder / "cnn")
    Image.new("RGB", (20, 30), "white").save(folder / "mine.jpg")
    (folder / "none.jpg").write_text("no image")
    yield folder
    torch.set_num_threads(threads)


def call(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["inspect", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def test_each_picture_is_told_of_in_a_line(place: Path, tmp_path: Path) -> None:
    code, out, err = call(place / "run", "--out", tmp_path, "--format", "both", "--query", 1, 2)
    assert (code, err) == (0, "")
    for name in PICTURES:
        assert (tmp_path / f"{name}.png").exists() and (tmp_path / f"{name}.svg").exists()
        assert f"{tmp_path / name}.png, {tmp_path / name}.svg: " in out
    assert "where patch (1, 2) of each image looks" in out
    assert "since the start, on 64 validation images:" in out


def test_json_says_what_was_drawn_and_what_was_not(place: Path, tmp_path: Path) -> None:
    (place / "run/init.json").rename(place / "run/kept.json")
    broken = json.loads((place / "run/kept.json").read_text())
    for head in broken["on_images"]["heads"]:
        head["target_mass"] = 0.99  # as if another version had begun elsewhere
    (place / "run/init.json").write_text(json.dumps(broken))
    try:
        code, out, err = call(place / "run", "--out", tmp_path, "--format", "svg", "--json")
    finally:
        (place / "run/kept.json").rename(place / "run/init.json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert len(document["heads"]["heads"]) == len(document["now"]["heads"]) == 6
    drawn = {one["name"]: one for one in document["pictures"]}
    assert list(drawn) == PICTURES
    assert drawn["before-after"]["files"] == []
    assert drawn["before-after"]["not_drawn"].startswith("The weights at the start are not shown: drawn again here")
    assert drawn["positions"]["files"] == [str(tmp_path / "positions.svg")] and drawn["positions"]["not_drawn"] is None
    assert sorted(document["files"]) == sorted(str(path) for path in tmp_path.iterdir())


def test_your_own_image_is_looked_at(place: Path, tmp_path: Path) -> None:
    code, _, _ = call(place / "run", "--out", tmp_path, "--image", place / "mine.jpg")
    assert code == 0 and (tmp_path / "attention-over-image.png").exists()
    for words, message in (
        (["--image", place / "none.jpg"], "none.jpg can't be used as an image: no known image format"),
        (["--image", place / "gone.jpg"], "gone.jpg: expected an image file"),
        (["--query", 4, 0], "query (4, 0) lies outside the 4×4 grid of patches; count from 0"),
        (["--format", "jpg"], "unknown format of pictures 'jpg': did you mean 'png'? Known: both, png, svg."),
    ):
        code, out, err = call(place / "run", "--out", tmp_path / "new", *words)
        assert (code, out) == (1, "") and message in err
        assert not (tmp_path / "new").exists()


def test_a_model_without_heads_says_what_there_is_instead(place: Path) -> None:
    code, out, err = call(place / "cnn")
    assert (code, out) == (1, "")
    assert err.startswith("Error: there is nothing to draw (") and f"headstart report {place / 'cnn'}" in err
