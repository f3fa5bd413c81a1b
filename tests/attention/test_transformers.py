import pytest
import torch

from headstart import UnsupportedModel, attention_view
from headstart.attention.transformers_swin import shifted_mask

transformers = pytest.importorskip("transformers")

SIZES = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "image_size": 32, "patch_size": 4,
}  # fmt: skip
SWIN = {"image_size": 32, "patch_size": 4, "embed_dim": 32, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4}
RELATIVE = {"use_relative_position_bias": True}


def make(name, kind="ForImageClassification", **options):
    config = getattr(transformers, f"{name}Config")(**{**SIZES, **options})
    return getattr(transformers, name + kind)(config)


def tower(name, **options):
    """The image tower of a model of images and texts, with a classifier."""
    config = getattr(transformers, f"{name}Config")(vision_config={**SIZES, **options})
    return getattr(transformers, f"{name}ForImageClassification")(config)


def swin(name, kind="ForImageClassification", **options):
    config = getattr(transformers, f"{name}Config")(**{**SWIN, **options})
    return getattr(transformers, name + kind)(config)


MODELS = {
    "ViT": lambda: make("ViT"),
    "ViT, bare, oblong, no bias": lambda: make("ViT", "Model", image_size=(16, 32), patch_size=(4, 4), qkv_bias=False),
    "DeiT, two class tokens": lambda: make("DeiT", "ForImageClassificationWithTeacher"),
    "ViT-MSN": lambda: make("ViTMSN"),
    "I-JEPA, no class token": lambda: make("IJepa"),
    "DINOv2": lambda: make("Dinov2", use_swiglu_ffn=True),
    "DINOv2 with registers": lambda: make("Dinov2WithRegisters", num_register_tokens=3),
    "DINOv3, rotary, no key bias": lambda: make("DINOv3ViT", "Model", num_register_tokens=3, layerscale_value=0.1),
    "CLIP": lambda: tower("CLIP"),
    "CLIP vision, bare": lambda: make("CLIPVision", "Model"),
    "SigLIP": lambda: tower("Siglip"),
    "BEiT, relative": lambda: make("Beit", **RELATIVE),
    "BEiT, relative and absolute": lambda: make("Beit", "Model", use_absolute_position_embeddings=True, **RELATIVE),
    "Data2Vec": lambda: make("Data2VecVision", **RELATIVE),
    "Swin": lambda: swin("Swin"),
    "Swin, padded windows": lambda: swin("Swin", "Model", image_size=40, use_absolute_embeddings=True),
    "Swin-v2": lambda: swin("Swinv2"),
    "Swin-v2, padded windows": lambda: swin("Swinv2", "Model", image_size=40),
}


def built(name):
    torch.manual_seed(0)
    return MODELS[name]()


@pytest.mark.parametrize("name", MODELS)
def test_maps_are_the_models_own(name, check_maps):
    check_maps(built(name))


@pytest.mark.parametrize("name", MODELS)
def test_a_start_holds_what_it_promises(name, check_start):
    check_start(built(name))


@pytest.mark.parametrize(
    ("name", "prefix", "source"),
    [
        ("DeiT, two class tokens", 2, "learned"),
        ("DINOv2 with registers", 4, "learned"),
        ("DINOv3, rotary, no key bias", 4, "rotary"),
        ("I-JEPA, no class token", 0, "learned"),
        ("BEiT, relative and absolute", 1, "relative"),
    ],
)
def test_prefix_tokens_and_position_source(name, prefix, source):
    view = attention_view(built(name))
    assert (view.prefix, view.source, view.grid) == (prefix, source, (8, 8))
    assert sum(token.shape[1] for token in view.prefix_tokens) == prefix


@pytest.mark.parametrize("name", ["DeiT, two class tokens", "DINOv2 with registers", "CLIP", "SigLIP"])
def test_position_input_is_what_the_first_block_reads_of_a_blank_image(name):
    model = built(name)
    view = attention_view(model)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
        for p in view.patch_embed.parameters():
            p.zero_()
    read = []
    attention_view(model).visit(torch.zeros(1, 3, 32, 32), lambda i, block, x: read.append(x[0]))
    torch.testing.assert_close(attention_view(model).position_input(0).float(), read[0], atol=1e-5, rtol=1e-4)


def test_layer_scale_and_the_ends_of_the_mlp_are_found():
    block = attention_view(make("DINOv3ViT", "Model", layerscale_value=0.25)).blocks[0]
    assert block.layer_scale.tolist() == [0.25] * 64
    assert (block.mlp_in.out_features, block.mlp_out.in_features) == (128, 128)
    gated = attention_view(make("DINOv3ViT", "Model", use_gated_mlp=True)).blocks[0]
    assert gated.mlp_in is None and gated.mlp_out.in_features == 128
    beit = attention_view(make("Beit", layer_scale_init_value=0.5, **RELATIVE)).blocks[0]
    assert beit.layer_scale.tolist() == [0.5] * 64
    assert attention_view(make("Beit", layer_scale_init_value=0.0, **RELATIVE)).blocks[0].layer_scale is None


def test_training_mode_and_its_random_angles_are_left_alone():
    model = make("DINOv3ViT", "Model", pos_embed_rescale=2.0).train()
    state = torch.get_rng_state()
    rotate = attention_view(model).blocks[0].rotate
    x = torch.ones(1, 1, 1 + 64, 16)
    assert torch.equal(rotate(x), rotate(x))
    assert torch.equal(torch.get_rng_state(), state) and model.rope_embeddings.training


def test_a_shifted_mask_is_the_librarys_own():
    layer = swin("Swin", "Model").encoder.layers[0].blocks[1]
    for sides in ((8, 8), (8, 12)):
        own = layer.get_attn_mask(*sides, torch.float32, torch.device("cpu"))
        assert torch.equal(shifted_mask(sides, 4, 2), own)
    assert shifted_mask((8, 8), 4, 0) is None


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            lambda: make("ViTMAE", "Model"),
            "ViTMAEModel: its forward pass drops patches at random and shuffles the rest",
        ),
        (lambda: make("Beit"), "BeitForImageClassification: no position embedding found; looked for"),
        (
            lambda: make("Beit", use_shared_relative_position_bias=True),
            "BeitForImageClassification: all blocks share one relative position bias",
        ),
        (
            lambda: make("Data2VecVision", use_shared_relative_position_bias=True),
            "Data2VecVisionForImageClassification: all blocks share one relative position bias",
        ),
        (
            lambda: make("Beit", "Model", image_size=(16, 32), **RELATIVE),
            "the relative bias table has 108 entries for a 4×8 grid with 1 prefix tokens; expected a square grid",
        ),
        (lambda: make("Dinov2", image_size=(16, 32)), "reads the position embedding as a square, which its 4×8 grid"),
        (lambda: swin("Swin", window_size=7), "layers[1].blocks[0] gets a map of 4×4 tokens, smaller than its window"),
        (
            lambda: swin("Swinv2", use_absolute_embeddings=True),
            "position_embeddings has 65 rows for 64 patches, and the library cannot run such a model",
        ),
        (
            lambda: transformers.CLIPModel(
                transformers.CLIPConfig(vision_config=SIZES, text_config={"hidden_size": 16, "num_hidden_layers": 1})
            ),
            "CLIPModel: it reads images and text; pass the part that reads images, model.vision_model.",
        ),
    ],
)
def test_what_cannot_be_seen_says_why(model, message):
    with pytest.raises(UnsupportedModel) as error:
        attention_view(model())
    assert message in str(error.value)
