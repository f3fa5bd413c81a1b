import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

import headstart
from headstart.data import load_dataset
from headstart.errors import HeadstartError
from headstart.training import Recipe, load_run, predicting, train


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a second."""
    place = tmp_path_factory.mktemp("run")
    sizes = {"patch_size": 2, "width": 24, "depth": 1, "heads": 3}
    train(Recipe(limit=200, init="default", passes=1, batch_size=50, permute_patches=1, **sizes), place)
    return place


@pytest.fixture
def without_data(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    headstart.load(folder)

    def gone(*_: object) -> None:
        raise AssertionError("the data were read")

    monkeypatch.setattr(predicting, "load_run", gone)
    yield


def test_predictions_are_the_runs_own_with_calibrated_probabilities(folder: Path) -> None:
    predictor, run = headstart.load(folder), load_run(folder)
    images = load_dataset("digits").test.images[:70]
    with torch.inference_mode():
        logits = run.model(run.normalize(images))
    assert torch.allclose(predictor.logits(images), logits, atol=1e-6)
    shares = (logits / predictor.facts.temperature).softmax(1)
    found = predictor.predict(images, top=3, batch_size=32)
    assert [one.label for one in found] == [predictor.classes[k] for k in logits.argmax(1)]
    for one, mine in zip(found, shares, strict=True):
        assert (one.label, one.probability) == one.top[0]
        assert [share for _, share in one.top] == pytest.approx(mine.sort(descending=True).values[:3].tolist())
    assert sum(share for _, share in predictor.predict(images[0], top=99)[0].top) == pytest.approx(1.0)


def test_the_model_takes_what_preprocess_gives(folder: Path, tmp_path: Path) -> None:
    predictor = headstart.load(folder)
    pixels = load_dataset("digits").test.images[0, 0]
    Image.fromarray(pixels.numpy()).save(tmp_path / "digit.png")
    seen = predictor.preprocess(tmp_path / "digit.png")
    assert seen.shape == (1, 8, 8)
    with torch.inference_mode():
        assert torch.allclose(predictor.model(seen[None]), predictor.logits(pixels[None, None]))
    paths = predictor.predict([tmp_path / "digit.png", str(tmp_path / "digit.png")])
    assert paths[0] == paths[1] == predictor.predict(pixels)[0]
    assert predictor.predict([]) == []


@pytest.mark.usefixtures("without_data")
def test_a_second_use_needs_no_data(folder: Path) -> None:
    assert headstart.load(folder).classes == tuple("0123456789")


def test_a_folder_that_is_no_run_and_a_number_below_one_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="there is no run folder nowhere; expected one that `headstart train`"):
        headstart.load("nowhere")
    with pytest.raises(HeadstartError, match=r"there is no config.json in .*; expected a folder written by"):
        headstart.load(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "vit"}))
    with pytest.raises(HeadstartError, match=r"config.json is not of a run: expected a folder written by"):
        headstart.load(tmp_path)
    with pytest.raises(HeadstartError, match="expected top and batch_size of 1 or more, got 0 and 64"):
        headstart.load(folder).predict([], top=0)
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = headstart.lode
