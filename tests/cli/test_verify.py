"""``headstart verify``: whom it asks about, what it says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from headstart.cli import app
from headstart.training import Recipe, compare, train

SMALL = {"dataset": "digits", "limit": 60, "patch_size": 4, "width": 12, "depth": 2, "heads": 3, "passes": 1}


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    arms = ["default", "default@convmixer:width=8:depth=2:kernel=3:patch_size=2"]
    compare(Recipe(**SMALL, classes="0-4"), arms, [0, 1], folder)
    return folder


@pytest.fixture(scope="module")
def all_seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("all") / "run"
    train(Recipe(**SMALL, init="default"), folder)
    return folder


def said(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["verify", "--per-identity", "12", *map(str, words)])
    return done.exit_code, " ".join(done.output.split())


def test_the_classes_left_out_are_verified_and_fused(compared: Path, tmp_path: Path) -> None:
    code, output = said(compared, "--fuse", "--out", tmp_path)
    assert code == 0, output
    assert "digits: 198 genuine and 432 impostor pairs of 7, 8, 9" in output and "cannot be told" in output
    document = json.loads((tmp_path / "verification.json").read_text())
    assert document["development"] == ["5", "6"] and document["test"] == ["7", "8", "9"]
    vit, cnn, fusion = document["runs"]
    assert vit["name"] == "default" and fusion["name"] == "fusion" and fusion["layer"] is None
    assert [one["layer"] for one in vit["layers"]] == ["blocks.0", "blocks.0", "blocks.1", "blocks.1"]
    assert min(vit["layers"], key=lambda one: one["development_eer"])["layer"] == vit["layer"]
    assert cnn["frr_at_far"] == {"0.01": None, "0.001": None} and 0 <= cnn["eer"] <= 1
    assert set(document["fusion"]["weights"]) == {vit["name"], cnn["name"]}
    assert (tmp_path / "det.png").exists() and (tmp_path / "layers.png").exists()


def test_a_named_layer_and_distance_need_no_development(compared: Path) -> None:
    run = compared / "default" / "seed-1"
    code, output = said(run, "--layer", "blocks.1", "--distance", "chi2", "--device", "cpu", "--json")
    document = json.loads(output)
    assert code == 0 and document["development"] == [] and document["test"] == ["5", "6", "7", "8", "9"]
    assert (document["runs"][0]["layer"], document["runs"][0]["distance"]) == ("blocks.1", "chi2")
    code, output = said(run, "--development", "9,5-6", "--pool", "all", "--json")
    document = json.loads(output)
    assert (document["development"], document["test"]) == (["5", "6", "9"], ["7", "8"])
    assert {one["pool"] for one in document["runs"][0]["layers"]} == {"mean", "flatten"}


def test_what_can_not_be_verified_is_told(compared: Path, all_seen: Path) -> None:
    run = compared / "default" / "seed-0"
    for words, message in (
        ([all_seen], "trained on all classes of digits but none; verification takes two or more that were never seen"),
        ([all_seen], "as --set classes=0-5 does, or name other images with --dataset"),
        ([run, "--dataset", "digits"], "digits has classes that a run was trained on: 0, 1, 2, 3, 4;"),
        ([run, "--development", "4,5"], "--development: 4 was seen in training; strangers are wanted"),
        ([run, "--development", "5,seven"], "unknown class 'seven'"),
        ([run, "--development", "5-8"], "verification takes two identities or more, got 9"),
        ([run, "--fuse"], "--fuse takes two runs or more; name another run"),
        ([run, "--layer", "block.1"], "unknown layer of VisionTransformer 'block.1': did you mean 'blocks.1'"),
        ([run, "--distance", "euclid"], "unknown distance 'euclid'"),
        ([run, "--pool", "class"], "layer 'blocks.0' has no class token"),
        ([run, "--device", "gpu"], "unknown device 'gpu'"),
    ):
        code, output = said(*words)
        assert code == (2 if "--fuse" in words else 1) and message in output, (words, output)


def test_another_dataset_gives_strangers(compared: Path, tmp_path: Path, all_seen: Path) -> None:
    import numpy as np
    from PIL import Image

    generator = np.random.default_rng(0)
    for folder, mode in (("grey", "L"), ("colour", "RGB")):
        for name in "abcd":
            (tmp_path / folder / name).mkdir(parents=True)
            for k in range(12):
                shape = (8, 8) if mode == "L" else (8, 8, 3)
                pixels = generator.integers(0, 256, shape, dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / folder / name / f"{k}.png")
    code, output = said(all_seen, "--dataset", tmp_path / "grey", "--json")
    assert code == 0, output
    document = json.loads(output)
    assert (document["dataset"], document["development"], document["test"]) == ("grey", ["a", "b"], ["c", "d"])
    code, output = said(all_seen, "--dataset", tmp_path / "colour")
    assert code == 1 and "those of colour have (3, 8, 8): take images with 1 channel." in output
