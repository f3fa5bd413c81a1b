"""Results of each class, what was taken for what, and the most confident mistakes of one arm.

Shapes: ``n`` images, ``K`` classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import torch
from torch import Tensor

from headstart.reporting.page.markup import Cell, details, scrolled, table
from headstart.reporting.page.pictures import data_uri

__all__ = ["class_results", "confusion", "mistakes"]

SQUARE = 20  # classes up to which the whole confusion is shown; above, its largest entries
SHOWN = 112  # pixels of the longer side of a mistake's picture
LISTED = 100  # classes in a table, the worst first


def confusion(labels: Tensor, guesses: Tensor, classes: int) -> Tensor:
    """How many images of each class (row) were taken for each (column): int64 (K, K).

    >>> confusion(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return torch.bincount(labels * classes + guesses, minlength=classes**2).view(classes, classes)


def class_results(classes: Sequence[str], labels: Tensor, guesses: Tensor, images: str) -> str:
    """Tables of each class's results, worst first, and of the confusion; ``images`` says of which images.

    Of all images of a class the share taken for it, and of all images taken for it the share that are of it.
    """
    counts = confusion(labels, guesses, len(classes))
    right, of_class, taken = counts.diag(), counts.sum(1), counts.sum(0)
    found = right / of_class.clamp(min=1)
    order = [index for index in found.argsort(stable=True).tolist() if of_class[index] > 0]
    rows = []
    for index in order[:LISTED]:
        others = counts[index].clone()
        others[index] = 0
        most = int(others.argmax())
        precise = None if taken[index] == 0 else (right[index] / taken[index]).item()
        rows.append(
            [
                classes[index],
                Cell(str(int(of_class[index])), int(of_class[index])),
                Cell(f"{100 * found[index].item():.1f}", found[index].item()),
                Cell("–") if precise is None else Cell(f"{100 * precise:.1f}", precise),
                Cell(f"{classes[most]} ({int(others[most])})" if others[most] else "–"),
            ]
        )
    some = f" The {LISTED} worst of {len(order)} classes." if len(order) > LISTED else ""
    header = ["class", "images", "found, %", "of those taken for it, %", "most taken for"]
    each = table(f"Each class on {images}, worst first.{some}", header, rows)
    square = _square(classes, counts) if len(classes) <= SQUARE else _pairs(classes, counts)
    return each + details("What was taken for what", square, shown=True)


def mistakes(
    classes: Sequence[str], labels: Tensor, shares: Tensor, pictures: Tensor, images: str, count: int = 12
) -> str:
    """The ``count`` mistakes that the model was surest of, with pictures; ``shares`` (n, K) are probabilities.

    ``pictures`` are the uint8 images (n, C, height, width).
    """
    sure, guesses = shares.max(dim=1)
    wrong = (guesses != labels).nonzero()[:, 0]
    if len(wrong) == 0:
        return f"<p>No mistakes on {escape(images)}.</p>"
    order = wrong[sure[wrong].argsort(descending=True)][:count]
    figures = []
    for index in order.tolist():
        truth, guess = classes[int(labels[index])], classes[int(guesses[index])]
        words = f"{truth}, taken for {guess}, {100 * sure[index].item():.0f} % sure"
        figures.append(
            f'<li><figure><img src="{data_uri(pictures[index], SHOWN)}" alt=""><figcaption>{escape(words)}</figcaption>'
            "</figure></li>"
        )
    told = f"<p>{len(wrong)} of {len(labels)} {escape(images)} are taken for something else; the surest first:</p>"
    return f'{told}<ul class="mistakes">{"".join(figures)}</ul>'


def _square(classes: Sequence[str], counts: Tensor) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in classes)
    lines = []
    for name, row in zip(classes, counts, strict=True):
        total = max(1, int(row.sum()))
        cells = "".join(f'<td style="--share:{int(n) / total:.3f}">{int(n) or ""}</td>' for n in row)
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    caption = "Images of each class (rows) by what they were taken for (columns)."
    body = f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return scrolled(caption, f'<table class="confusion" aria-label="{caption}">{body}</table>')


def _pairs(classes: Sequence[str], counts: Tensor, most: int = 20) -> str:
    wrong = counts.clone().fill_diagonal_(0)
    order = wrong.flatten().argsort(descending=True)[:most].tolist()
    places = [divmod(place, len(classes)) for place in order]
    rows: list[list[str | Cell]] = [
        [f"{classes[row]} taken for {classes[column]}", Cell(str(int(wrong[row, column])), int(wrong[row, column]))]
        for row, column in places
        if wrong[row, column]
    ]
    return table("The most frequent mistakes.", ["mistake", "images"], rows)
