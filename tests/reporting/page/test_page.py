import json
import re
from pathlib import Path
from typing import Any

import torch

from headstart.reporting.page import Arm, write_page
from headstart.reporting.page.explorer import ROWS
from headstart.reporting.page.plan import BUDGET


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


def test_the_largest_page_stays_under_5_mb(results: dict[str, Any], tmp_path: Path) -> None:
    """Six arms of a hundred classes, photos of pure noise, and all the room that maps may take."""
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 100, (10_000,), generator=random)
    pictures = torch.randint(0, 256, (50, 3, 224, 224), generator=random, dtype=torch.uint8)
    sample = (labels[:50], torch.eye(100)[labels[1:51]], pictures)
    classes = [f"a class with a long name, {n}" for n in range(100)]
    history = [{"pass": n, "start_mass": [[0.12345] * 12] * 12, "distance": [[12.345] * 12] * 12} for n in range(ROWS)]
    attention = {"maps": "A" * (BUDGET // 3), "history": history}
    told = (classes, (labels, labels.roll(1)), "10,000 test images", sample, "validation images")
    arms = [Arm("impulse", n, *told, attention if n < 3 else None) for n in range(6)]
    page = write_page(results, arms, tmp_path / "report.html", title="t")
    assert 4_500_000 < page.stat().st_size < 5_000_000
