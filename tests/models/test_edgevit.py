import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from headstart import HeadstartError, UnsupportedModel, attention_view, init_, measure
from headstart.evaluation import cost
from headstart.models import EdgeViT, create_edgevit
from headstart.models.edgevit import stage_grids
from headstart.training.ema import averaged, follow
from headstart.training.stacked import Stacked


def tiny(image_size=(16, 16), widths=(4, 4, 8, 8), depths=(1, 1, 1, 1), **options) -> EdgeViT:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.pop("seed", 0))
        return EdgeViT(image_size, 1, 3, widths, depths, 2, **options)


def images(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("size", "parameters", "macs"), [("xxs", "4.07", 0.551), ("xs", "6.77", 1.128), ("s", "13.11", 1.911)]
)
def test_named_sizes_have_the_counts_of_the_released_code(size, parameters, macs):
    with torch.device("meta"):
        found = cost(create_edgevit(size), (3, 224, 224))
    assert f"{found.parameters / 1e6:.2f}" == parameters
    assert found.flops / 2e9 == pytest.approx(macs, abs=0.0005)


@pytest.mark.parametrize("training", [True, False])
def test_logits_are_those_of_the_released_code(training):
    """Weights by a formula, put into both; numbers from github.com/saic-fi/edgevit, commit 91ea5fc, in float64."""
    model = EdgeViT((32, 48), 1, 3, (4, 8, 8, 12), (1, 2, 1, 1), 4).double().train(training)
    for index, (name, tensor) in enumerate(model.state_dict().items()):
        if tensor.is_floating_point():
            wave = torch.arange(tensor.numel(), dtype=torch.float64).add(1 + index).mul(1.7).sin().view(tensor.shape)
            around_one = name.endswith("running_var") or ("norm" in name and name.endswith("weight"))
            tensor.copy_(1 + 0.5 * wave if around_one else 0.3 * wave)
    seen = torch.arange(2 * 3 * 32 * 48, dtype=torch.float64).mul(0.37).sin().view(2, 3, 32, 48)
    expected = {
        True: [
            [0.6288073633703, -0.6464816116527, -0.6162167262335],
            [0.7925083607753, -0.1558905201676, -0.7599498387531],
        ],
        False: [
            [0.6476774073088, -1.0466916069661, -0.6513759920008],
            [0.7584945716382, -0.8124702824232, -0.7526599533688],
        ],
    }[training]
    torch.testing.assert_close(model(seen), torch.tensor(expected, dtype=torch.float64), atol=1e-10, rtol=0)


@pytest.mark.parametrize(
    ("pixels", "patch", "grids"),
    [
        (32, 1, [(32, 32), (16, 16), (8, 8), (4, 4)]),
        (32, 2, [(16, 16), (8, 8), (4, 4), (2, 2)]),
        (64, 2, [(32, 32), (16, 16), (8, 8), (4, 4)]),
        (64, 4, [(16, 16), (8, 8), (4, 4), (2, 2)]),
        ((32, 64), 2, [(16, 32), (8, 16), (4, 8), (2, 4)]),
    ],
)
def test_small_and_oblong_images(pixels, patch, grids):
    model = create_edgevit("xxs", image_size=pixels, patch_size=patch, num_classes=10).eval()
    assert [stage.grid_size for stage in (model.patch_embed, *model.downsample)] == grids
    shape = (pixels, pixels) if isinstance(pixels, int) else pixels
    assert model.forward_features(torch.zeros(1, 3, *shape)).shape == (1, grids[-1][0] * grids[-1][1], 288)
    assert len(model.blocks) == 7


def test_grey_images_and_other_sampling():
    model = create_edgevit(
        "xxs", image_size=(16, 8), patch_size=1, in_channels=1, num_classes=10, sampling=(8, 1, 1, 1)
    )
    assert model(torch.zeros(2, 1, 16, 8)).shape == (2, 10)
    assert [block.local is None for block in model.blocks] == [False, *[True] * 6]


