import pytest
import torch

from headstart import UnsupportedModel, attention_view, init_

VisionTransformer = pytest.importorskip("torchvision.models").VisionTransformer


def make(**options):
    torch.manual_seed(0)
    sizes = {"image_size": 32, "patch_size": 4, "num_layers": 2, "num_heads": 4, "hidden_dim": 64, "mlp_dim": 128}
    return VisionTransformer(**{**sizes, "num_classes": 5, **options})


def test_maps_are_the_models_own(check_maps):
    check_maps(make())


def test_a_start_holds_what_it_promises(check_start):
    check_start(make())


def test_what_is_seen():
    model = make()
    view = attention_view(model)
    assert (view.grid, view.prefix, view.source, view.width) == ((8, 8), 1, "learned", 64)
    assert view.patch_embed is model.conv_proj
    assert [block.norm for block in view.blocks] == [layer.ln_1 for layer in model.encoder.layers]
    assert view.blocks[0].mlp_in is model.encoder.layers[0].mlp[0]
    assert view.blocks[0].mlp_out is model.encoder.layers[0].mlp[3]
    assert torch.equal(view.prefix_tokens[0], model.class_token)


def test_the_head_of_zeros_is_left_as_it_is():
    model = make()
    init_(model, "impulse:value=balanced:kernel=1")
    assert not model.heads.head.weight.any()


def test_a_stem_of_convolutions_is_no_patch_embedding():
    from torchvision.models.vision_transformer import ConvStemConfig

    model = make(conv_stem_configs=[ConvStemConfig(16, 3, 2), ConvStemConfig(32, 3, 2)])
    view = attention_view(model)
    assert view.patch_embed is None
    assert view.maps(torch.zeros(1, 3, 32, 32))[0].shape == (1, 4, 65, 65)


def test_an_embedding_for_another_size_says_so():
    model = make()
    model.image_size = 64
    with pytest.raises(UnsupportedModel) as error:
        attention_view(model)
    expected = "encoder.pos_embedding has 65 rows, expected 257 for a 16×16 grid and a class token."
    assert str(error.value) == f"VisionTransformer: {expected}"
