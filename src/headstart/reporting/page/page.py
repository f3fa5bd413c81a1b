"""The whole page, put together from its sections and written as one file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from torch import Tensor

from headstart.reporting.page.classes import class_results, mistakes
from headstart.reporting.page.markup import details, section
from headstart.reporting.page.numbers import curves, how, result, speed

__all__ = ["Arm", "write_page"]


@dataclass(frozen=True)
class Arm:
    """What the page tells of one run of an arm.

    Args:
        name: the arm.
        seed: which of its runs this is.
        classes: their names, in label order.
        scored: labels (n,) and guesses (n,) on the images that classes are judged by.
        scored_on: those images in words.
        sample: labels (m,), probabilities (m, K) and uint8 images (m, C, height, width) that mistakes are shown of.
        sample_of: those images in words.
        attention: what :func:`~headstart.reporting.page.explore` gave; None for a model without heads.
        notes: sentences on what is missing, and why.
    """

    name: str
    seed: int
    classes: Sequence[str]
    scored: tuple[Tensor, Tensor]
    scored_on: str
    sample: tuple[Tensor, Tensor, Tensor]
    sample_of: str
    attention: dict[str, Any] | None = None
    notes: Sequence[str] = field(default_factory=tuple)


def write_page(
    results: dict[str, Any],
    arms: Sequence[Arm],
    path: str | Path,
    *,
    title: str,
    facts: dict[str, str] | None = None,
    notes: Sequence[str] = (),
) -> Path:
    """Write the page as one HTML file that asks for no other.

    Args:
        results: the content of a ``results.json``, or of the same made of a single run.
        arms: those that were opened and looked at; the others are told of by their numbers alone.
        path: where to write.
        title: what was done, in a few words.
        facts: what the results do not hold, to be told of how it was made.
        notes: sentences on what is missing on the page, and why.
    """
    parts = [
        result(results),
        curves(results),
        speed(results),
        _attention(arms),
        _classes(arms),
        _mistakes(arms),
        how(results, facts or {}),
        section("missing", "What is not here", _sentences(notes)) if notes else "",
    ]
    means = {arm["name"]: arm["mean"] or 0.0 for arm in results["arms"]}
    explored = [arm for arm in arms if arm.attention is not None]
    best = max(range(len(explored)), key=lambda index: means[explored[index].name], default=0)
    explorer = {
        "first": best,
        "arms": [{"name": f"{arm.name}, seed {arm.seed}", **(arm.attention or {})} for arm in explored],
    }
    document = Template(_asset("page.html")).substitute(
        title=escape(title),
        style=_asset("page.css"),
        summary=escape(_summary(results)),
        body="".join(parts),
        data=_inside_script(explorer),
        script=_asset("charts.js") + _asset("explorer.js"),
    )
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document, encoding="utf-8")
    return path


def _attention(arms: Sequence[Arm]) -> str:
    if not arms:
        return ""
    told = [f"{arm.name}: {note}" if len(arms) > 1 else note for arm in arms for note in arm.notes]
    if not any(arm.attention is not None for arm in arms):
        return section("attention", "What each head looks at", _sentences(told))
    return section("attention", "What each head looks at", _asset("explorer.html"), _sentences(told))


def _classes(arms: Sequence[Arm]) -> str:
    if not arms:
        return ""
    parts = [class_results(arm.classes, *arm.scored, arm.scored_on) for arm in arms]
    return section("classes", "Each class", _each(arms, parts))


def _mistakes(arms: Sequence[Arm]) -> str:
    if not arms:
        return ""
    parts = [mistakes(arm.classes, *arm.sample, arm.sample_of) for arm in arms]
    return section("mistakes", "Mistakes", _each(arms, parts))


def _each(arms: Sequence[Arm], parts: Sequence[str]) -> str:
    if len(arms) == 1:
        return parts[0]
    return "".join(
        details(f"{arm.name}, seed {arm.seed}", part, shown=index == 0)
        for index, (arm, part) in enumerate(zip(arms, parts, strict=True))
    )


def _summary(results: dict[str, Any]) -> str:
    """The result in a sentence: the first arm and the best."""
    arms = [arm for arm in results["arms"] if arm["mean"] is not None]
    if not arms:
        return "The run is not finished."
    first, best = arms[0], max(arms, key=lambda arm: arm["mean"])
    words = ", ".join(
        f"{100 * arm['mean']:.1f} % from {arm['name']}" for arm in ([first] if first is best else [first, best])
    )
    seeds = "one seed" if best["n"] == 1 else f"{best['n']} seeds"
    return f"Test accuracy on {results['config']['dataset']}: {words} ({seeds})."


def _sentences(sentences: Sequence[str]) -> str:
    return "".join(f'<p class="note">{escape(words)}</p>' for words in dict.fromkeys(sentences))


def _asset(name: str) -> str:
    return resources.files("headstart.reporting.page").joinpath("assets", name).read_text(encoding="utf-8")


def _inside_script(data: Any) -> str:
    """JSON that ends no script element; what is no number is null."""
    return json.dumps(_finite(data), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
