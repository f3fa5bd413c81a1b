"""Bootstrapped models: of timm, in half precision, compiled, initialized."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

import headstart
from headstart.models.vit import create_vit
from headstart.training.trainee import Trainee

from .bootstrapped_vit import ARMS, SMALL, attached, stepped

timm_vit = pytest.importorskip("timm.models.vision_transformer")


@pytest.mark.parametrize("spec", ["bootstrap", "bootstrap:mode=shared", "bootstrap:frozen=True"])
@pytest.mark.parametrize("options", [{}, {"reg_tokens": 2, "qkv_bias": False}])
def test_timms_vit(spec: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = timm_vit.VisionTransformer(
        img_size=(16, 24), patch_size=4, embed_dim=24, depth=3, num_heads=3, num_classes=5, **options
    )
    method, model = attached(spec, model)
    step = stepped(model)
    (method.loss(step) + step.criterion(step.logits)).backward()
    method.gradients()
    assert model.blocks[0].attn.qkv.weight.grad.isfinite().all()


@pytest.mark.parametrize("spec", ARMS)
def test_half_precision(spec: str) -> None:
    method, model = attached(spec)
    trainee = Trainee(model, [method])
    trainee.update(0.0)
    with torch.autocast("cpu", torch.float16):
        logits, extra = trainee(torch.randn(4, 3, 16, 24), None, torch.arange(4), None)
    assert extra.dtype == torch.float32 and extra.isfinite()
    (extra + F.cross_entropy(logits.float(), torch.arange(4))).backward()
    method.gradients()


@pytest.mark.parametrize("spec", ["bootstrap:mode=shared", "bootstrap:frozen=True"])
def test_a_compiled_step_gives_the_same(spec: str) -> None:
    found = []
    for compiled in (False, True):
        torch._dynamo.reset()
        method, model = attached(spec)
        trainee = Trainee(model, [method])
        network = torch.compile(trainee, backend="aot_eager") if compiled else trainee
        network.train()
        for progress in (0.0, 0.5):
            trainee.update(progress)
            logits, extra = network(stepped(model).images, None, torch.arange(6) % 5, None)
            (F.cross_entropy(logits, torch.arange(6) % 5) + extra).backward()
            trainee.gradients()
        found.append([extra, *(p.grad for p in trainee.parameters() if p.grad is not None)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)


def test_the_start_of_heads_is_as_without() -> None:
    plain, (_, model) = create_vit(**SMALL), attached("bootstrap:mode=shared")
    reports = [headstart.init_(m, "impulse", generator=torch.Generator().manual_seed(0)) for m in (plain, model)]
    masses = [[head.target_mass for head in report.heads] for report in reports]
    assert masses[0] == pytest.approx(masses[1], abs=0.02)
