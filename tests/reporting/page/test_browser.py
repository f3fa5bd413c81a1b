"""The page in a real browser: Debian's (or any) Chromium, driven by Playwright."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import headstart

pytestmark = pytest.mark.browser


@pytest.fixture
def shown(browser: Any, page: Path) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1000, "height": 1200})
    opened = context.new_page()
    opened.goto(page.as_uri())
    yield opened
    context.close()


def shares(shown: Any) -> torch.Tensor:
    """What the map shows, (24,)."""
    found = shown.locator("#map > span").evaluate_all("cells => cells.map((cell) => +cell.dataset.share)")
    return torch.tensor(found)


@pytest.mark.parametrize(("width", "scheme"), [(1000, "light"), (1000, "dark"), (390, "light")])
def test_it_loads_without_errors_or_requests(browser: Any, page: Path, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    opened, said, asked = context.new_page(), [], []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(page.as_uri())
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]
    assert opened.evaluate("document.documentElement.scrollWidth") <= width  # nothing but tables scrolls sideways
    dark = opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 26)"
    assert dark == (scheme == "dark")
    context.close()


def test_the_table_shows_the_result_file(shown: Any, results: dict[str, Any]) -> None:
    rows = shown.locator("#results tbody tr")
    for index, arm in enumerate(results["arms"]):
        cells = rows.nth(index).locator("th, td")
        texts = cells.all_inner_texts()
        assert texts[0] == arm["name"]
        assert texts[1] == f"{100 * arm['mean']:.1f} ± {100 * arm['sd']:.1f}"
        assert float(cells.nth(1).get_attribute("data-value")) == arm["mean"]
        if arm["interval"]:
            low, high = (f"{100 * end:+.1f}".replace("-", "−") for end in arm["interval"])
            assert texts[3] == f"{100 * arm['difference']:+.1f} [{low}, {high}]"
            assert float(cells.nth(3).get_attribute("data-value")) == arm["difference"]


def test_pointing_at_a_patch_shows_its_attention(shown: Any, moments: list[Any], seen: Any) -> None:
    maps = [headstart.attention_view(moment.model()).maps(seen.inputs) for moment in moments]
    prefix = 2

    def expected(moment: int, block: int, image: int, head: int, patch: int) -> torch.Tensor:
        return maps[moment][block][image, head, prefix + patch, prefix:]

    patches = shown.locator("#patches [role=gridcell]")
    kept = int(shown.locator("[aria-selected=true]").get_attribute("data-patch"))
    assert torch.allclose(shares(shown), expected(0, 0, 0, 0, kept), atol=2e-3)
    patches.nth(3).hover()
    assert torch.allclose(shares(shown), expected(0, 0, 0, 0, 3), atol=2e-3)
    shown.locator("h1").hover()  # away: back to the one that was kept
    assert torch.allclose(shares(shown), expected(0, 0, 0, 0, kept), atol=2e-3)
    patches.nth(10).click()
    shown.locator("h1").hover()
    assert torch.allclose(shares(shown), expected(0, 0, 0, 0, 10), atol=2e-3)

    shown.get_by_label("block", exact=True).select_option("1")
    shown.get_by_label("head", exact=True).select_option("2")
    shown.get_by_role("button", name="image 3: owl").click()
    shown.get_by_role("slider").press("ArrowRight")
    assert shown.locator("#moment-name").inner_text() == "trained, pass 3"
    wanted = expected(1, 1, 2, 2, 10)
    assert torch.allclose(shares(shown), wanted, atol=2e-3)
    best = int(wanted.argmax())
    told = shown.get_by_role("status").filter(has_text="block").inner_text()
    assert "Trained, pass 3; block 1, head 2: the patch in row 2, column 5 looks most at " in told
    assert f"row {best // 6 + 1}, column {best % 6 + 1} (" in told
    shown.get_by_role("group", name="block 0").get_by_role("button", name="head 1").click()
    assert torch.allclose(shares(shown), expected(1, 0, 2, 1, 10), atol=2e-3)


def test_heads_over_training_are_drawn_on_round_numbers(shown: Any) -> None:
    ticks = shown.evaluate("[0.314, 31.4, 2.06, 9.9, 0.04].map((most) => roundTicks(most).map(([_, text]) => text))")
    assert ticks == [
        ["0.0", "0.1", "0.2", "0.3"],
        ["0", "10", "20", "30"],
        ["0.0", "0.5", "1.0", "1.5", "2.0"],
        ["0", "2", "4", "6", "8"],
        ["0.00", "0.02", "0.04"],
    ]
    written = shown.locator("#mass text").all_text_contents()
    assert written[0] in ("0", "0.0") and "passes" in written


def test_the_keyboard_reaches_and_moves_all(shown: Any) -> None:
    reached = []
    shown.locator("#attention select >> nth=1").focus()
    for _ in range(4):
        reached.append(shown.evaluate("document.activeElement.id || document.activeElement.getAttribute('role')"))
        shown.keyboard.press("Tab")
    assert reached == ["block", "head", "moment", "gridcell"]
    shown.locator("#patches [tabindex='0']").focus()
    for keys, patch in (
        (["Home"], 12),
        (["ArrowUp", "ArrowUp", "ArrowUp"], 0),
        (["ArrowRight"], 1),
        (["End", "ArrowDown"], 11),
    ):
        for key in keys:
            shown.keyboard.press(key)
        assert shown.evaluate("document.activeElement.dataset.patch") == str(patch)
        assert shown.locator("[aria-selected=true]").get_attribute("data-patch") == str(patch)
    shown.keyboard.press("Tab")  # one stop for all heads
    for key, block, head in (("ArrowRight", 0, 1), ("ArrowDown", 1, 1), ("ArrowDown", 1, 1), ("ArrowLeft", 1, 0)):
        shown.keyboard.press(key)
        here = shown.locator("#heads :focus")
        found = [here.get_attribute(name) for name in ("aria-pressed", "data-block", "data-head")]
        assert found == ["true", str(block), str(head)]
        assert (shown.locator("#block").input_value(), shown.locator("#head").input_value()) == (str(block), str(head))
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_everything_has_a_name(shown: Any) -> None:
    assert shown.locator("svg").count() == shown.locator("svg[role=img][aria-label]").count() > 2
    nameless = shown.evaluate(
        """() => [...document.querySelectorAll("button, input, select, [role=grid], [role=region], table")].filter(
            (one) => !(one.labels?.length || one.ariaLabel || one.querySelector("caption, img[alt]"))
        ).map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert nameless == []


def test_it_tells_its_numbers_without_scripts(browser: Any, page: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(page.as_uri())
    assert opened.locator("#results tbody tr").count() == 2
    assert opened.locator("#curves svg").count() == 1
    context.close()
