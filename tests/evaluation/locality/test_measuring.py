"""Heads that were set by hand are told as they are, also after they were moved."""

import json

import pytest
import torch

import headstart
from headstart.attention import attention_view
from headstart.errors import HeadstartError
from headstart.evaluation.locality import locality, uniform_distance
from headstart.initialization import HeadReport

OFFSETS = ((0, 0), (-1, 0), (0, 1))


def images(size: int = 16, channels: int = 3) -> torch.Tensor:
    return torch.randn(4, channels, size, size, generator=torch.Generator().manual_seed(0))


def model(scheme: str = "impulse:sharpness=0.95", **options: object) -> tuple[torch.nn.Module, headstart.InitReport]:
    torch.manual_seed(0)
    made = headstart.create_vit("tiny", image_size=16, patch_size=2, width=96, depth=2, heads=3, **options)  # type: ignore[arg-type]
    return made, headstart.init_(made, scheme, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("options", [{}, {"pool": "class", "registers": 2}])
def test_a_fresh_start_has_moved_nowhere(options: dict[str, object]) -> None:
    net, start = model(**options)
    report = locality(net, 0 * images(), start.heads)
    first = [head for head in report.heads if head.block == 0]
    for head, before in zip(first, start.heads, strict=False):
        assert head.start == head.offset == before.offset and head.moved == 0
        assert head.start_mass == head.target_mass and head.start_mass_before == before.target_mass
        assert head.start_mass == pytest.approx(before.target_mass, abs=0.2)  # the embedding has a bias
    shifted = [head for head in first if head.offset != (0, 0)]
    assert all(0.5 < head.distance < 2.5 and head.association > report.chance for head in shifted)


def test_heads_that_moved_are_told_with_their_distance() -> None:
    net, _ = model()
    before = locality(net, images())
    assert all(head.start is head.start_mass is head.moved is None for head in before.heads)
    elsewhere = [
        HeadReport(h.block, h.head, (h.offset[0] + 3, h.offset[1] - 4), 0.5, 1.0, torch.empty(0)) for h in before.heads
    ]
    after = locality(net, images(), elsewhere[::-1])
    assert [head.moved for head in after.heads] == [5.0] * 6
    assert [head.start_mass_before for head in after.heads] == [0.5] * 6
    assert all(head.start_mass < 0.1 for head in after.heads)  # type: ignore[operator]
    assert locality(net, images(), before.heads).heads[4].moved == 0


def test_a_model_that_looks_everywhere_alike() -> None:
    net, _ = model("default")
    view = attention_view(net)
    with torch.no_grad():
        for block in view.blocks:
            block.attention.qkv.weight.zero_()  # type: ignore[union-attr, operator]
    report = locality(net, images())
    for head in report.heads:
        assert head.distance == pytest.approx(uniform_distance((8, 8)), rel=1e-4)
        assert head.entropy == pytest.approx(torch.tensor(64.0).log().item(), rel=1e-4)


def test_position_embeddings_that_change_slowly_are_associated() -> None:
    random, smooth = (locality(model("default", position=kind)[0], images()).position for kind in ("learned", "sincos"))
    assert random is not None and smooth is not None
    assert random.association < 0.3 and abs(random.near) < 0.1
    assert smooth.association > 0.9 and smooth.near > smooth.far + 0.1


def test_the_report_is_json_and_a_table() -> None:
    net, start = model()
    report = locality(net, images(), start.heads)
    told = json.loads(json.dumps(report.to_dict()))
    assert len(told["heads"]) == 6 and len(told["blocks"]) == 2
    mean = sum(head["distance"] for head in told["heads"][:3]) / 3
    assert told["blocks"][0]["distance"] == pytest.approx(mean)
    assert "(-1, +0)" in str(report) and "position embeddings: association" in str(report)
    assert locality(net, images()).blocks()[0]["moved"] is None and "–" in str(locality(net, images()))


def test_the_model_is_left_as_it_was() -> None:
    net, _ = model()
    net.train()
    state = torch.get_rng_state()
    locality(net, images())
    assert net.training and torch.equal(state, torch.get_rng_state())


def test_a_model_of_timm() -> None:
    vit = pytest.importorskip("timm.models.vision_transformer")
    net = vit.VisionTransformer(img_size=(16, 24), patch_size=4, embed_dim=48, depth=1, num_heads=3, num_classes=2)
    wide = torch.zeros(2, 3, 16, 24)
    start = headstart.init_(net, "impulse:sharpness=0.8", generator=torch.Generator().manual_seed(0))
    report = locality(net, wide, start.heads)
    assert [head.moved for head in report.heads] == [0, 0, 0] and report.position is not None


def test_a_start_of_another_model_is_refused() -> None:
    net, start = model()
    with pytest.raises(HeadstartError, match=r"own 6 heads.*got 3, 3 of the model's missing"):
        locality(net, images(), start.heads[:3])
    with pytest.raises(headstart.UnsupportedModel):
        locality(torch.nn.Linear(2, 2), images())
