import copy

import pytest
import torch
from torch import nn

import headstart
from headstart import UnsupportedModel, attention_view, create_vit


def small():
    return create_vit(image_size=16, width=24, depth=2, heads=2)


def compiled(model):
    return torch.compile(model, backend="eager")


@pytest.mark.parametrize(
    "wrap", [compiled, nn.DataParallel, lambda model: nn.DataParallel(compiled(model))], ids=["compile", "DP", "both"]
)
def test_wrapped_models_are_unwrapped(wrap):
    model = small()
    plain = copy.deepcopy(model)
    view = attention_view(wrap(model))
    assert view.model is model
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    headstart.init_(wrap(model), generator=generators[0])
    headstart.init_(plain, generator=generators[1])
    for a, b in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_wrapped_model_in_half_precision_gets_its_weights_too():
    model = small().to(torch.float16)
    before = model.blocks[0].attn.qkv.weight.clone()
    headstart.init_(nn.DataParallel(model))
    assert not torch.equal(model.blocks[0].attn.qkv.weight, before)


def test_a_parallel_model_of_one_process_is_unwrapped(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path / 'group'}", rank=0, world_size=1)
    try:
        model = small()
        assert attention_view(nn.parallel.DistributedDataParallel(model)).model is model
    finally:
        torch.distributed.destroy_process_group()


def on_meta():
    with torch.device("meta"):
        return small()


def eight_bit():
    model = small()
    weight = model.blocks[1].attn.qkv.weight
    model.blocks[1].attn.qkv.weight = nn.Parameter(weight.detach().to(torch.int8), requires_grad=False)
    return model


def dynamically_quantised():
    model = small()
    quantised = type("Linear", (nn.Linear,), {"__module__": "torch.ao.nn.quantized.dynamic.modules.linear"})
    model.blocks[0].attn.proj = quantised(24, 24)
    return model


def compiled_inside():
    model = small()
    model.blocks[1] = compiled(model.blocks[1])
    return model


def compiled_in_place():
    model = small()
    model.compile(backend="eager")
    return model


def one_block_twice():
    model = small()
    model.blocks[1] = model.blocks[0]
    return model


def some_blocks_elsewhere():
    model = small()
    model.decoder = nn.Sequential(copy.deepcopy(model.blocks[0]))
    return model


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (on_meta, "its weights are on the meta device (pos_embed), so that there is nothing to set"),
        (eight_bit, "blocks.1.attn.qkv is quantised (torch.int8), and a start needs floating point"),
        (dynamically_quantised, "blocks.0.attn.proj is quantised (Linear), and a start needs floating point"),
        (compiled_inside, "blocks.1 is compiled in place, so that what its heads read cannot be watched"),
        (compiled_in_place, "the model is compiled in place"),
        (one_block_twice, "blocks 0 and 1 share their weights, so that they cannot have offsets of their own"),
        (
            some_blocks_elsewhere,
            "only 2 of 3 attention layers can be seen; the first of the others is decoder.0.attn, a Attention.",
        ),
    ],
)
def test_what_cannot_be_started_names_the_class_and_the_reason(model, message):
    for use in (attention_view, headstart.init_):
        with pytest.raises(UnsupportedModel) as error:
            use(model())
        assert str(error.value).startswith(f"{type(small()).__name__}: ")
        assert message in str(error.value)


def test_one_weight_for_queries_and_keys_says_so():
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    model = transformers.ViTModel(transformers.ViTConfig(image_size=16, patch_size=4, **sizes))
    model.layers[1].attention.k_proj = model.layers[1].attention.q_proj
    with pytest.raises(UnsupportedModel, match=r"ViTModel: blocks\[1\] has one weight for queries and keys"):
        attention_view(model)


@pytest.mark.parametrize("name", ["blocks.1.attn.qkv.weight", "blocks.0.attn.proj.weight"])
def test_frozen_weights_are_measured_but_not_overwritten(name):
    model = small()
    model.get_parameter(name).requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(UnsupportedModel) as error:
        headstart.init_(model)
    assert f"{name} is frozen (requires_grad is False), and a start would overwrite it" in str(error.value)
    assert "unfreeze it first: model.requires_grad_(True)." in str(error.value)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert len(headstart.measure(model).heads) == 4


@pytest.mark.parametrize(
    ("name", "scheme", "position"),
    [
        ("patch_embed.proj.weight", "default:whiten=True", "learned"),
        ("patch_embed.proj.bias", "impulse", "sincos"),  # which reserves the table's directions
        ("blocks.1.mlp.fc2.weight", "impulse", "sincos"),
        ("blocks.0.mlp.fc1.weight", "mimetic:mlp_mean=0.1", "learned"),
        ("blocks.1.attn.proj.weight", "default:value=random", "learned"),
    ],
)
def test_frozen_weights_beside_the_heads_are_kept_too(name, scheme, position):
    model = create_vit(image_size=16, width=24, depth=2, heads=2, position=position)
    for parameter in (*model.patch_embed.parameters(), *model.blocks.parameters()):
        nn.init.normal_(parameter)
    model.get_parameter(name).requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(UnsupportedModel, match=f"VisionTransformer: {name} is frozen"):
        headstart.init_(model, scheme, images=torch.randn(8, 3, 16, 16), overwrite=True)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_frozen_weights_that_a_start_leaves_are_no_obstacle():
    model = small()
    for part in (model.patch_embed, model.blocks[0].mlp):
        part.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    headstart.init_(model)
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert "blocks.0.attn.qkv.weight" in changed and frozen and not changed & frozen
    model.requires_grad_(False)
    before = copy.deepcopy(model.state_dict())
    headstart.init_(model, "default")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_an_unknown_model_says_what_was_looked_for():
    with pytest.raises(UnsupportedModel) as error:
        attention_view(nn.Linear(3, 3))
    for expected in ("Linear: no patch grid found", "patch_embed.grid_size (timm)", "grid=(height, width)"):
        assert expected in str(error.value)


def test_a_view_is_returned_as_it_is():
    view = attention_view(small())
    assert attention_view(view) is view
    assert len(headstart.measure(view).heads) == 4
