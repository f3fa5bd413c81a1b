from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from headstart.data import Split
from headstart.errors import HeadstartError
from headstart.evaluation.corruptions import CORRUPTIONS, GROUPS, evaluate_corruptions, open_published


class Level(nn.Module):
    """Class 1 for bright images."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        mean = images.mean((1, 2, 3))
        return torch.stack([-mean, mean], 1)


@pytest.fixture
def test() -> Split:
    labels = torch.tensor([0, 0, 1, 1])
    return Split((labels * 200).to(torch.uint8)[:, None, None, None].expand(-1, 3, 8, 8).contiguous(), labels)


@pytest.fixture
def arrays(tmp_path: Path, test: Split) -> Path:
    """The layout of CIFAR-10-C: severity s shows the labels of the first s images turned round."""
    np.save(tmp_path / "labels.npy", np.tile(test.labels.numpy(), 5).astype(np.uint8))
    block = test.images.permute(0, 2, 3, 1).numpy()
    stacked = []
    for severity in range(1, 6):
        images = block.copy()
        images[: min(severity, 4)] = 200 - images[: min(severity, 4)]
        stacked.append(images)
    for name in CORRUPTIONS:
        np.save(tmp_path / f"{name}.npy", np.concatenate(stacked))
    return tmp_path


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for group, names in GROUPS.items():
        for name in names:
            for severity in range(1, 6):
                for wnid, level in (("n01", 30), ("n02", 220)):
                    place = tmp_path / group / name / str(severity) / wnid
                    place.mkdir(parents=True)
                    for index in range(2):
                        Image.new("RGB", (8, 8), (level,) * 3).save(place / f"val_{index}.JPEG")
    return tmp_path


NORMAL = ((0.4,) * 3, (0.25,) * 3)


def test_arrays_severity_by_severity(arrays: Path, test: Split) -> None:
    published = open_published(arrays, test, ["dark", "bright"])
    result = evaluate_corruptions(Level(), test, *NORMAL, published=published, batch_size=3)
    assert result.accuracy["fog"] == (0.75, 0.5, 0.25, 0, 0) and result.clean_accuracy == 1
    assert (result.source, result.suite, result.frost) == ("published", "cifar-c", "published")
    some = evaluate_corruptions(Level(), test, *NORMAL, published=published, limit=2, severities=[1])
    assert some.accuracy["fog"] == (0.5,)  # images 0 and 2, of which the first is turned round


def test_arrays_that_are_missing(arrays: Path, test: Split) -> None:
    (arrays / "fog.npy").unlink()
    (arrays / "snow.npy").unlink()
    with pytest.raises(HeadstartError, match=r"incomplete: found no snow.npy, fog.npy. Expected the files"):
        open_published(arrays, test, ["dark", "bright"])
    assert open_published(arrays, test, ["dark", "bright"], ["frost"])


def test_arrays_of_other_labels_shapes_and_bytes(arrays: Path, test: Split) -> None:
    other = Split(test.images, 1 - test.labels)
    with pytest.raises(
        HeadstartError, match=r"other images: expected the 4 labels .* five times over, found 20 other ones"
    ):
        open_published(arrays, other, ["dark", "bright"])
    with pytest.raises(HeadstartError, match="found 20 labels"):
        open_published(arrays, test[:3], ["dark", "bright"])
    grey = Split(test.images[:, :1], test.labels)
    with pytest.raises(HeadstartError, match=r"expected uint8 of shape \(20, 8, 8, 1\), as the test images are"):
        open_published(arrays, grey, ["dark", "bright"])
    (arrays / "fog.npy").write_bytes((arrays / "fog.npy").read_bytes()[:-100])
    with pytest.raises(HeadstartError, match="is no whole array"):
        open_published(arrays, test, ["dark", "bright"])


@pytest.mark.parametrize("classes", [["n01", "n02"], ["tench (n01)", "shark (n02)"], ["tench", "shark"]])
def test_folders_by_their_classes(folders: Path, test: Split, classes: list[str]) -> None:
    published = open_published(folders, test, classes)
    result = evaluate_corruptions(Level(), test, *NORMAL, published=published, severities=[1, 2])
    assert result.accuracy["jpeg_compression"] == (1, 1)
    assert (result.source, result.suite) == ("published", "imagenet-c")


def test_folders_that_are_incomplete_or_of_other_classes(folders: Path, test: Split) -> None:
    with pytest.raises(HeadstartError, match="other images: it has 2 folders of classes, expected the 3 of the run"):
        open_published(folders, test, ["n01", "n02", "n03"])
    published = open_published(folders, test, ["n01", "n02"])
    (folders / "weather" / "fog" / "2" / "n01" / "val_0.JPEG").unlink()
    with pytest.raises(HeadstartError, match="is incomplete: expected 4 images, as many as the test set has, found 3"):
        evaluate_corruptions(Level(), test, *NORMAL, published=published, corruptions=["fog"])
    Image.new("RGB", (9, 8)).save(folders / "weather" / "fog" / "1" / "n01" / "val_0.JPEG")
    with pytest.raises(HeadstartError, match=r"has 8×9 pixels, the test images 8×8"):
        evaluate_corruptions(Level(), test, *NORMAL, published=published, corruptions=["fog"], severities=[1])
    (folders / "noise").rename(folders / "elsewhere")
    with pytest.raises(HeadstartError, match=r"found no gaussian_noise/1, gaussian_noise/2, .* and 11 more"):
        open_published(folders, test, ["n01", "n02"])


def test_no_folder(tmp_path: Path, test: Split) -> None:
    with pytest.raises(HeadstartError, match=r"there is no folder .*/CIFAR-10-C; name the unpacked"):
        open_published(tmp_path / "CIFAR-10-C", test, ["dark", "bright"])
