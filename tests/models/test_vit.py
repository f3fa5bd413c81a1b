import pytest
import torch

from headstart import HeadstartError, create_vit
from headstart.positions import (
    grid_points,
    harmonic_code,
    harmonic_embedding,
    harmonic_frequencies,
    sincos_embedding,
)

timm_vit = pytest.importorskip("timm.models.vision_transformer")


def timm_twin(pool: str, registers: int, **sizes):
    return timm_vit.VisionTransformer(
        img_size=sizes["image_size"],
        patch_size=sizes["patch_size"],
        num_classes=7,
        embed_dim=48,
        depth=3,
        num_heads=4,
        class_token=pool == "class",
        global_pool="token" if pool == "class" else "avg",
        reg_tokens=registers,
    )


@pytest.mark.parametrize(("pool", "registers"), [("mean", 0), ("class", 0), ("mean", 2), ("class", 3)])
@pytest.mark.parametrize("direction", ["to timm", "from timm"])
def test_outputs_equal_timm_on_the_same_weights(pool, registers, direction):
    sizes = {"image_size": (16, 24), "patch_size": (4, 4)}
    ours = create_vit(width=48, depth=3, heads=4, num_classes=7, pool=pool, registers=registers, **sizes).eval()
    theirs = timm_twin(pool, registers, **sizes).eval()
    torch.nn.init.normal_(ours.pos_embed)  # a plain default would hide a misplaced embedding
    torch.nn.init.normal_(theirs.pos_embed)
    if direction == "to timm":
        theirs.load_state_dict(ours.state_dict())
    else:
        ours.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 16, 24)
    torch.testing.assert_close(ours(images), theirs(images), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("size", "parameters"), [("tiny", 5.5e6), ("small", 21.7e6), ("base", 85.8e6)])
def test_named_sizes_have_the_published_parameter_counts(size, parameters):
    with torch.device("meta"):
        model = create_vit(size, image_size=224, patch_size=16, num_classes=1, pool="class")
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(parameters, rel=0.01)


@pytest.mark.parametrize("heads", [3, 6, 9, 12])
def test_any_number_of_heads_that_divides_the_width(heads):
    model = create_vit(width=180, heads=heads, depth=1)
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 10)


def test_draws_decide_which_branches_are_dropped():
    model = create_vit(width=24, depth=2, heads=2, drop_path=0.5)  # rates 0 and 0.5
    images = torch.randn(3, 3, 32, 32)
    draws = torch.full((3, 2, 2), 0.9)
    draws[0, 1] = 0.1  # the first image loses both branches of the second block
    state = torch.get_rng_state()
    logits = model.train()(images, draws)
    assert torch.equal(torch.get_rng_state(), state)
    block = model.blocks[1]
    tokens = model.blocks[0](model.patch_embed(images) + model.pos_embed)
    kept = tokens + 2 * block.attn(block.norm1(tokens))
    kept = kept + 2 * block.mlp(block.norm2(kept))
    expected = torch.cat([tokens[:1], kept[1:]])
    torch.testing.assert_close(logits, model.head(model.fc_norm(expected.mean(dim=1))))
    assert torch.equal(model.eval()(images, draws), model(images))


def test_drop_path_drops_whole_samples_in_training_only():
    torch.manual_seed(0)
    model = create_vit(width=24, depth=8, heads=2, drop_path=0.9)
    images = torch.randn(1, 3, 32, 32).expand(16, -1, -1, -1)
    model.train()
    assert model(images).std(0).max() > 1e-3
    model.eval()
    assert model(images).std(0).max() < 1e-6


