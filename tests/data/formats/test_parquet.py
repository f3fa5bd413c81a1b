from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headstart.data import load_collection, load_dataset
from headstart.data.formats.parquet import find_tables
from headstart.errors import HeadstartError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

Encoded = Callable[..., bytes]
Released = Callable[..., object]


def named(table: Any, **classes: list[str]) -> Any:
    """The table with Hugging Face's metadata: class names of its label columns."""
    features = {name: {"names": names, "_type": "ClassLabel"} for name, names in classes.items()}
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def images(encoded: Encoded, seeds: range, labels: list[Any], column: str = "image", label: str = "label") -> Any:
    cells = [{"bytes": encoded(seed), "path": None} for seed in seeds]
    return pa.table({column: cells, label: labels})


def save(table: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
            writer.write_table(table)
    return path


def test_image_bytes_labels_and_a_column_of_parts(tmp_path: Path, encoded: Encoded) -> None:
    parts = ["train"] * 4 + ["test"] * 2
    kinds = ["pear", "fig"] * 3
    table = pa.table(
        {"which": parts, "kind": kinds, "bytes": [encoded(n) for n in range(6)], "__index_level_0__": list(range(6))}
    )
    found = load_collection(str(save(table, tmp_path / "fruit.parquet")))
    assert (found.name, found.classes) == ("fruit", ("fig", "pear"))
    assert found.parts["train"].split.labels.tolist() == [1, 0, 1, 0]
    assert found.parts["test"].names == ["fruit.parquet row 5", "fruit.parquet row 6"]


def test_paths_and_labels(tmp_path: Path, encoded: Encoded) -> None:
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(encoded(number))
    table = pa.table({"path": [f"{n}.png" for n in range(4)], "label": [1, 0, 1, 0]})
    found = load_collection(str(save(named(table, label=["fig", "pear"]), tmp_path / "t.parquet")))
    assert found.classes == ("fig", "pear")
    assert found.parts["train"].split.labels.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    "files",
    [
        ("data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-00000-of-00001.parquet"),
        (
            "snapshots/abc/train/0.parquet",
            "snapshots/abc/train/1.parquet",
            "snapshots/abc/test/0.parquet",
        ),
        ("train/data-00000-of-00002.arrow", "train/data-00001-of-00002.arrow", "test/data-00000-of-00001.arrow"),
        ("fruit-train-00000-of-00002.arrow", "fruit-train-00001-of-00002.arrow", "fruit-test.arrow"),
    ],
)
def test_hugging_face_directories(tmp_path: Path, encoded: Encoded, files: tuple[str, ...]) -> None:
    place = tmp_path / "fruit"
    for number, file in enumerate(files):
        table = images(encoded, range(3 * number, 3 * number + 3), [0, 1, 1])
        save(named(table, label=["fig", "pear"]), place / file)
    if files[0].endswith(".arrow"):
        save(pa.table({"indices": [1]}), place / "cache-abc.arrow")
    found = load_collection(str(place))
    assert (found.name, found.classes) == ("fruit", ("fig", "pear"))
    assert {kind: len(part) for kind, part in found.parts.items()} == {"train": 6, "test": 3}
    assert found.parts["train"].split.labels.tolist() == [0, 1, 1] * 2


def test_the_newest_snapshot_counts(tmp_path: Path, encoded: Encoded) -> None:
    import os

    for age, revision in enumerate(("new", "old")):
        save(images(encoded, range(2), [0, 1]), tmp_path / "snapshots" / revision / "train.parquet")
        os.utime(tmp_path / "snapshots" / revision, (1_000_000 - age, 1_000_000 - age))
    assert [path.parent.name for path, _ in find_tables(tmp_path)] == ["new"]


def test_a_known_dataset_in_hugging_faces_cache(tmp_path: Path, encoded: Encoded, released: Released) -> None:
    released("cifar10", {"train": 4, "test": 2})
    place = tmp_path / "datasets--uoft-cs--cifar10" / "snapshots" / "abc" / "plain_text"
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    for part, count in (("train", 4), ("test", 2)):
        table = images(encoded, range(count), [9, 3, 0, 1][:count], column="img")
        save(named(table, label=names), place / f"{part}-00000-of-00001.parquet")
    data = load_dataset(f"cifar10:{tmp_path / 'datasets--uoft-cs--cifar10'}", val_fraction=0, image_size=32)
    assert (data.name, data.classes[9], data.flip_ok) == ("cifar10", "truck", True)
    assert data.test.labels.tolist() == [9, 3]
    assert data.image_size == 32


def test_a_label_out_of_range(tmp_path: Path, encoded: Encoded) -> None:
    file = save(named(images(encoded, range(3), [0, 1, 2]), label=["fig", "pear"]), tmp_path / "a.parquet")
    with pytest.raises(HeadstartError, match=r"a\.parquet row 3 has label 2: expected 0 to 1, for 2 classes"):
        load_collection(str(file))


def test_a_damaged_file(tmp_path: Path, encoded: Encoded) -> None:
    file = save(images(encoded, range(3), [0, 1, 1]), tmp_path / "a.parquet")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(HeadstartError, match=r"a\.parquet could not be read \(.*\): write or download it again"):
        load_collection(str(file))
    (tmp_path / "b.arrow").write_bytes(b"")
    with pytest.raises(HeadstartError, match=r"b\.arrow could not be read"):
        load_collection(str(tmp_path / "b.arrow"))


def test_without_pyarrow(tmp_path: Path, encoded: Encoded, monkeypatch: pytest.MonkeyPatch) -> None:
    file = save(images(encoded, range(2), [0, 1]), tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(HeadstartError, match=r"need pyarrow: pip install 'headstart\[parquet\]'"):
        load_collection(str(file))


def test_a_cell_without_an_image_is_bad(tmp_path: Path) -> None:
    table = pa.table({"image": pa.array([None, None], pa.binary()), "label": [0, 1]})
    with pytest.raises(HeadstartError, match=r"2 of 2 images can't be used.*a\.parquet row 1 \(the file is empty\)"):
        load_collection(str(save(table, tmp_path / "a.parquet")))


def test_tables_of_other_columns_are_not_mixed(tmp_path: Path, encoded: Encoded) -> None:
    save(images(encoded, range(2), [0, 1]), tmp_path / "train-0.parquet")
    save(images(encoded, range(2), [0, 1], label="kind"), tmp_path / "train-1.parquet")
    with pytest.raises(HeadstartError, match=r"train-1\.parquet has the columns image, kind, but .*expected the same"):
        load_collection(str(tmp_path))


def test_class_names_are_found_beside_columns_of_lists(tmp_path: Path, encoded: Encoded) -> None:
    features = {"label": {"names": ["fig", "pear"], "_type": "ClassLabel"}, "tags": [{"_type": "Value"}]}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    table = images(encoded, range(4), [0, 1, 0, 1]).replace_schema_metadata(about)
    assert load_collection(str(save(table, tmp_path / "t.parquet"))).classes == ("fig", "pear")


def test_hidden_folders_hold_no_tables(tmp_path: Path, encoded: Encoded) -> None:
    save(images(encoded, range(2), [0, 1]), tmp_path / "cats" / ".cache" / "x.parquet")
    assert find_tables(tmp_path) == []
    (tmp_path / "T.PARQUET").write_bytes((tmp_path / "cats" / ".cache" / "x.parquet").read_bytes())
    assert find_tables(tmp_path) == [(tmp_path / "T.PARQUET", "")]
