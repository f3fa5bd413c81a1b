from __future__ import annotations

from pathlib import Path

import pytest

from headstart.data import load_dataset, spec_name, spec_place
from headstart.data.spec import expect_there, parse_spec
from headstart.errors import HeadstartError


def test_names_places_and_columns() -> None:
    assert parse_spec("cifar10") == ("cifar10", None, {})
    assert parse_spec("cifar10:/data/x") == ("cifar10", Path("/data/x"), {})
    assert parse_spec("photos") == (None, Path("photos"), {})
    assert parse_spec("a/b.parquet:label=kind of:split=which") == (
        None, Path("a/b.parquet"), {"label": "kind of", "split": "which"},
    )  # fmt: skip
    assert parse_spec("~/x")[1] == Path.home() / "x"


def test_a_path_becomes_absolute_and_keeps_its_columns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert spec_place("photos:label=kind") == f"{tmp_path / 'photos'}:label=kind"
    assert spec_place("cifar10:photos") == f"cifar10:{tmp_path / 'photos'}"
    assert spec_place("cifar10") == "cifar10"
    assert spec_place("absent/photos") == "absent/photos"


def test_what_a_path_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fruit").mkdir()
    monkeypatch.chdir(tmp_path / "fruit")
    assert spec_name(".") == "fruit"
    assert spec_name("../fruit/table.csv:label=kind") == "table"
    assert spec_name("v1.5/photos.d") == "photos.d"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "expected the name of a dataset or a path, got ''"),
        ("cifar", "unknown dataset 'cifar': did you mean 'cifar10' or 'cifar100'"),
        ("photos", r"unknown dataset 'photos': .* There is no folder of that name here either\."),
        ("cifar1O:/data", "unknown dataset 'cifar1O': did you mean 'cifar10'|there is no cifar1O:/data"),
        ("cifar01:/data", "unknown dataset 'cifar01': did you mean 'cifar10'"),
        ("no/such/place", "there is no no/such/place: expected a folder with one folder for each class, a CSV"),
        ("nowhere/", "there is no folder nowhere/: expected a folder with one folder for each class, a CSV or parquet"),
        ("./digit", r"there is no \./digit: expected a folder"),
        ("README.docx", r"there is no README\.docx"),
    ],
)
def test_what_can_not_be_meant(spec: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HeadstartError, match=message):
        load_dataset(spec)


def test_what_nearly_has_that_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "more/photos").mkdir(parents=True)
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    for spec, message in {
        "photo/": "there is no folder photo/: did you mean photos[?] Expected a folder with",
        "more/photo": "there is no more/photo: did you mean more/photos[?] Expected",
        "photo": r"unknown dataset 'photo': Known: .* no folder of that name here either; did you mean photos\?",
    }.items():
        with pytest.raises(HeadstartError, match=message):
            load_dataset(spec)


def test_what_is_there_is_known_before_it_is_read(tmp_path: Path) -> None:
    for spec in ("digits", "cifar10", "cifar10:/nowhere", str(tmp_path)):
        expect_there(spec)
    for spec in ("digts", str(tmp_path / "a.csv"), f"{tmp_path}/a.parquet:label=kind"):
        with pytest.raises(HeadstartError, match=r"unknown dataset 'digts'|there is no .*/a\."):
            expect_there(spec)


def test_a_single_image_or_another_file(tmp_path: Path, encoded: object) -> None:
    for name, what in (("a.jpg", "a single image"), ("a.docx", r"a file ending in \.docx"), ("a", "ending in nothing")):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(HeadstartError, match=rf"{name} is .*{what}: expected a folder with one folder for each"):
            load_dataset(str(tmp_path / name))


def test_a_folder_has_no_columns(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"is a folder of images and has no columns, got {'label': 'kind'}"):
        load_dataset(f"{tmp_path}:label=kind")
