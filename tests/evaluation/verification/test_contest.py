"""Nothing is chosen on the identities of the test."""

import pytest
from torch import nn

from headstart.errors import HeadstartError
from headstart.evaluation.verification import Contender, People, enter, fuse, measure


def test_layer_and_distance_are_chosen_in_development(toy: Contender, development: People, strangers: People) -> None:
    entry = enter(toy, strangers, development)
    assert (entry.name, entry.layer, entry.distance, len(entry.swept)) == ("toy", "0", "cosine", 4)
    assert measure(entry.test, strangers.pairs.genuine).eer == 0
    half = enter(toy, strangers, development, layer="1")
    assert (half.layer, half.distance, [one.layer for one in half.swept]) == ("1", "cosine", ["1", "1"])


def test_the_best_layer_is_chosen_wherever_it_stands(toy: Contender, development: People, strangers: People) -> None:
    bright, _ = toy.model.children()
    late = Contender("late", nn.Sequential(nn.Conv2d(1, 1, 1).requires_grad_(False), bright), toy.normalize)
    nn.init.zeros_(late.model[0].weight)  # type: ignore[index]
    assert enter(late, strangers, development).layer == "0"  # both are blind now
    nn.init.ones_(late.model[0].weight)  # type: ignore[index]
    entry = enter(late, strangers, development)
    assert (entry.layer, entry.distance) == ("1", "cosine")  # a single channel has no direction


def test_what_is_given_needs_no_development(toy: Contender, strangers: People, development: People) -> None:
    entry = enter(toy, strangers, layer="0", distance="chi2")
    assert entry.swept == () and entry.development is None and len(entry.test) == len(strangers.pairs)
    assert (entry.test == enter(toy, strangers, development, layer="0", distance="chi2").test).all()
    with pytest.raises(HeadstartError, match="chosen on development identities; give some, or one"):
        enter(toy, strangers, layer="0")
    with pytest.raises(HeadstartError, match="identity 'd' is in development and in test"):
        enter(toy, strangers, strangers)


def test_fusion_is_learned_in_development(toy: Contender, development: People, strangers: People) -> None:
    entries = [enter(toy, strangers, development, layer="0", distance=name) for name in ("cosine", "chi2")]
    fusion, scores = fuse(entries, development, strangers)
    assert len(fusion.weights) == 2 and len(scores) == len(strangers.pairs)
    assert measure(scores, strangers.pairs.genuine).eer == 0
    with pytest.raises(HeadstartError, match="fusion takes two runs or more, got 1"):
        fuse(entries[:1], development, strangers)
    with pytest.raises(HeadstartError, match="enter the runs with some"):
        fuse([entries[0], enter(toy, strangers, layer="0", distance="chi2")], development, strangers)
