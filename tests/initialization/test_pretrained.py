import pytest
import torch

from headstart import HeadstartError, create_vit, init_

timm = pytest.importorskip("timm")


def model(**kwargs):
    return timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=8, depth=2, num_classes=5, **kwargs)


def test_weights_that_look_trained_are_kept_unless_told(seeded):
    trained = model()
    with torch.no_grad():
        trained.blocks[1].norm2.weight.mul_(1 + 0.01 * torch.randn(192, generator=seeded()))
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    with pytest.raises(HeadstartError) as error:
        init_(trained)
    assert str(error.value) == (
        "VisionTransformer: these weights look trained (blocks.1.norm2.weight differs from channel to channel, as no "
        "fresh one does, pretrained_cfg names 'vit_tiny_patch16_224'), and init_ would overwrite them. Pass "
        "overwrite=True if they may go, or build the model without pretrained weights."
    )
    assert all(torch.equal(value, before[key]) for key, value in trained.state_dict().items())
    assert init_(trained, overwrite=True).target_mass == pytest.approx(0.5, abs=0.01)


def test_one_step_of_training_is_enough_to_be_recognised():
    own = create_vit(width=48, depth=2, heads=3)
    init_(own)
    optimizer = torch.optim.AdamW(own.parameters(), lr=1e-3)
    own(torch.randn(4, 3, 32, 32)).square().mean().backward()
    optimizer.step()
    with pytest.raises(HeadstartError, match="look trained"):
        init_(own)


def test_a_models_own_word_on_where_it_came_from_is_quoted_and_does_not_decide(seeded):
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=48, num_hidden_layers=1, num_attention_heads=3, image_size=32, patch_size=8
    )
    config.name_or_path = "someone/vit-base"  # as AutoConfig.from_pretrained says it, which loads no weights
    found = transformers.ViTModel(config)
    init_(found, generator=seeded())
    torch.nn.init.normal_(found.layernorm.weight)
    with pytest.raises(HeadstartError, match=r"as no fresh one does, config\.name_or_path is 'someone/vit-base'\)"):
        init_(found, generator=seeded())


def test_fresh_models_pass_and_may_be_started_again():
    for make in (model, lambda: model(init_values=1e-5), lambda: create_vit(width=48, depth=2, heads=3)):
        fresh = make()
        first = init_(fresh)
        assert first.target_mass == pytest.approx(0.5, abs=0.01)
        assert init_(fresh, "mimetic").asked is None  # another start, and no refusal


def test_default_overwrites_nothing_and_asks_nothing():
    trained = model()
    torch.nn.init.normal_(trained.norm.weight)
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    assert init_(trained, "default").scheme == "default"
    assert all(torch.equal(value, before[key]) for key, value in trained.state_dict().items())


@pytest.mark.parametrize("option", ["value=balanced", "whiten=True", "mlp_mean=0.1"])
def test_default_with_an_option_writes_and_so_asks(option, images):
    trained = model()
    torch.nn.init.normal_(trained.norm.weight)
    with pytest.raises(HeadstartError, match=r"look trained \(norm\.weight differs"):
        init_(trained, f"default:{option}", images=images[:8])
