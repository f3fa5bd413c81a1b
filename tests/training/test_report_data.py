import json
from pathlib import Path

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.training import Recipe, accuracy, compare, load_run, train
from headstart.training.build import sample_images, sampled
from headstart.training.report_data import folders, predicted, read_results


def test_a_run_is_told_as_a_comparison_of_one(tiny: Recipe, tmp_path: Path) -> None:
    result = train(tiny, tmp_path)
    told = read_results(tmp_path)
    (arm,) = told["arms"]
    assert (arm["name"], arm["mean"], arm["n"], arm["difference"]) == ("default", result["test_accuracy"], 1, None)
    (row,) = arm["runs"]
    assert row["parameters"] == result["parameters"] and [line["pass"] for line in row["history"]] == [1, 2, 3]
    assert told["config_hash"] == tiny.config_hash and told["hardware"] is None
    assert folders(tmp_path, told) == {"default": tmp_path}


def test_what_a_method_costs_is_told_of_a_run_too(tiny: Recipe, tmp_path: Path) -> None:
    result = train(tiny.override(["passes=1", "methods=drloc"]), tmp_path)
    assert read_results(tmp_path)["arms"][0]["runs"][0]["costs"] == result["costs"] != []


def test_where_a_teacher_lay_is_not_told(tiny: Recipe, tmp_path: Path) -> None:
    teacher, student = tmp_path / "place" / "big", tmp_path / "small"
    deep = tiny.override(["passes=1", "depth=2"])
    train(deep, teacher)
    train(deep.override([f"methods=slim:keep=0.5:teacher={teacher}"]), student)
    told = read_results(student)
    assert told["arms"][0]["name"] == "default+slim:keep=0.5:teacher=big"
    assert told["config"]["methods"] == ["slim:keep=0.5:teacher=big"]
    assert str(tmp_path) not in json.dumps(told)


def test_a_half_trained_run_has_no_test_accuracy(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny, tmp_path)
    for name in ("model.safetensors", "result.json"):
        (tmp_path / name).unlink()
    arm = read_results(tmp_path)["arms"][0]
    assert arm["mean"] is None and arm["runs"][0]["val"] == arm["runs"][0]["history"][-1]["val_accuracy"]


@pytest.mark.parametrize(("every", "index"), [(2, 1), (5, None)])
def test_a_half_trained_run_that_is_rarely_validated_tells_what_was_last_looked_at(
    tiny: Recipe, tmp_path: Path, every: int, index: int | None
) -> None:
    train(tiny.override([f"val_every={every}"]), tmp_path)
    for name in ("model.safetensors", "result.json"):
        (tmp_path / name).unlink()
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    del rows[2]["val_accuracy"]  # as if there were more passes to come
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = read_results(tmp_path)["arms"][0]["runs"][0]["val"]
    assert told == (None if index is None else rows[index]["val_accuracy"])


def test_a_comparison_is_its_result_file(tiny: Recipe, tmp_path: Path) -> None:
    results = compare(tiny.override(["passes=1"]), ["default", "impulse:sharpness=0.5"], [3], tmp_path)
    assert read_results(tmp_path) == results
    for place in folders(tmp_path, results).values():
        assert (place / "result.json").exists()
    (tmp_path / "results.json").write_text(json.dumps({"rows": []}))
    with pytest.raises(HeadstartError, match=r"is not of a comparison \(it has no config\); expected the folder"):
        read_results(tmp_path)


def test_no_run_is_told_as_by_load_run(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"there is no run folder .*nowhere; expected one that"):
        read_results(tmp_path / "nowhere")
    with pytest.raises(HeadstartError, match=r"there is no config\.json in "):
        read_results(tmp_path)


def test_predictions_are_those_of_the_accuracy(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny, tmp_path)
    run = load_run(tmp_path)
    told = predicted(run, run.dataset.test, 10_000)
    assert told.shares.shape == (len(run.dataset.test), 10) and torch.allclose(told.shares.sum(1), torch.ones(1))
    right = (told.shares.argmax(1) == told.labels).float().mean().item()
    assert right == pytest.approx(accuracy(run.model, run.dataset.test, run.dataset, 512))
    fewer = predicted(run, run.dataset.test, 7)
    assert len(fewer.labels) == len(fewer.split) == 7


def test_sampled_images_are_those_of_sample_images(tiny: Recipe, tmp_path: Path) -> None:
    from headstart.training.build import build_dataset

    val = build_dataset(tiny).val
    assert torch.equal(sampled(val, 5, 0).images, sample_images(val, 5, 0))
