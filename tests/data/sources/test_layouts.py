"""Each dataset's reader on a small release in the official layout, which the test writes."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from headstart.data import load_collection, load_dataset
from headstart.data.sources.mnist import STEMS
from headstart.errors import HeadstartError

Encoded = Callable[..., bytes]
Released = Callable[..., object]


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def labels(collection: object, part: str) -> list[int]:
    return collection.parts[part].split.labels.tolist()  # type: ignore[attr-defined]


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype("u1").tobytes()


@pytest.mark.parametrize(
    ("name", "layout"), [("mnist", "MNIST/raw"), ("fashion_mnist", "FashionMNIST/raw"), ("kmnist", "")]
)
@pytest.mark.parametrize("packed", [True, False])
def test_mnist_and_its_like(tmp_path: Path, name: str, layout: str, packed: bool, released: Released) -> None:
    released(name, {"train": 20, "test": 10})
    pixels = np.random.default_rng(0).integers(0, 256, (20, 28, 28))
    given = (pixels, np.arange(20) % 10, pixels[:10], np.arange(10))
    for stem, array in zip(STEMS, given, strict=True):
        path = tmp_path / "here" / layout / (f"{stem}.gz" if packed else stem)
        write(path, gzip.compress(idx(array)) if packed else idx(array))
    data = load_dataset(f"{name}:{tmp_path / 'here'}", val_fraction=0)
    assert (data.channels, data.image_size, len(data.classes)) == (1, 28, 10)
    assert np.array_equal(data.test.images[:, 0].numpy(), pixels[:10])
    assert data.mean[0] == pytest.approx((pixels / 255).mean())
    assert data.std[0] == pytest.approx((pixels / 255).std())


def test_mnist_labels_that_do_not_fit(tmp_path: Path, released: Released) -> None:
    released("mnist", {"train": 3, "test": 3})
    for stem in STEMS:
        write(tmp_path / stem, idx(np.zeros((3, 28, 28)) if "images" in stem else np.zeros(2)))
    with pytest.raises(HeadstartError, match=r"expected train images of shape \(n, 28, 28\) and n labels"):
        load_dataset(f"mnist:{tmp_path}")


def test_svhn_calls_the_digit_zero_ten(tmp_path: Path, mat: Callable, released: Released) -> None:
    released("svhn", {"train": 4, "test": 4})
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3, 4)).astype(np.uint8)
    for part in ("train", "test"):
        write(tmp_path / f"{part}_32x32.mat", mat({"X": pixels, "y": np.array([[10], [1], [9], [2]])}))
    found = load_collection(f"svhn:{tmp_path}")
    assert labels(found, "test") == [0, 1, 9, 2]
    assert found.parts["test"].split.images[3, 1, 5, 7] == pixels[5, 7, 1, 3]


def test_stl10(tmp_path: Path, released: Released) -> None:
    released("stl10", {"train": 2, "test": 2})
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 96, 96)).astype(np.uint8)
    for part in ("train", "test"):
        write(tmp_path / "stl10_binary" / f"{part}_X.bin", pixels.tobytes())
        write(tmp_path / "stl10_binary" / f"{part}_y.bin", bytes([10, 1]))
    found = load_collection(f"stl10:{tmp_path}")
    assert labels(found, "train") == [9, 0]
    assert found.parts["train"].split.images[0, 1, 5, 7] == pixels[0, 1, 7, 5]


def test_tiny_imagenet(tmp_path: Path, encoded: Encoded, released: Released) -> None:
    released("tiny_imagenet", {"train": 4, "test": 2}, classes=2)
    root = tmp_path / "tiny-imagenet-200"
    write(root / "wnids.txt", "n02\nn01\n")
    write(root / "words.txt", "n01\tgoldfish, Carassius auratus\nn02\tEgyptian cat\nn03\tnot used\n")
    for seed, wnid in enumerate(("n01", "n01", "n02", "n02")):
        write(root / "train" / wnid / "images" / f"{wnid}_{seed}.JPEG", encoded(seed, (64, 64), kind="JPEG"))
    for seed in (10, 11):
        write(root / "val" / "images" / f"val_{seed}.JPEG", encoded(seed, (64, 64), kind="JPEG"))
    write(root / "val" / "val_annotations.txt", "val_10.JPEG\tn01\t0\t0\t9\t9\nval_11.JPEG\tn02\t0\t0\t9\t9\n")
    found = load_collection(f"tiny_imagenet:{tmp_path}")
    assert found.classes == ("Egyptian cat", "goldfish")
    assert (labels(found, "train"), labels(found, "test")) == ([0, 0, 1, 1], [1, 0])


def test_imagenette(tmp_path: Path, encoded: Encoded, released: Released) -> None:
    released("imagenette", {"train": 2, "test": 2}, classes=2)
    for part in ("train", "val"):
        for seed, wnid in enumerate(("n01440764", "n03888257")):
            write(tmp_path / "imagenette2-320" / part / wnid / f"{part}.JPEG", encoded(seed, (32, 24), kind="JPEG"))
    write(tmp_path / "imagenette2-320" / "noisy_imagenette.csv", "path\n")
    data = load_dataset(f"imagenette:{tmp_path}", image_size=16, val_fraction=0)
    assert data.classes == ("tench", "parachute")
    assert (len(data.train), len(data.test), data.image_size) == (2, 2, 16)


def test_flowers(tmp_path: Path, encoded: Encoded, mat: Callable, released: Released) -> None:
    released("flowers102", {"train": 2, "val": 1, "test": 3})
    write(tmp_path / "imagelabels.mat", mat({"labels": np.array([[77, 1, 102, 5, 77, 1]])}))
    parts = {"trnid": [[2, 1]], "valid": [[6]], "tstid": [[3, 4, 5]]}
    write(tmp_path / "setid.mat", mat({name: np.array(numbers) for name, numbers in parts.items()}))
    for number in range(1, 7):
        write(tmp_path / "jpg" / f"image_{number:05d}.jpg", encoded(number, (20, 30), kind="JPEG"))
    found = load_collection(f"flowers102:{tmp_path}", image_size=16)
    assert [labels(found, part) for part in ("train", "val", "test")] == [[0, 76], [0], [101, 4, 76]]
    assert len(found.classes) == len(set(found.classes)) == 102
    assert (found.classes[0], found.classes[76], found.classes[101]) == (
        "pink primrose", "passion flower", "blackberry lily",
    )  # fmt: skip
    assert found.parts["train"].names[0].endswith("image_00002.jpg")


def test_pets(tmp_path: Path, encoded: Encoded, released: Released) -> None:
    released("pets", {"train": 2, "test": 1}, classes=2)
    root = tmp_path / "oxford-iiit-pet"
    write(root / "annotations" / "trainval.txt", "Abyssinian_1 1 1 1\ngreat_pyrenees_2 2 2 5\n")
    write(root / "annotations" / "test.txt", "#comment\ngreat_pyrenees_7 2 2 5\n")
    for seed, stem in enumerate(("Abyssinian_1", "great_pyrenees_2", "great_pyrenees_7")):
        write(root / "images" / f"{stem}.jpg", encoded(seed, kind="JPEG"))
    found = load_collection(f"pets:{tmp_path}", image_size=8)
    assert found.classes == ("Abyssinian", "great pyrenees")
    assert (labels(found, "train"), labels(found, "test")) == ([0, 1], [1])


def test_food(tmp_path: Path, encoded: Encoded, released: Released) -> None:
    released("food101", {"train": 2, "test": 1}, classes=2)
    root = tmp_path / "food-101"
    write(root / "meta" / "classes.txt", "apple_pie\nwaffles\n")
    write(root / "meta" / "train.txt", "waffles/1\napple_pie/2\n")
    write(root / "meta" / "test.txt", "waffles/3\n")
    for name in ("waffles/1", "apple_pie/2", "waffles/3"):
        write(root / "images" / f"{name}.jpg", encoded(int(name[-1]), kind="JPEG"))
    found = load_collection(f"food101:{tmp_path}", image_size=8)
    assert found.classes == ("apple pie", "waffles")
    assert (labels(found, "train"), labels(found, "test")) == ([1, 0], [1])


def test_eurosat_has_no_official_split(tmp_path: Path, encoded: Encoded, released: Released) -> None:
    released("eurosat", {"train": 20}, classes=2)
    for first, kind in ((0, "AnnualCrop"), (50, "SeaLake")):
        for number in range(10):
            name = f"{kind}_{number}.jpg"
            write(tmp_path / "eurosat" / "2750" / kind / name, encoded(first + number, (64, 64), kind="JPEG"))
    data = load_dataset(f"eurosat:{tmp_path}", val_fraction=0.25)
    assert [len(split) for split in (data.train, data.val, data.test)] == [12, 4, 4]
    assert data.test.labels.bincount().tolist() == [2, 2]


@pytest.mark.parametrize("training", ["Final_Training/Images", "Training"])
def test_gtsrb(tmp_path: Path, training: str, encoded: Encoded, released: Released) -> None:
    released("gtsrb", {"train": (4, 2), "test": 2}, classes=2)
    for label in range(2):
        for number in range(2 if "Final" in training else 1):
            folder = tmp_path / "gtsrb" / "GTSRB" / training / f"{label:05d}"
            write(folder / f"00000_{number:05d}.ppm", encoded(label * 2 + number, (29, 30), kind="PPM"))
            write(folder / f"GT-{label:05d}.csv", "Filename;Width\n")
    for number in range(2):
        write(
            tmp_path / "gtsrb" / "GTSRB" / "Final_Test" / "Images" / f"{number:05d}.ppm",
            encoded(9 + number, (40, 40), kind="PPM"),
        )
    rows = "Filename;Width;Height;ClassId\n00000.ppm;40;40;1\n00001.ppm;40;40;0\n"
    write(tmp_path / "gtsrb" / "GT-final_test.csv", rows)
    found = load_collection(f"gtsrb:{tmp_path}")
    assert labels(found, "test") == [1, 0]
    assert found.parts["train"].split.image_shape == (3, 48, 48)


def test_dtd(tmp_path: Path, encoded: Encoded, released: Released) -> None:
    released("dtd", {"train": 2, "val": 1, "test": 1}, classes=2)
    root = tmp_path / "dtd" / "dtd"
    write(root / "labels" / "train1.txt", "banded/banded_1.jpg\nzigzagged/zigzagged_1.jpg\n")
    write(root / "labels" / "val1.txt", "zigzagged/zigzagged_2.jpg\n")
    write(root / "labels" / "test1.txt", "banded/banded_2.jpg\n")
    for seed in range(4):
        kind = ("banded", "zigzagged")[seed // 2]
        write(root / "images" / kind / f"{kind}_{seed % 2 + 1}.jpg", encoded(seed, kind="JPEG"))
    found = load_collection(f"dtd:{tmp_path}", image_size=8)
    assert [labels(found, part) for part in ("train", "val", "test")] == [[0, 1], [1], [0]]


def test_imagenet_by_folder(tmp_path: Path, encoded: Encoded, released: Released) -> None:
    released("imagenet", {"train": 4, "test": 2}, classes=2)
    for part, count in (("train", 2), ("val", 1)):
        for wnid in ("n01440764", "n02012849"):
            for number in range(count):
                write(tmp_path / part / wnid / f"{number}.JPEG", encoded(number, kind="JPEG"))
    write(tmp_path / "LOC_synset_mapping.txt", "n01440764 tench, Tinca tinca\nn02012849 crane\n")
    found = load_collection(f"imagenet:{tmp_path}", image_size=8)
    assert found.classes == ("tench", "crane")
    assert sorted(found.parts) == ["test", "train"]
    with pytest.raises(HeadstartError, match=r"imagenet can't be downloaded without an account: name the folder"):
        load_dataset("imagenet")


def test_medmnist(tmp_path: Path, released: Released) -> None:
    released("breastmnist", {"train": 3, "val": 2, "test": 2})
    arrays = {}
    for part, count in (("train", 3), ("val", 2), ("test", 2)):
        arrays[f"{part}_images"] = np.full((count, 28, 28), 51, np.uint8)
        arrays[f"{part}_labels"] = np.ones((count, 1), np.uint8)
    np.savez(tmp_path / "breastmnist.npz", **arrays)
    for place in (tmp_path, tmp_path / "breastmnist.npz"):
        data = load_dataset(f"breastmnist:{place}")
        assert [len(split) for split in (data.train, data.val, data.test)] == [3, 2, 2]
        assert data.mean == pytest.approx((0.2,)) and data.std == (1.0,)
    arrays["test_labels"][1] = 2
    np.savez(tmp_path / "breastmnist.npz", **arrays)
    with pytest.raises(HeadstartError, match=r"test image 1 of breastmnist has label 2: expected 0 to 1, for 2 cl"):
        load_dataset(f"breastmnist:{tmp_path}")


def test_too_few_images_are_told(tmp_path: Path, encoded: Encoded, released: Released) -> None:
    released("eurosat", {"train": 3}, classes=2)
    for kind in ("AnnualCrop", "SeaLake"):
        write(tmp_path / "2750" / kind / "a.jpg", encoded(kind="JPEG"))
    with pytest.raises(HeadstartError, match=r"2750 holds 2 train images of eurosat, expected 3: copy or download"):
        load_dataset(f"eurosat:{tmp_path}")


def test_published_statistics_hold_at_the_official_size(tmp_path: Path, encoded: Encoded, released: Released) -> None:
    published = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.2, 0.2)}
    released("eurosat", {"train": 4}, classes=2, **published)
    for seed in range(4):
        kind = ("AnnualCrop", "SeaLake")[seed % 2]
        write(tmp_path / "2750" / kind / f"{seed}.jpg", encoded(seed, (64, 64), kind="JPEG"))
    assert load_collection(f"eurosat:{tmp_path}").mean == (0.5, 0.4, 0.3)
    assert load_collection(f"eurosat:{tmp_path}", image_size=64).std == (0.2, 0.2, 0.2)
    assert load_collection(f"eurosat:{tmp_path}", image_size=32).mean != (0.5, 0.4, 0.3)
