"""The sweep finds the layer that sees, and of equals takes the earlier one."""

from dataclasses import replace

import pytest
from torch import nn

from headstart.evaluation.verification import Contender, People, best, sweep


def test_the_layer_that_sees_is_found(toy: Contender, development: People) -> None:
    found = sweep(toy, development)
    assert [(one.layer, one.place, one.distance) for one in found] == [
        ("0", 0, "cosine"), ("0", 0, "chi2"), ("1", 1, "cosine"), ("1", 1, "chi2")
    ]  # fmt: skip
    assert found[0].found.eer == found[1].found.eer == 0
    assert found[2].found.eer == pytest.approx(0.5)  # all the same: between (1, 0) and (0, 1)
    assert best(found) is found[0] and found[0].pool == "mean"
    assert (found[0].found.genuine, found[0].found.impostor) == (3 * 15, 3 * 36)


def test_poolings_are_tried_layer_by_layer(toy: Contender, development: People) -> None:
    found = sweep(toy, development, distances=["chi2"], pools=["mean", "flatten"])
    assert [(one.layer, one.pool) for one in found] == [
        ("0", "mean"), ("0", "flatten"), ("1", "mean"), ("1", "flatten")
    ]  # fmt: skip


def test_named_layers_and_distances_alone(toy: Contender, development: People) -> None:
    one = replace(toy, model=nn.Sequential(*toy.model, nn.Identity()))
    found = sweep(one, development, names=["2", "0"], distances=["chi2"])
    assert [(row.layer, row.place, row.distance) for row in found] == [("0", 0, "chi2"), ("2", 1, "chi2")]