def test_features_and_head_make_the_logits_and_other_sizes_are_taken():
    model = tiny().eval()
    for shape in ((16, 16), (8, 24)):
        seen = images(2, 3, *shape)
        tokens = model.forward_features(seen)
        assert tokens.shape == (2, shape[0] * shape[1] // 64, 8)
        torch.testing.assert_close(model.forward_head(tokens), model(seen))
        torch.testing.assert_close(model(seen), model.head(tokens.mean(1)))


def test_starting_weights():
    model = create_edgevit("xxs", image_size=32, patch_size=1)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            assert module.weight.std().item() == pytest.approx(0.02, rel=0.15)
            assert not module.bias.any()
        elif isinstance(module, (nn.LayerNorm, nn.BatchNorm2d)):
            assert (module.weight == 1).all() and not module.bias.any()
    # Convolutions keep PyTorch's start, uniform within 1/√(fan in): that of a depthwise 3×3 is 9.
    largest = model.blocks[0].position.weight.abs().max()
    assert 0.3 < largest <= 1 / 3
    assert model.blocks[0].norm1.eps == 1e-6 and model.patch_embed.norm.eps == 1e-5


def test_training_and_evaluation_differ_in_batch_statistics_alone():
    seen = images(4, 3, 16, 16)
    model = tiny()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    assert not torch.allclose(model.train()(seen), model.eval()(seen))
    assert any(not torch.equal(before[name], buffer) for name, buffer in model.named_buffers())
    plain = tiny(norm="layer")
    assert not list(plain.buffers())
    torch.testing.assert_close(plain.train()(seen), plain.eval()(seen))


def test_drop_rates_rise_over_all_blocks_and_draws_decide():
    model = tiny(depths=(1, 1, 2, 1), drop_path=0.4, norm="layer")
    assert [block.drop_path for block in model.blocks] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    seen, draws = images(3, 3, 16, 16), torch.full((3, 5, 2), 0.95)  # nothing is dropped at 0.95
    draws[0, 3] = 0.0  # the first image loses the four branches of the fourth block
    state = torch.get_rng_state()
    logits = model.train()(seen, draws)
    assert torch.equal(torch.get_rng_state(), state)
    draws[0, 3] = 0.95
    same = (model(seen, draws) == logits).all(1)
    assert same.tolist() == [False, True, True]
    assert torch.equal(model.eval()(seen, draws), model(seen))
    assert not torch.equal(model.train()(seen), model(seen))  # without draws, the global random state


def test_gradients_of_a_tiny_model():
    model = tiny(image_size=(8, 8), drop_path=0.3).double()
    draws = torch.rand(2, 4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda x: model(x, draws), images(2, 3, 8, 8).double().requires_grad_(), fast_mode=True
    )
    F.cross_entropy(model(images(2, 3, 8, 8).double(), draws + 1), torch.tensor([0, 1])).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_mixed_precision_and_a_moving_average():
    model = tiny(drop_path=0.2).train()
    average = averaged(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    seen, labels = images(6, 3, 16, 16), torch.tensor([0, 1, 2, 0, 1, 2])
    losses = []
    for step in range(20):
        with torch.autocast("cpu", torch.float16):
            logits = model(seen, torch.ones(6, 4, 2))
            loss = F.cross_entropy(logits.float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        follow(average, model, step, 0.9)
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    for mine, theirs in zip(average.buffers(), model.buffers(), strict=True):
        assert torch.equal(mine, theirs)
    assert torch.isfinite(average.eval()(seen)).all()


def test_many_at_once_with_layer_norm_only():
    with pytest.raises(HeadstartError, match="changes running statistics in place"):
        Stacked([tiny(seed=seed) for seed in range(2)])
    models = [tiny(norm="layer", drop_path=0.4, seed=seed) for seed in range(2)]
    seen, draws = images(2, 3, 3, 16, 16), torch.rand(2, 3, 4, 2, generator=torch.Generator().manual_seed(1))
    apart = torch.stack([copy.deepcopy(m)(x, d) for m, x, d in zip(models, seen, draws, strict=True)])
    torch.testing.assert_close(Stacked(models)(seen, draws), apart, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("look", [attention_view, measure, lambda model: init_(model, "impulse")])
def test_its_heads_cannot_be_seen_and_that_is_said(look):
    with pytest.raises(UnsupportedModel, match=r"EdgeViT: blocks\[0\] is a LGLBlock; only pre-norm blocks"):
        look(tiny())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "m"}, "unknown EdgeViT size 'm': Known: s, xs, xxs."),
        (
            {"image_size": 28, "patch_size": 1},
            "stage 4 has stride 8 (patch_size 1, halved 3 times), which does not divide images of 28×28; resize or pad "
            "them to multiples of 8, such as 32×32.",
        ),
        (
            {"image_size": (80, 48)},
            "stage 4 has stride 32 (patch_size 4, halved 3 times), which does not divide images of 80×48; resize or "
            "pad them to multiples of 32, such as 64×64, or set patch_size to one of [1, 2].",
        ),
        (
            {"image_size": (32, 64), "patch_size": 2, "sampling": (4, 2, 8, 1)},
            "stage 3 has a map of 4×8, which its sampling rate 8 does not divide; set sampling[2] to one of [1, 2, 4], "
            "or change image_size or patch_size.",
        ),
        ({"sampling": (4, 2, 2)}, "expected a sampling rate of 1 or more for each of the 4 stages"),
        ({"sampling": (4, 2, 0, 1)}, "got sampling (4, 2, 0, 1) and depths (1, 1, 3, 2)."),
        ({"patch_size": 0}, "EdgeViT: patch_size must be a whole number, at least 1; got 0."),
        ({"norm": "group"}, "unknown norm 'group': Known: batch, layer."),
        ({"drop_path": 1.0}, "EdgeViT: drop_path must be from 0 up, and below 1; got 1.0."),
        ({"patch_size": (1, 1)}, "EdgeViT: patch_size must be a whole number, at least 1; got (1, 1)."),
        ({"sampling": 2}, "expected a sampling rate of 1 or more for each of the 4 stages, and as many depths, got"),
        ({"sampling": ("4", 2, 2, 1)}, "expected a sampling rate of 1 or more for each of the 4 stages"),
        ({"num_classes": -1}, "EdgeViT: num_classes must be a whole number, at least 0; got -1."),
        ({"mlp_ratio": 0.0}, "EdgeViT: mlp_ratio must be a number of widths that leaves the MLP a unit or more"),
        ({"image_size": (32,)}, "EdgeViT: image_size must be pixels, a whole number or two (height, width)"),
    ],
)
def test_what_does_not_fit_says_so(options, message):
    with pytest.raises(HeadstartError) as error:
        create_edgevit(**options)
    assert message in str(error.value)


def test_images_that_do_not_fit_say_so():
    model = tiny()
    with pytest.raises(HeadstartError, match=r"expected images of shape \(B, 3, height, width\), got \(1, 1, 16, 16\)"):
        model(torch.zeros(1, 1, 16, 16))
    with pytest.raises(
        HeadstartError, match=r"stage 2 has stride 2 .* divide images of 16×17; .* multiples of 8, such as 16×16\."
    ):
        model(torch.zeros(1, 3, 16, 17))


def test_heads_that_do_not_fit_say_so():
    with pytest.raises(HeadstartError, match="stage 2 has width 6, which is no multiple of the head dim 4"):
        EdgeViT((16, 16), 1, 3, (4, 6, 8, 8), (1, 1, 1, 1), 4)


def test_grids_are_strides_of_the_image():
    assert stage_grids((224, 448), 4, (4, 2, 2, 1)) == [(56, 112), (28, 56), (14, 28), (7, 14)]
