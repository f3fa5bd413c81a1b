from types import SimpleNamespace

import pytest
import torch
from torch import nn

import headstart
from headstart.errors import HeadstartError, UnsupportedModel
from headstart.evaluation.locality import locality
from headstart.reporting.page import explore, explorer
from headstart.reporting.page.explorer import ROWS, decode, encode


def test_maps_come_back_within_the_stated_error() -> None:
    maps = [torch.rand(heads, 7, 7).mul(20).softmax(dim=-1) for heads in (2, 3)]
    shares, largest = encode(maps)
    back = decode(shares, largest, 7)
    whole = torch.cat(maps)
    assert back.shape == (5, 7, 7)
    assert ((back - whole).abs() <= whole.amax(dim=-1, keepdim=True) / 510 + 2 / 65535).all()


def test_data_are_the_maps_of_each_moment(moments, seen, attention) -> None:
    assert attention["grid"] == [4, 6] and attention["prefix"] == 2 and attention["heads"] == [3, 3]
    assert [moment["name"] for moment in attention["moments"]] == ["head start", "trained, pass 3"]
    for moment, told in zip(moments, attention["moments"], strict=True):
        maps = headstart.attention_view(moment.model()).maps(seen.inputs)
        for image in range(4):
            back = decode(told["maps"][image], told["largest"][image], 26)
            assert torch.allclose(back, torch.cat([block[image] for block in maps]), atol=1 / 500)


def test_heads_are_measured_where_they_were_not_watched(moments, seen, attention) -> None:
    assert [row["pass"] for row in attention["history"]] == [0, 3]
    start = headstart.measure(moments[0].model(), seen.inputs).heads
    found = locality(moments[1].model(), seen.inputs, start).heads
    for name in ("start_mass", "distance"):
        flat = [value for block in attention["history"][1][name] for value in block]
        assert flat == pytest.approx([getattr(head, name) for head in found], abs=1e-4)


def test_watched_rows_are_thinned(moments, seen) -> None:
    rows = [{"pass": n, "start_mass": [[0.1] * 3] * 2, "distance": [[1.0] * 3] * 2, "entropy": 0} for n in range(201)]
    told = explore(moments, seen, seen.inputs, [], rows, 1_000_000)
    passes = [row["pass"] for row in told["history"]]
    assert len(passes) == ROWS and (passes[0], passes[-1]) == (0, 200)


def test_what_does_not_fit_is_told(moments, seen) -> None:
    told = explore(moments, seen, seen.inputs, [], [], 12_000)
    assert len(told["pictures"]) == len(told["moments"][0]["maps"]) == 1
    assert "Fewer images are shown, to keep the page small." in told["notes"]
    with pytest.raises(HeadstartError, match="maps of 26 by 26 tokens are too large for this page"):
        explore(moments, seen, seen.inputs, [], [], 100)


def test_models_without_heads_of_the_whole_image_are_refused(seen, monkeypatch) -> None:
    class Made:
        name, passes, model = "trained", 1, staticmethod(lambda: nn.Linear(2, 2))

    with pytest.raises(UnsupportedModel):
        explore([Made()], seen, seen.inputs, [], [], 1000)
    for view, words in (
        (SimpleNamespace(source="mixing", uniform=True), "this model mixes patches by a layer"),
        (SimpleNamespace(source="relative", uniform=False), "this model attends in windows"),
    ):
        monkeypatch.setattr(explorer, "attention_view", lambda model, view=view: view)
        with pytest.raises(UnsupportedModel, match=words):
            explore([Made()], seen, seen.inputs, [], [], 1000)
