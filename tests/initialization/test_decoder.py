"""The solver on real inputs: the pattern holds in every block, on images it was not solved on."""

import pytest
import torch

from headstart import HeadstartError, Impulse, create_vit, init_, measure
from headstart.attention import attention_view, shift_targets, target_mass

pytestmark = pytest.mark.filterwarnings("ignore:.*cannot cover")


def masses(model, report, images):
    view = attention_view(model)
    found = []
    for block, attention in enumerate(view.maps(images)):
        offsets = torch.tensor([h.offset for h in report.heads if h.block == block])
        found.append(target_mass(attention, shift_targets(view.grid, offsets), view.prefix).mean(0))
    return torch.stack(found)


@pytest.mark.parametrize("position", ["learned", "sincos"])
@pytest.mark.parametrize("sharpness", [0.3, 0.8, 0.95])
@pytest.mark.parametrize("pool", ["mean", "class"])
def test_every_head_of_every_block_holds_on_other_images(position, sharpness, pool, images, seeded):
    model = create_vit(width=96, depth=6, heads=3, position=position, pool=pool)
    report = init_(model, Impulse(sharpness=sharpness), images=images[:64], generator=seeded())
    assert report.measured_on == "64 images"
    found = masses(model, report, images[64:])
    assert (found - sharpness).abs().max() < 0.04
    # ... while heads solved on the position embedding alone fade with depth.
    model = create_vit(width=96, depth=6, heads=3, position=position, pool=pool)
    report = init_(model, Impulse(solver="rotation", sharpness=sharpness), generator=seeded())
    assert masses(model, report, images[64:])[-1].mean() < sharpness - 0.1


def test_auto_takes_the_decoder_when_images_are_given(images, seeded):
    first, second = create_vit(width=48, depth=2, heads=3), create_vit(width=48, depth=2, heads=3)
    second.load_state_dict(first.state_dict())
    init_(first, "impulse", images=images, generator=seeded())
    init_(second, "impulse:solver=decoder", images=images, generator=seeded())
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_measure_agrees_with_the_report(images, seeded):
    model = create_vit(width=96, depth=2, heads=3)
    report = init_(model, "impulse:sharpness=0.9", images=images, generator=seeded())
    again = measure(model, images)
    assert [h.offset for h in again.heads] == [h.offset for h in report.heads]
    assert again.target_mass == pytest.approx(report.target_mass, abs=1e-6)


def test_the_decoder_without_images_says_so():
    with pytest.raises(HeadstartError, match=r"'impulse:solver=decoder' needs images: pass images="):
        init_(create_vit(width=48, depth=1, heads=3), "impulse:solver=decoder")


@pytest.mark.parametrize("kind", ["one", "constant"])
@pytest.mark.parametrize("pool", ["mean", "class"])
def test_images_all_alike_show_nothing_but_position(kind, pool, images, seeded):
    model = create_vit(width=48, depth=2, heads=3, position="sincos", pool=pool)
    few = images[:1] if kind == "one" else torch.full((4, 3, 32, 32), 0.3)
    assert init_(model, "impulse", images=few, generator=seeded()).target_mass == pytest.approx(0.5, abs=0.01)


def test_a_head_of_one_channel_is_refused(images):
    model = create_vit(width=48, depth=1, heads=48, position="sincos")
    with pytest.raises(HeadstartError, match="a head of 1 channels cannot carry a position code; use fewer heads"):
        init_(model, images=images[:8])
