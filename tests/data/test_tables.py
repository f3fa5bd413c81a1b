from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.data import load_collection
from headstart.data.tables import labels_of, read_csv
from headstart.errors import HeadstartError

Encoded = Callable[..., bytes]


@pytest.fixture
def place(tmp_path: Path, encoded: Encoded) -> Path:
    """Six images in one folder."""
    (tmp_path / "own" / "images").mkdir(parents=True)
    for number in range(6):
        (tmp_path / "own" / "images" / f"{number}.png").write_bytes(encoded(number))
    return tmp_path / "own"


def table(place: Path, text: str, encoding: str = "utf-8") -> str:
    (place / "table.csv").write_text(text, encoding=encoding)
    return str(place / "table.csv")


def test_paths_labels_and_parts(place: Path) -> None:
    rows = [f"images/{n}.png,{'train' if n < 4 else 'validation'},{'big dog' if n % 2 else 'cat'}" for n in range(6)]
    found = load_collection(table(place, "\n".join(["file,which,kind", *rows])))
    assert (found.name, found.classes) == ("table", ("big dog", "cat"))
    assert found.parts["train"].split.labels.tolist() == [1, 0, 1, 0]
    assert found.parts["val"].split.labels.tolist() == [1, 0]
    assert found.parts["val"].names == ["images/4.png", "images/5.png"]


def test_semicolons_spaces_quotes_and_a_byte_order_mark(place: Path) -> None:
    text = "path; label\n" + "".join(f'"images/{n}.png"; {n % 2}\n' for n in range(6))
    found = load_collection(table(place, text, "utf-8-sig"))
    assert found.classes == ("0", "1")
    assert found.parts["train"].split.labels.tolist() == [0, 1] * 3


def test_numbers_are_ordered_as_numbers(place: Path) -> None:
    text = "path,label\n" + "".join(f"images/{n}.png,{(10, 9, -1)[n % 3]}\n" for n in range(6))
    assert load_collection(table(place, text)).classes == ("-1", "9", "10")


def test_columns_can_be_named(place: Path) -> None:
    rows = "".join(f"images/{n}.png,{n // 2},{n % 2}\n" for n in range(6))
    spec = table(place, "path,first,second\n" + rows)
    assert load_collection(f"{spec}:label=first").classes == ("0", "1", "2")
    assert load_collection(f"{spec}:label=second:image=path").classes == ("0", "1")
    with pytest.raises(
        HeadstartError, match=r"has 2 columns that may hold the labels \(first, second\): say which, .*csv:label=first"
    ):
        load_collection(spec)
    with pytest.raises(HeadstartError, match=r"unknown column of .*table\.csv 'frist': did you mean 'first'\?"):
        load_collection(f"{spec}:label=frist")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"table\.csv holds no rows: expected a header such as path,label"),
        ("path,label\n", r"table\.csv holds no rows"),
        ("path,label\nimages/0.png\n", r"line 2 of .*table\.csv has 1 fields: expected 2, as the header"),
        ("path,label\nimages/0.png,\n", r"row 1 of .*table\.csv has no label: fill it in or remove the row"),
        ("name,label\nfirst,1\nsecond,2\n", r"table\.csv has no column of images or paths .*name it: .*:image=COLUMN"),
        ("path,label\nimages/0.png,a\nimages/1.png,a\n", r"expected two or more classes to tell apart, found 1: a"),
        ("path,label,split\nimages/0.png,a,test\nimages/1.png,b,val\n", r"table\.csv has no row for training"),
    ],
)
def test_what_is_wrong_is_told(place: Path, text: str, message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        load_collection(table(place, text))


def test_an_unknown_part_is_told(place: Path) -> None:
    spec = table(place, "path,label,split\nimages/0.png,a,train\nimages/1.png,b,holdout\n")
    with pytest.raises(HeadstartError, match=r"row 2 of .*csv is of part 'holdout': expected train, val or test"):
        load_collection(spec)


def test_missing_files_count_as_bad(place: Path) -> None:
    spec = table(place, "path,label\nimages/0.png,a\nimages/9.png,b\n")
    with pytest.raises(HeadstartError, match=r"1 of 2 images can't be used.*images/9\.png \(No such file"):
        load_collection(spec)


def test_no_text_is_told(place: Path) -> None:
    (place / "table.csv").write_bytes(b"\xff\xfe\x00path")
    with pytest.raises(HeadstartError, match=r"table\.csv is no text in UTF-8 .*: save it as UTF-8"):
        load_collection(str(place / "table.csv"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('path,label\n1.png,"' + "x" * 200_000 + '"', r"is no CSV \(field larger than .*expected a header"),
        ("path,label,label\n1.png,a,b", r"has 2 columns named 'label': expected each name once"),
    ],
)
def test_what_is_no_table_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(HeadstartError, match=message):
        read_csv(tmp_path / "t.csv", {})


def test_tabs_are_understood(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text("path\tlabel\n1.png\ta\n2.png\tb, c\n")
    assert read_csv(tmp_path / "t.tsv", {}).classes == ("a", "b, c")


def test_labels_that_only_look_like_numbers_are_words() -> None:
    assert labels_of(Path("t"), ["²", "1", "10"]) == ([2, 0, 1], ["1", "10", "²"])


def test_nan_is_no_label() -> None:
    with pytest.raises(HeadstartError, match=r"row 2 of t has no label: fill it in or remove the row"):
        labels_of(Path("t"), [0.0, float("nan")])
