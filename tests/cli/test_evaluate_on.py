import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from typer.testing import CliRunner

from headstart.cli import app
from headstart.cli.evaluate import _command
from headstart.training import named_recipe, train


def test_a_run_is_evaluated_on_another_dataset(tmp_path: Path) -> None:
    recipe = named_recipe("digits").override(["width=24", "depth=1", "passes=1", "batch_size=50", "limit=200"])
    result = train(recipe, tmp_path / "run")
    words = ["evaluate", str(tmp_path / "run"), "--device", "cpu", "--on"]
    found = CliRunner().invoke(app, [*words, "digits"], env={"COLUMNS": "120"})
    assert found.exit_code == 0, found.output
    assert f"run on digits (its test images, 359): {result['test_accuracy']:.2%} right, " in found.stdout
    assert "  worst: " in found.stdout
    document = json.loads((tmp_path / "run/evaluation.json").read_text())
    on = document["runs"][0]["on"]
    assert (on["dataset"], on["part"], on["images"], on["accuracy"]) == ("digits", "test", 359, result["test_accuracy"])
    assert document["command"] == "headstart evaluate run --on digits --device cpu"

    for last, accuracy in (("digits", on["accuracy"]), (str(tmp_path / "run"), None)):
        short = CliRunner().invoke(app, ["evaluate", str(tmp_path / "run"), last, "--device", "cpu", "--json"])
        if accuracy is None:  # a run, named twice
            assert short.exit_code == 1 and "is named 2 times" in short.stderr
        else:
            assert json.loads(short.stdout)["runs"][0]["on"]["accuracy"] == accuracy
            assert json.loads(short.stdout)["command"] == "headstart evaluate run digits --device cpu"
    typed = CliRunner().invoke(app, ["evaluate", str(tmp_path / "run"), "digts"])
    assert typed.exit_code == 1
    assert typed.stderr.endswith("there is neither a run nor a dataset digts: did you mean digits?\n")
    typed = CliRunner().invoke(app, ["evaluate", str(tmp_path / "run"), "nowhere/"], env={"COLUMNS": "120"})
    told = "a run nor a dataset nowhere/: expected a dataset by name, a folder of images, or one more run."
    assert typed.exit_code == 1 and told in " ".join(typed.stderr.split())

    missing = CliRunner().invoke(app, [*words, str(tmp_path / "nowhere.csv")], env={"COLUMNS": "120"})
    assert (missing.exit_code, missing.stdout) == (1, "")  # told before anything is computed
    assert "expected a folder with one folder for each class" in missing.stderr


def test_where_the_data_lie_is_not_written_down() -> None:
    typed: Any = SimpleNamespace(
        command=SimpleNamespace(params=[SimpleNamespace(name="runs", param_type_name="argument", opts=["runs"])]),
        params={"runs": ["runs/a", "cifar10:/home/me/data"]},
        get_parameter_source=lambda name: SimpleNamespace(name="COMMANDLINE"),
    )
    assert _command(typed, ["runs/a"]) == "headstart evaluate runs/a cifar10"
