"""A fusion is held against the single one that development chose, not against the one that the test favours."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from headstart.evaluation.verification import Entry, People, Swept, measure
from headstart.studies.verification_rows import cells, fused_row, single_row

TEST = People(torch.zeros(4, 1, 1, 1, dtype=torch.uint8), torch.tensor([0, 0, 1, 1]), ("a", "b"))
GENUINE = TEST.pairs.genuine
RIGHT = GENUINE.float()
WRONG = 1 - RIGHT


def entry(name: str, development: torch.Tensor, test: torch.Tensor) -> Entry:
    swept = Swept("0", 0, "mean", "cosine", measure(development, GENUINE))
    return Entry(name, "0", "mean", "cosine", (swept,), development, test)


def test_the_better_single_one_is_chosen_in_development() -> None:
    promising, lucky = entry("promising", RIGHT, WRONG), entry("lucky", WRONG, RIGHT)
    half = RIGHT.clone()
    half[GENUINE.nonzero()[0]] = 0
    row = fused_row("both", [half, RIGHT], [(promising, lucky), (replace(lucky), replace(promising))], TEST)
    assert row["better_single"] == [1.0, 1.0] and row["eer"][1] == 0 < row["eer"][0] < 1
    assert row["difference"] == pytest.approx(sum(row["eer"]) / 2 - 1) and len(row["interval"]) == 2


def test_fusions_that_share_a_model_have_no_interval() -> None:
    seeds = [entry(f"seed {k}", RIGHT, RIGHT) for k in range(4)]
    half = RIGHT.clone()
    half[GENUINE.nonzero()[0]] = 0
    turns = [(0, 1), (1, 2), (2, 0)]
    rows = [
        fused_row("two seeds", [half, RIGHT, RIGHT][: len(pairs)], [(seeds[i], seeds[j]) for i, j in pairs], TEST)
        for pairs in (turns, turns[:2], [(0, 1), (2, 3)])
    ]
    assert [row["interval"] is None for row in rows] == [True, True, False]
    assert rows[0]["difference"] == pytest.approx(rows[0]["eer"][0] / 3)
    column = "fusion − better one, points of EER [95 % interval]"
    assert "[" not in cells(rows[0])[column] and "[" in cells(rows[2])[column]


def test_a_single_one_is_told_with_its_choice() -> None:
    row = single_row("one", [replace(entry("one", RIGHT, RIGHT), layer="3")], TEST)
    assert row["eer"] == [0.0] and row["chosen"] == [{"layer": "3", "pool": "mean", "distance": "cosine"}]
    assert row["swept"] == [[{"layer": "0", "pool": "mean", "distance": "cosine", "eer": 0.0}]]