def test_a_fixed_position_embedding_is_not_trained():
    assert not create_vit(width=24, heads=2, depth=1, position="sincos").pos_embed.requires_grad
    assert create_vit(width=24, heads=2, depth=1, position="harmonic").pos_embed.requires_grad


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"width": 100, "heads": 3},
            "width 100 is not divisible by 3 heads; choose heads from [1, 2, 4, 5].",
        ),
        ({"size": "tinny"}, "unknown ViT size 'tinny': did you mean 'tiny'?"),
        ({"pool": "avg"}, "unknown pool 'avg':"),
        ({"position": "sincoss"}, "unknown position 'sincoss': did you mean 'sincos'?"),
        ({"image_size": 30}, "image size (30, 30) is not a whole number of patches of (4, 4)"),
        ({"depth": 0}, "ViT: depth must be a whole number, at least 1; got 0."),
        ({"depth": -1}, "depth must be a whole number, at least 1; got -1."),
        ({"heads": 0}, "heads must be a whole number, at least 1; got 0."),
        ({"width": 0}, "width must be a whole number, at least 1; got 0."),
        ({"heads": 1.5}, "heads must be a whole number, at least 1; got 1.5."),
        ({"registers": -1}, "registers must be a whole number, at least 0; got -1."),
        ({"num_classes": -3}, "num_classes must be a whole number, at least 0; got -3."),
        ({"in_channels": True}, "in_channels must be a whole number, at least 1; got True."),
        ({"patch_size": 0}, "patch_size must be pixels, a whole number or two (height, width), at least 1; got 0."),
        (
            {"image_size": (32,)},
            "image_size must be pixels, a whole number or two (height, width), at least 1; got (32,)",
        ),
        ({"drop_path": 1.0}, "drop_path must be from 0 up, and below 1; got 1.0."),
        ({"drop_path": float("nan")}, "drop_path must be from 0 up, and below 1; got nan."),
        (
            {"mlp_ratio": 0},
            "ViT: mlp_ratio must be a number of widths that leaves the MLP a unit or more, at least 1/192 for this "
            "width; got 0.",
        ),
        ({"mlp_ratio": float("inf")}, "at least 1/192 for this width; got inf."),
        ({"mlp_ratio": "4"}, "at least 1/192 for this width; got '4'."),
        ({"width": 30, "heads": 3, "position": "sincos"}, "needs a width divisible by 4, got 30"),
    ],
)
def test_sizes_that_do_not_fit_say_so(options, message):
    with pytest.raises(HeadstartError) as error:
        create_vit(**options)
    assert message in str(error.value)


def test_images_of_another_size_say_so():
    with pytest.raises(HeadstartError, match=r"expected images of shape \(B, 3, 32, 32\), got \(1, 1, 28, 28\)"):
        create_vit(width=24, heads=2, depth=1)(torch.zeros(1, 1, 28, 28))


def test_a_shift_rotates_the_harmonic_code_and_its_peak_is_unique():
    grid = (7, 9)
    frequencies = harmonic_frequencies(grid, 16, 1)
    z = harmonic_code(grid_points(grid), frequencies)
    similarity = z @ z.T
    assert torch.allclose(similarity.diagonal(), torch.ones(63, dtype=torch.float64))
    off = similarity - 2 * torch.eye(63, dtype=torch.float64)
    assert off.max() < 0.2  # the coherence that 16 frequencies reach on this grid
    again = harmonic_frequencies(grid, 16, 1)
    assert torch.equal(frequencies, again)
    again.zero_()  # one's own copy
    assert torch.equal(frequencies, harmonic_frequencies(grid, 16, 1))


def test_harmonic_embedding_passes_layernorm_unchanged_but_for_scale():
    table = harmonic_embedding((8, 8), heads=3, head_dim=32)
    assert table.sum(1).abs().max() < 1e-9
    torch.testing.assert_close(torch.nn.functional.layer_norm(table, (96,), eps=0), table)


def test_sincos_embedding_is_the_stated_layout():
    table = sincos_embedding((2, 3), 8)
    assert table.shape == (6, 8)
    torch.testing.assert_close(
        table[5],
        torch.tensor([2.0, 2e-4, 0, 0, 1, 1e-4, 0, 0]).double().sin() * torch.tensor([1, 1, 0, 0, 1, 1, 0, 0]).double()
        + torch.tensor([0, 0, 2.0, 2e-4, 0, 0, 1, 1e-4]).double().cos()
        * torch.tensor([0, 0, 1, 1, 0, 0, 1, 1]).double(),
    )
