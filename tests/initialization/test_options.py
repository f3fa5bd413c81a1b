import pytest
import torch

from headstart import HeadstartError, attention_view, create_vit, init_


@pytest.mark.parametrize(("width", "patch"), [(96, 4), (24, 4), (240, 4), (36, 2)])
def test_whitened_patches_have_unit_variance_and_both_signs(width, patch, images, seeded):
    model = create_vit(width=width, depth=1, heads=3, patch_size=patch)
    init_(model, "default:whiten=True", images=images, generator=seeded())
    with torch.no_grad():
        tokens = model.patch_embed(images).flatten(0, 1)
    assert tokens.mean(0).abs().max() < 1e-3
    variance = tokens.var(0)
    # λ / (λ + 0.01 λ_max): near one for the strong directions, which come first, never above.
    assert variance.max() < 1.01 and variance[0] > 0.97
    torch.testing.assert_close(tokens[:, 0], -tokens[:, 1], atol=1e-4, rtol=1e-3)
    if width == 24:  # the strongest directions only: uncorrelated
        correlation = torch.corrcoef(tokens[:, ::2].T)
        assert (correlation - torch.eye(12)).abs().max() < 0.05


@pytest.mark.parametrize("level", [0.0, 0.1])
def test_constant_images_cannot_be_whitened(level):
    model = create_vit(width=24, depth=1, heads=3)
    before = model.patch_embed.proj.weight.clone()
    with pytest.raises(HeadstartError, match="whiten needs images whose patches differ; got patches of variance"):
        init_(model, "default:whiten=True", images=torch.full((4, 3, 32, 32), level))
    assert torch.equal(model.patch_embed.proj.weight, before)


def test_mlp_mean_shifts_the_first_layer_only(seeded):
    model = create_vit(width=48, depth=2, heads=3)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    init_(model, "default:mlp_mean=0.01", generator=seeded())
    for key, value in model.state_dict().items():
        shift = 0.01 if key.endswith("fc1.weight") else 0.0
        torch.testing.assert_close(value, before[key] + shift)
    assert attention_view(model).blocks[0].mlp_in is model.blocks[0].mlp.fc1
