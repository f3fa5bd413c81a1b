from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from headstart.data import load_dataset
from headstart.errors import HeadstartError
from headstart.training import Recipe, elsewhere, load_run, train
from headstart.training.calibrating import fit_facts
from headstart.training.elsewhere import _of_channels, evaluate_on
from headstart.training.inspection import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    place = tmp_path_factory.mktemp("run")
    sizes = {"patch_size": 2, "width": 24, "depth": 1, "heads": 3}
    train(Recipe(limit=200, init="default", passes=1, batch_size=50, **sizes), place)
    return load_run(place)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_DATA", str(tmp_path / "cache"))


def write(place: Path, names: dict[int, str]) -> None:
    """The first digits of each label as colour images of another size, in a folder of that name."""
    test = load_dataset("digits").test
    for label, name in names.items():
        (place / name).mkdir(parents=True)
        for number, image in enumerate(test.images[test.labels == label][:5]):
            Image.fromarray(np.repeat(image.numpy()[0][..., None], 3, 2)).save(place / name / f"{number}.png")


def test_its_own_test_images_give_the_recorded_accuracy(run: Run) -> None:
    found = evaluate_on(run, fit_facts(run), "digits")
    with torch.inference_mode():
        logits = run.model(run.normalize(run.dataset.test.images))
    right = logits.argmax(1) == run.dataset.test.labels
    assert (found.part, found.images, found.absent) == ("test", 359, ())
    assert found.accuracy == right.double().mean()
    assert sum(share * count for share, count in found.per_class.values()) == pytest.approx(int(right.sum()))


def test_classes_are_matched_by_name_whatever_their_number(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "photos", {7: "7", 2: "2"})  # there 2 is class 0, and 7 is class 1
    found = evaluate_on(run, fit_facts(run), str(tmp_path / "photos"))
    assert (found.part, found.images) == ("all", 10)
    assert list(found.per_class) == ["2", "7"]
    assert found.absent == tuple("01345689")
    own = load_dataset("digits").test
    images = torch.cat([own.images[own.labels == label][:5] for label in (2, 7)])
    with torch.inference_mode():
        best = run.model(run.normalize(images)).argmax(1)
    assert found.accuracy == (best == torch.tensor([2] * 5 + [7] * 5)).double().mean()


def test_classes_that_the_model_does_not_know_are_named(run: Run, tmp_path: Path) -> None:
    write(tmp_path / "photos", {7: "seven", 2: "2"})
    with pytest.raises(HeadstartError, match=r"photos has classes that the model does not know: seven; it knows 0, 1,"):
        evaluate_on(run, fit_facts(run), str(tmp_path / "photos"))


def test_a_known_dataset_without_a_test_part_is_not_its_own_test(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = elsewhere.load_collection("digits")
    without = replace(trained, parts={"train": trained.parts["train"]})
    monkeypatch.setattr(elsewhere, "load_collection", lambda *_, **__: without)
    with pytest.raises(
        HeadstartError, match=r"digits is what the model was trained on, without a test part of its own"
    ):
        evaluate_on(run, fit_facts(run), "digits")
    monkeypatch.setattr(elsewhere, "load_collection", lambda *_, **__: replace(without, name="others"))
    assert evaluate_on(run, fit_facts(run), "others").part == "all"


def test_grey_is_pillows() -> None:
    pixels = torch.randint(0, 256, (1, 3, 50, 50), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    grey = np.asarray(Image.fromarray(pixels[0].permute(1, 2, 0).numpy()).convert("L"))
    assert np.array_equal(_of_channels(pixels, 1)[0, 0].numpy(), grey)
    assert _of_channels(pixels[:, :1], 3).shape == (1, 3, 50, 50)
