import json
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import Result
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from headstart.cli import app
from headstart.evaluation import onnx_session, precision
from headstart.training import compare, named_recipe, train


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run and a comparison, a second each."""
    place = tmp_path_factory.mktemp("runs")
    recipe = named_recipe("digits").override(["width=24", "depth=1", "passes=1", "batch_size=50", "limit=200"])
    train(recipe, place / "run")
    compare(recipe, ["default", "mimetic"], [5, 6], place / "both")
    return place


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "120"})


TIMES = ["--throughput", "--batch", "2,1", "--seconds", "0", "--device", "cpu"]


def test_accuracy_is_checked_against_the_weights(folder: Path) -> None:
    result = call(folder / "run", "--device", "cpu")
    assert result.exit_code == 0, result.output
    recorded = json.loads((folder / "run/result.json").read_text())
    document = json.loads((folder / "run/evaluation.json").read_text())
    (entry,) = document["runs"]
    for split in ("test", "val"):
        found = entry["accuracy"][split]
        assert found["recorded"] == found["from_weights"] == recorded[f"{split}_accuracy"]
        assert f"{split}: {found['recorded']:.2%} recorded, {found['from_weights']:.2%} from" in result.output
    assert (entry["parameters"], entry["flops"]) == (recorded["parameters"], recorded["flops"])
    assert "throughput" not in entry
    assert document["command"] == "headstart evaluate run --device cpu"
    assert {"hardware", "versions", "commit", "date", "device"} <= set(document)
    assert str(folder) not in json.dumps(document)


def test_weights_that_do_not_give_what_was_recorded_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    weights = load_file(tmp_path / "run/model.safetensors")
    save_file({name: torch.zeros_like(weight) for name, weight in weights.items()}, tmp_path / "run/model.safetensors")
    recorded = json.loads((tmp_path / "run/result.json").read_text())
    (tmp_path / "run/result.json").write_text(json.dumps(recorded | {"test_accuracy": 0.9}))
    result = call(tmp_path / "run", "--device", "cpu")
    assert result.exit_code == 1
    assert "the weights do not give the recorded accuracy: run, test: 90.0% recorded, " in result.stderr


def test_several_runs_are_timed_and_drawn(folder: Path, tmp_path: Path) -> None:
    result = call(folder / "both", folder / "run", *TIMES, "--threads", 1, "--out", tmp_path / "new/out")
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "new/out/evaluation.json").read_text())
    assert [entry["name"] for entry in document["runs"]] == ["default", "mimetic", "run"]
    for entry in document["runs"]:
        assert [row["batch_size"] for row in entry["throughput"]] == [1, 2]
        assert all(row["images_per_second"] > 0 and row["memory"] > 0 for row in entry["throughput"])
    turns = document["side_by_side"]
    assert turns["batch_size"] == 1
    assert turns["times_as_fast_as_the_first"]["default"] == 1.0
    assert set(turns["milliseconds"]) == {"default", "mimetic", "run"}
    assert document["runs"][0]["accuracy"]["n"] == 2
    assert (tmp_path / "new/out/latency.png").exists()
    assert "times as fast as default" in result.output
    assert "p99 ms" in result.output


def test_json_is_all_that_is_printed(folder: Path) -> None:
    result = call(folder / "run", "--json", *TIMES)
    assert result.exit_code == 0, result.output
    written = folder / "run/evaluation.json"
    assert json.loads(result.stdout) == {**json.loads(written.read_text()), "files": [str(written)]}
    assert result.stderr.split() == [str(written)]


def test_a_precision_that_the_machine_lacks_is_a_note(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_cpu_has_bfloat16", lambda: False)
    result = call(folder / "run", *TIMES, "--precision", "bfloat16,float32")
    assert result.exit_code == 0, result.output
    (entry,) = json.loads((folder / "run/evaluation.json").read_text())["runs"]
    assert [row["precision"] for row in entry["throughput"]] == ["bfloat16", "float32", "float32"]
    assert "run, bfloat16 eager, batch 1: this CPU does not run bfloat16" in result.output


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["nowhere"], "there is no run folder nowhere; expected one that", 1),
        (["run", "run"], "run is named 2 times", 1),
        (["run", "--batch", "8"], "--batch says how to time; add --throughput.", 2),
        (["run", "--onnx", "--compile"], "--compile and --onnx say how to time; add --throughput.", 2),
        (
            ["run", *TIMES, "--batch", "1,x"],
            "--batch expects numbers of at least 1 with commas between, such as 1,8,64; ",
            2,
        ),
        (["run", *TIMES, "--batch", "0"], "got '0'", 2),
        (["run", *TIMES, "--batch", ""], "got ''", 2),
        (["run", *TIMES, "--precision", "float16"], "unknown precision 'float16': did you mean 'bfloat16'", 1),
        (["run", "--device", "gpu"], "unknown device 'gpu'", 1),
    ],
)
def test_errors_are_one_message(
    arguments: list[str], message: str, code: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    result = call(*arguments)
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_onnx_without_its_packages_names_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_session, "PACKAGES", ("no_such_package",))
    result = call(folder / "run", *TIMES, "--onnx")
    assert result.exit_code == 1
    assert 'ONNX needs no_such_package; pip install "headstart[onnx]".' in result.stderr
