"""The default solver: exact on LN(position embedding)."""

import pytest
import torch

from headstart import Impulse, attention_view, create_vit, init_, measure
from headstart.attention import shift_targets, target_mass

timm_vit = pytest.importorskip("timm.models.vision_transformer")


@pytest.mark.parametrize("position", ["learned", "sincos"])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("sharpness", [0.3, 0.5, 0.8, 0.95])
@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_every_head_reaches_the_sharpness_asked_for(position, kernel, sharpness, seeded):
    model = create_vit("tiny", depth=3, position=position)
    report = init_(model, Impulse(kernel=kernel, sharpness=sharpness, offsets="random"), generator=seeded())
    assert len(report.heads) == 9
    for head in report.heads:
        assert head.target_mass == pytest.approx(sharpness, abs=0.02)
    # The report is not taken at its word: attention by hand, from the weights and the embedding.
    block, x = (
        attention_view(model).blocks[0],
        torch.nn.functional.layer_norm(model.pos_embed.detach()[0], (192,)),
    )
    logits = torch.einsum("nd,hdr,her,me->hnm", x, block.read("q"), block.read("k"), x) / 8
    offsets = torch.tensor([h.offset for h in report.heads if h.block == 0])
    by_hand = target_mass(logits.softmax(-1), shift_targets((8, 8), offsets))
    assert by_hand.tolist() == pytest.approx([sharpness] * 3, abs=0.02)


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_learned_embeddings_give_every_row_the_same_attention(seeded):
    """With the harmonic code a shift is a shift everywhere: no row is sharper than another but for the edges."""
    model = create_vit("tiny", depth=1, patch_size=2)
    init_(model, Impulse(sharpness=0.8, offsets=[(0, 0), (0, 1), (-1, -1)]), generator=seeded())
    view = attention_view(model)
    maps = view.blocks[0].maps(view.position_input(0)[None])[0]
    for h, (dy, dx) in enumerate([(0, 0), (0, 1), (-1, -1)]):
        targets = shift_targets((16, 16), torch.tensor([[dy, dx]]))[0]
        rows = (targets >= 0).nonzero()[:, 0]
        mass = maps[h, rows, targets[rows]]
        assert mass.max() - mass.min() < 0.05


def with_narrow_attention(model):
    """Heads of 16 channels in a model of width 64 with two heads: attention half as wide as the stream."""
    for block in model.blocks:
        block.attn = timm_vit.Attention(64, num_heads=2, attn_head_dim=16, qkv_bias=True)
    return model


@pytest.mark.parametrize(
    "make",
    [
        lambda: create_vit(width=64, depth=2, heads=2, pool="class", registers=3),
        lambda: create_vit(width=64, depth=2, heads=2, pool="class", position="sincos"),
        lambda: create_vit(width=64, depth=2, heads=2, image_size=(24, 40), patch_size=(4, 5)),
        lambda: timm_vit.VisionTransformer(img_size=32, patch_size=4, embed_dim=64, depth=2, num_heads=2),
        lambda: timm_vit.VisionTransformer(
            img_size=32, patch_size=4, embed_dim=64, depth=2, num_heads=2, reg_tokens=2, no_embed_class=True
        ),
        lambda: timm_vit.VisionTransformer(
            img_size=32, patch_size=4, embed_dim=64, depth=2, num_heads=2, qkv_bias=False
        ),
        lambda: with_narrow_attention(
            timm_vit.VisionTransformer(img_size=32, patch_size=4, embed_dim=64, depth=2, num_heads=2)
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_prefix_tokens_and_oblong_grids(make, seeded):
    model = make()
    report = init_(model, "impulse:sharpness=0.7", generator=seeded())
    view = attention_view(model)
    assert [h.target_mass for h in report.heads] == pytest.approx([0.7] * 4, abs=0.02)
    for index, block in enumerate(view.blocks):
        maps = block.maps(view.position_input(index)[None])[0]
        P, T = view.prefix, view.patches
        if P:  # prefix tokens take less than their even share from the patches, and look at all patches alike
            assert maps[:, P:, :P].mean() < 1 / (P + T)
            assert maps[:, :P, P:].std() < 1e-2 / T


def test_small_and_odd_head_dims(seeded):
    for width, heads in ((63, 9), (192, 12)):
        report = init_(create_vit(width=width, depth=1, heads=heads), "impulse:sharpness=0.5", generator=seeded())
        assert report.target_mass == pytest.approx(0.5, abs=0.02)


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_a_norm_with_affine_weights_is_solved_by_regression(seeded):
    model = create_vit(width=96, depth=1, heads=3)
    torch.manual_seed(0)
    torch.nn.init.uniform_(model.blocks[0].norm1.weight, 0.5, 1.5)
    torch.nn.init.normal_(model.blocks[0].norm1.bias, std=0.1)
    report = init_(model, "impulse:sharpness=0.8", overwrite=True, generator=seeded())
    assert [h.target_mass for h in report.heads] == pytest.approx([0.8] * 3, abs=0.02)


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_sharpness_per_block(seeded):
    model = create_vit(width=96, depth=3, heads=3)
    report = init_(model, Impulse(sharpness=(0.9, 0.6, 0.3)), generator=seeded())
    assert [round(h.target_mass, 2) for h in report.heads] == [0.9] * 3 + [0.6] * 3 + [0.3] * 3


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_the_scrambled_control_is_as_sharp_but_not_local(seeded):
    model = create_vit(width=96, depth=2, heads=3)
    report = init_(model, "impulse:sharpness=0.8:control=scrambled", generator=seeded())
    assert [h.target_mass for h in report.heads] == pytest.approx([0.8] * 6, abs=0.02)
    # The same maps hold no shift: the best offset takes little attention.
    assert measure(model).target_mass < 0.3


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_less_than_even_attention_gives_nearly_even_attention_that_can_be_trained(seeded):
    model = create_vit(width=96, depth=1, heads=3)
    report = init_(model, "impulse:sharpness=0.001", generator=seeded())
    assert report.target_mass == pytest.approx(1 / 64, rel=0.02)
    assert attention_view(model).blocks[0].read("q").abs().max() > 0


@pytest.mark.filterwarnings("ignore:.*cannot cover")
@pytest.mark.parametrize(
    ("position", "start"),
    [
        ("learned", "impulse"),
        ("learned", "impulse:control=scrambled"),
        ("learned", "impulse:control=scrambled:solver=decoder"),
        ("sincos", "impulse"),
    ],
)
def test_every_channel_of_queries_and_keys_can_learn(position, start, images, seeded):
    model = create_vit("tiny", depth=1, position=position)
    init_(model, start, images=images if "decoder" in start else None, generator=seeded())
    before = model(images[:4])
    before.square().sum().backward()
    # A row of the projection for each channel: where both query and key are zero, neither would get a gradient.
    gradients = model.blocks[0].attn.qkv.weight.grad[: 2 * 192].reshape(2, 192, 192)
    assert (gradients.abs().amax((0, 2)) > 0).all()
    # What keys have in channels that no query asks for does not show.
    block = attention_view(model).blocks[0]
    idle = ~block.read("q").any(1, keepdim=True)
    assert idle.any() == (start != "impulse" or position == "sincos")
    block.write("k", block.read("k").masked_fill(idle, 0))
    assert torch.allclose(model(images[:4]), before, atol=1e-5)
