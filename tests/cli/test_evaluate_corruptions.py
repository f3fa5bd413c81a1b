import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from headstart.cli import app
from headstart.training import compare, named_recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs")
    recipe = named_recipe("digits").override(["width=24", "depth=1", "passes=1", "batch_size=50", "limit=200"])
    compare(recipe, ["default", "mimetic"], [5, 6], place / "both")
    return place / "both"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "100"})


def test_a_comparison_is_told_with_all_its_seeds(folder: Path) -> None:
    result = call(folder, "--corruptions", "--limit", 12, "--threads", 1)
    assert result.exit_code == 0, result.output
    assert (
        "12 test images of 8×8, 15 corruptions, generated with the parameters of CIFAR-C, frost made up"
        in result.output
    )
    assert all(told in result.output for told in ("difference to default", "error, %", "jpeg_compression"))
    assert (folder / "corruptions.png").exists() and (folder / "mimetic" / "seed-6" / "corruptions.json").exists()
    document = json.loads((folder / "evaluation.json").read_text())
    assert [arm["seeds"] for arm in document["corruptions"]["arms"]] == [[5, 6], [5, 6]]
    again = call(folder, "--corruptions", "--limit", 12, "--threads", 1, "--json")
    assert json.loads(again.stdout)["corruptions"] == document["corruptions"]


def test_options_without_the_section_and_folders_that_are_not_there(folder: Path) -> None:
    result = call(folder, "--limit", 12)
    assert result.exit_code == 2 and "--limit belongs to --corruptions: add it" in result.output
    result = call(folder, "--corruptions", "--limit", 12, "--published", folder / "CIFAR-10-C")
    assert result.exit_code == 1 and "there is no folder" in result.output
    result = call(folder, "--corruptions", "--limit", 12, "--frost", folder)
    assert result.exit_code == 1 and "found no frost1.png" in result.output
