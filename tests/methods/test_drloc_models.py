"""Models with dense relative localization: compiled, in half precision, initialized, of timm; those refused."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from headstart.attention import attention_view
from headstart.errors import HeadstartError
from headstart.initialization import init_
from headstart.methods import DRLoc
from headstart.models import create_vit

from .drloc_vit import attached, step_of


def losses_of(model: nn.Module, method: DRLoc, images: int = 4) -> Tensor:
    inputs = torch.randn(images, 3, *model.patch_embed.img_size)
    return method.loss(step_of(model.forward_features(inputs), torch.rand(images, method.draws)))


def test_the_schedule_needs_no_new_compilation() -> None:
    _, method = attached("drloc:schedule=warm-decay")
    graphs = 0

    def count(graph: torch.fx.GraphModule, _: Any) -> Any:
        nonlocal graphs
        graphs += 1
        return graph.forward

    compiled = torch.compile(method.loss, backend=count, fullgraph=True)
    step = step_of(torch.randn(2, 64, 24), torch.rand(2, method.draws))
    for progress in (0.05, 0.1, 0.5, 0.9):
        method.update(progress)
        assert compiled(step).item() == pytest.approx(method.loss(step).item(), rel=1e-6)
    assert graphs == 1


def test_half_precision_gives_nearly_the_same_loss() -> None:
    for spec in ("drloc", "drloc:target=classes"):
        model, method = attached(spec)
        torch.manual_seed(1)
        whole = losses_of(model, method)
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.float16):
            half = losses_of(model, method)
        half.backward()
        assert half.dtype == torch.float32 and half.item() == pytest.approx(whole.item(), rel=0.02)


@pytest.mark.filterwarnings("ignore:3 heads cannot cover")
def test_the_model_stays_as_it_was_and_can_be_initialized() -> None:
    torch.manual_seed(0)
    before = create_vit(width=48, depth=2, heads=3)
    model, _ = attached(width=48)
    assert all(torch.equal(one, other) for one, other in zip(before.parameters(), model.parameters(), strict=True))
    for changed in (before, model):
        report = init_(changed, "impulse", generator=torch.Generator().manual_seed(0))
    assert report is not None
    assert all(torch.equal(one, other) for one, other in zip(before.parameters(), model.parameters(), strict=True))


def test_it_works_on_timms_vit() -> None:
    timm_vit = pytest.importorskip("timm.models.vision_transformer")
    for options in ({"class_token": True, "reg_tokens": 4}, {"class_token": False, "global_pool": "avg"}):
        model = timm_vit.VisionTransformer(
            img_size=(32, 64), patch_size=4, embed_dim=24, depth=1, num_heads=3, num_classes=5, **options
        )
        method = DRLoc()
        method.attach(model, attention_view(model))
        assert (method.grid, method.size, method.prefix) == ((8, 16), (7, 7), 5 if options["class_token"] else 0)
        loss = method.loss(step_of(model.forward_features(torch.randn(2, 3, 32, 64)), torch.rand(2, method.draws)))
        loss.backward()
        assert 0 < loss.item() < 0.1 and model.pos_embed.grad.abs().sum() > 0
        assert all(parameter.grad is not None for parameter in method.parameters())


def test_windows_are_refused() -> None:
    timm_swin = pytest.importorskip("timm.models.swin_transformer")
    model = timm_swin.SwinTransformer(img_size=64, window_size=4, embed_dim=24, depths=(2, 2), num_heads=(2, 4))
    with pytest.raises(HeadstartError, match=r"not all blocks of this SwinTransformer .* use it with a plain ViT"):
        DRLoc().attach(model, attention_view(model))


def test_a_grid_of_one_position_and_other_tokens_are_told() -> None:
    with pytest.raises(
        HeadstartError, match=r"two positions to tell apart, and a grid of \(8, 8\) pooled to at most 1"
    ):
        attached("drloc:pool=1")
    _, method = attached()
    with pytest.raises(HeadstartError, match=r"final tokens \(B, 64, 24\), got \(2, 30, 24\); .* drops or reshapes"):
        method.loss(step_of(torch.randn(2, 30, 24), torch.rand(2, method.draws)))
