import json
import re
from pathlib import Path
from typing import Any

from headstart.reporting.page import Arm, write_page


def test_the_page_asks_for_nothing_and_closes_nothing_early(page: Path) -> None:
    text = page.read_text()
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    assert text.count("<script") == text.count("</script>") == 2
    assert "<title>digits: &lt;default&gt;, impulse</title>" in text
    assert len(text.encode()) < 5_000_000
    for name in ("result", "curves", "attention", "classes", "mistakes", "how"):
        assert f'<section id="{name}"' in text
    assert "default: There is no explorer: ResNet has no attention heads that can be seen." in text


def test_data_are_whole_and_name_classes_safely(page: Path) -> None:
    found = re.search(r'id="data">(.*?)</script>', page.read_text())
    assert found is not None and "<" not in found[1]
    data = json.loads(found[1])
    assert [arm["name"] for arm in data["arms"]] == ["impulse, seed 0"] and data["first"] == 0
    assert data["arms"][0]["pictures"][1]["label"] == "<dog> & co"


def test_what_is_no_number_is_null(results: dict[str, Any], arms: list[Arm], tmp_path: Path) -> None:
    attention = dict(
        arms[1].attention or {}, history=[{"pass": 0, "start_mass": [[float("nan")]], "distance": [[1.0]]}]
    )
    arm = Arm(**{**vars(arms[1]), "attention": attention})
    text = write_page(results, [arm], tmp_path / "new/report.html", title="t").read_text()
    assert '"start_mass":[[null]]' in text and ":NaN" not in text and "[NaN" not in text


def test_numbers_alone_make_a_page(results: dict[str, Any], tmp_path: Path) -> None:
    text = write_page(
        results, [], tmp_path / "report.html", title="t", notes=["impulse was not opened: gone"]
    ).read_text()
    assert "impulse was not opened: gone" in text and "59.0 ± 1.4" in text
    assert 'id="explorer"' not in text and '{"first":0,"arms":[]}' in text
