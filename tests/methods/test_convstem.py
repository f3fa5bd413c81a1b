from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import headstart
from headstart.attention import attention_view
from headstart.errors import HeadstartError
from headstart.evaluation import cost
from headstart.initialization.values import content_std
from headstart.methods import resolve_methods
from headstart.models.vit import create_vit
from headstart.training.stacked import Stacked


def attached(spec: str = "convstem", **options: Any) -> Any:
    torch.manual_seed(0)
    model = create_vit(**{"width": 24, "depth": 1, "heads": 3, **options})
    return resolve_methods([spec])[0].attach(model, attention_view(model))


@pytest.mark.parametrize(
    ("width", "patch", "channels"),
    [
        (192, 16, [24, 48, 96, 192]),  # as in the paper at 1 GF
        (384, 16, [48, 96, 192, 384]),  # and at 4 GF
        (192, 4, [96, 192]),
        (48, 2, [48]),
        (90, 8, [22, 45, 90]),
    ],
)
def test_channels_double_up_to_the_width(width: int, patch: int, channels: list[int]) -> None:
    model = attached(width=width, patch_size=patch, image_size=2 * patch)
    convolutions = [m for m in model.patch_embed.proj.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [*channels, width]
    assert [(c.kernel_size[0], c.stride[0]) for c in convolutions] == [(3, 2)] * len(channels) + [(1, 1)]
    assert all(norm in str(model.patch_embed.proj) for norm in ("ChannelNorm", "ReLU"))


def by_hand(x: Tensor, weight: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    """3×3 of stride 2, LayerNorm over channels, ReLU, pixel by pixel; (C, h, w)."""
    padded = F.pad(x, (1, 1, 1, 1))
    out = torch.empty(len(weight), x.shape[1] // 2, x.shape[2] // 2, dtype=x.dtype)
    for i in range(out.shape[1]):
        for j in range(out.shape[2]):
            y = torch.stack([(w * padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]).sum() for w in weight])
            y = (y - y.mean()) / (y.var(correction=0) + 1e-6).sqrt() * gain + shift
            out[:, i, j] = y.clamp(min=0)
    return out


def test_a_stem_pixel_by_pixel() -> None:
    model = attached(image_size=(8, 12), patch_size=4).double()
    stem = model.patch_embed.proj
    for parameter in stem.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    image = torch.randn(3, 8, 12, dtype=torch.float64)
    x = image
    for first in (0, 3):
        x = by_hand(x, stem.body[first].weight, stem.body[first + 1].weight, stem.body[first + 1].bias)
    expected = torch.einsum("dc,cij->ijd", stem.last.weight[:, :, 0, 0], x) + stem.last.bias
    torch.testing.assert_close(model.patch_embed(image[None])[0], expected.flatten(0, 1))
    assert torch.autograd.gradcheck(stem, image[None, :, :4, :4].clone().requires_grad_())


def test_the_control_sees_no_further_than_its_patch() -> None:
    image = torch.randn(1, 3, 16, 16)
    other = image.clone()
    other[:, :, 3] += 1.0  # the last row of the first patches
    for kernel, rows in ((2, 1), (3, 2)):
        stem = attached(f"convstem:kernel={kernel}", image_size=16).patch_embed.proj
        assert stem(image).shape == (1, 24, 4, 4)
        moved = (stem(other) - stem(image)).abs().amax(dim=(0, 1, 3)) > 1e-6
        assert moved.tolist() == [index < rows for index in range(4)]


def test_tokens_start_with_a_variance_near_one_and_the_start_knows() -> None:
    model = attached(image_size=32, patch_size=4, width=192)
    images = torch.randn(16, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    tokens = model.patch_embed(images)
    assert 0.8 < tokens.var() < 1.2
    found = (tokens + model.pos_embed).square().mean().sqrt()
    assert content_std(attention_view(model)) == pytest.approx(found.item(), rel=0.1)


def test_the_cost_of_vit_tiny() -> None:
    plain = cost(create_vit(), (3, 32, 32))
    found = cost(attached(width=192, depth=12), (3, 32, 32))
    weights = {256: 96 * 27, 64: 192 * 96 * 9 + 192 * 192 - 192 * 48}  # by pixels of the map; the projection goes
    norms = 2 * (96 + 192)
    assert found.parameters - plain.parameters == sum(weights.values()) + norms
    assert found.flops - plain.flops == 2 * sum(pixels * count for pixels, count in weights.items())


def test_batch_norm_goes_by_the_images_at_hand_until_it_has_seen_a_batch() -> None:
    model = attached("convstem:norm=batch", image_size=8)
    stem, images = model.patch_embed.proj, 5 + torch.randn(4, 3, 8, 8)
    fresh = stem.eval()(images)
    assert not stem.body[1].num_batches_tracked and not stem.body[1].running_mean.any()
    torch.testing.assert_close(stem.train()(images), fresh)
    assert stem.body[1].num_batches_tracked == 1
    assert (stem.eval()(images) - fresh).abs().max() > 1e-2  # a tenth of the way to the batch's statistics


def test_batch_norm_can_not_be_stacked_and_a_stem_not_be_whitened() -> None:
    with pytest.raises(HeadstartError, match=r"patch_embed.proj.body.1 of model 0 \(BatchNorm\) changes running stat"):
        Stacked([attached("convstem:norm=batch") for _ in range(2)])
    with pytest.raises(
        HeadstartError, match="whiten needs a convolution as patch embedding, and this model shows none"
    ):
        headstart.init_(attached(image_size=16), "impulse:whiten=True", images=torch.randn(8, 3, 16, 16))


@pytest.mark.parametrize(
    ("spec", "patch", "message"),
    [
        ("convstem", 3, "needs square patches of 2, 4, 8, 16, … pixels, got 3×3; choose such a patch size"),
        ("convstem", 1, "got 1×1"),
        ("convstem", (2, 4), "got 2×4"),
        ("convstem:kernel=1", 4, "a kernel of 1 would skip pixels at a stride of 2; use 3, or 2"),
        ("convstem:norm=group", 4, "unknown norm of method 'convstem' 'group': Known: batch, layer"),
    ],
)
def test_what_does_not_fit_is_told(spec: str, patch: Any, message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        attached(spec, patch_size=patch, image_size=12)
    assert message in str(told.value)
