"""Smoothed models: copied, stacked, compiled, initialized, of timm, in other precisions; those refused."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

from headstart import init_
from headstart.attention import attention_view
from headstart.attention.capture import captured_maps
from headstart.errors import HeadstartError
from headstart.methods.blur import Blur
from headstart.methods.smoothing import Smoothing
from headstart.training.stacked import Stacked

from .smoothed_models import CNN, WHERES, attached, images, run, vit


def test_a_residual_network_of_timm() -> None:
    resnet = pytest.importorskip("timm.models.resnet")
    plain = resnet.resnet18(num_classes=10, pretrained=False)
    model = copy.deepcopy(plain)
    method = attached(model, where="convolutions")
    assert len(method.parts) == 17  # the stem, and two in each of eight blocks; three shortcuts are left out
    x = images(2, 3, 32, 32)
    assert not torch.allclose(run(model, x)[0], run(plain, x)[0], atol=1e-3)
    method.update(1.0)
    model.load_state_dict(plain.state_dict())
    assert all(map(torch.equal, run(model, x), run(plain, x)))


@pytest.mark.parametrize(("where", "make"), WHERES)
def test_parameters_keep_their_names_and_weights_load_both_ways(where: str, make: Any) -> None:
    plain, model, count = make(), make(), 0
    method = attached(model, where=where)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert [n for n, _ in model.named_parameters()] == [n for n, _ in plain.named_parameters()]
    for source, target in ((model, plain), (plain, model)):
        with torch.no_grad():
            for parameter in source.parameters():
                parameter.add_(0.01 * (count := count + 1))
        target.load_state_dict(source.state_dict())
        method.update(1.0)
        assert torch.equal(model(images(2, 3, 16, 24)), plain(images(2, 3, 16, 24)))


@pytest.mark.parametrize(("where", "make"), WHERES)
def test_a_deep_copy_has_filters_of_its_own_that_follow_by_their_buffers(where: str, make: Any) -> None:
    torch.manual_seed(0)
    model = make()
    plain = copy.deepcopy(model)
    method = attached(model, where=where)
    twin = copy.deepcopy(model)
    x = images(2, 3, 16, 24)
    before = twin(x)
    assert torch.equal(before, model(x))
    for progress in (0.3, 0.9):
        method.update(progress)
        assert torch.equal(twin(x), before)  # not the original's
        for mine, theirs in zip(twin.buffers(), model.buffers(), strict=True):
            mine.copy_(theirs)
        before = twin(x)
        assert torch.equal(before, model(x))
    assert all(map(torch.equal, run(twin, x), run(plain, x)))  # its kernel is a one among zeros
    assert torch.equal(pickle.loads(pickle.dumps(twin))(x), before)


@pytest.mark.parametrize("where", ["embedding", "values", "convolutions"])
def test_stacked_models_do_what_each_does_alone(where: str) -> None:
    x = images(2, 3, 3, 16, 24)
    models = [vit(seed, pool="class", registers=2) for seed in range(2)]
    methods = [attached(model, where=where) for model in models]
    alone = [copy.deepcopy(model) for model in models]
    stacked = Stacked(models)
    for progress in (0.0, 0.5, 0.8):
        for method, single, model in zip(methods, alone, models, strict=True):
            method.update(progress)
            for mine, theirs in zip(single.buffers(), model.buffers(), strict=True):
                mine.copy_(theirs)
        together = stacked(x)
        for logits, single, one in zip(together, alone, x, strict=True):
            torch.testing.assert_close(logits, single(one), atol=1e-5, rtol=1e-4)


def test_stacked_models_can_be_compiled_whole() -> None:
    x = images(2, 2, 3, 16, 24)
    models = [vit(seed, pool="class") for seed in range(2)]
    for model in models:
        attached(model, where="values")
    stacked = Stacked(models)
    expected = stacked(x)
    stacked.compile(backend="eager", fullgraph=True)
    torch.testing.assert_close(stacked(x), expected)


def test_a_compiled_model_is_compiled_once_more_when_the_filter_goes() -> None:
    from torch._dynamo.testing import CompileCounter

    counter = CompileCounter()
    model = vit()
    plain = vit()
    method = attached(model, where="values")
    compiled = torch.compile(model, backend=counter)
    x = images(2, 3, 16, 24)
    counts = []
    for progress in (0.0, 0.1, 0.4, 0.7, 1.0):
        method.update(progress)
        assert torch.equal(compiled(x), model(x))
        counts.append(counter.frame_count)
    assert counts == [1, 1, 1, 2, 2]
    assert torch.equal(compiled(x), plain(x))


@pytest.mark.parametrize("where", ["embedding", "values"])
@pytest.mark.parametrize("shape", [{}, {"pool": "class", "registers": 2}], ids=["no prefix", "class and registers"])
def test_heads_start_and_are_seen_as_in_the_plain_model(where: str, shape: dict[str, Any]) -> None:
    model = vit(image_size=32, width=48, **shape)
    attached(model, where=where)
    report, other = init_(model, "impulse"), init_(vit(image_size=32, width=48, **shape), "impulse")
    masses, expected = ([head.target_mass for head in r.heads] for r in (report, other))
    assert masses == pytest.approx(expected, abs=1e-6)
    x = images(2, 3, 32, 32)
    for seen, true in zip(attention_view(model).maps(x), captured_maps(model, x), strict=True):
        torch.testing.assert_close(seen, true, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("where", ["embedding", "values"])
def test_a_vision_transformer_of_timm(where: str) -> None:
    timm = pytest.importorskip("timm.models.vision_transformer")
    torch.manual_seed(0)
    model = timm.VisionTransformer(
        img_size=(16, 24), patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=10, reg_tokens=2
    )
    plain, x = copy.deepcopy(model), images(2, 3, 16, 24)
    method = attached(model, where=where)
    assert len(method.parts) == (2 if where == "values" else 1)
    assert not torch.equal(run(model, x)[0], run(plain, x)[0])
    method.update(0.7)
    assert all(map(torch.equal, run(model, x), run(plain, x)))


def test_a_layer_that_is_not_called_is_told() -> None:
    eva = pytest.importorskip("timm.models.eva")
    model = eva.Eva(img_size=16, patch_size=4, embed_dim=24, depth=1, num_heads=3, qkv_bias=True, qkv_fused=True)
    with pytest.raises(HeadstartError, match=r"Eva: blocks\.0\.attn\.qkv is not called as a module in the forward"):
        attached(model, where="values")
    assert not [module for module in model.modules() if isinstance(module, Blur)]
    attached(model, where="embedding")


def test_under_autocast_and_in_double_precision() -> None:
    for where in ("embedding", "values"):
        model = vit()
        attached(model, where=where)
        with torch.autocast("cpu", torch.float16):
            loss = model(images(2, 3, 16, 24)).square().mean()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        assert model.double()(images(2, 3, 16, 24).double()).dtype == torch.float64


def test_models_it_cannot_work_on_are_told() -> None:
    model = vit()
    with pytest.raises(HeadstartError, match=r"where=embedding needs the view .* got none; use where=convolutions"):
        Smoothing().attach(CNN(), None)
    with pytest.raises(HeadstartError, match=r"Linear: no nn\.Conv2d with a kernel larger than 1×1"):
        attached(nn.Linear(2, 2), where="convolutions")
    method = attached(model, where="values")
    with pytest.raises(HeadstartError, match=r"expects 0 prefix tokens and a grid of 4×6, got 20 tokens; use where="):
        model.blocks[0](images(2, 20, 24))
    assert method.parts
    with pytest.raises(HeadstartError, match=r"VisionTransformer is smoothed already \(Linear\); attach one"):
        attached(model, where="values")


def test_windows_are_refused_for_values() -> None:
    swin = pytest.importorskip("timm.models.swin_transformer")
    model = swin.SwinTransformer(img_size=32, patch_size=4, embed_dim=12, depths=(2,), num_heads=(3,), window_size=4)
    with pytest.raises(HeadstartError, match="SwinTransformer: values are smoothed where attention spans the whole"):
        attached(model, where="values")
