import copy

import pytest
import torch

import headstart
from headstart import HeadstartError, Impulse, UnsupportedModel, create_vit, init_
from headstart.initialization import names

timm_vit = pytest.importorskip("timm.models.vision_transformer")
pytestmark = pytest.mark.filterwarnings("ignore:.*cannot cover")


@pytest.mark.parametrize(
    "scheme",
    [*names(), "impulse:solver=pseudoinverse", "impulse:offsets=random", "impulse:control=scrambled"],
)
def test_same_generator_state_same_bits_and_no_global_state_touched(scheme):
    models = [create_vit(width=48, depth=2, heads=3)]
    models.append(copy.deepcopy(models[0]))
    models.append(copy.deepcopy(models[0]))
    state = torch.get_rng_state()
    for model, seed in zip(models, (0, 0, 1), strict=True):
        init_(model, scheme, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled() and all(p.requires_grad and p.grad is None for p in models[0].parameters())
    first, same, other = (torch.cat([p.flatten() for p in m.parameters()]) for m in models)
    assert torch.equal(first, same)
    if scheme not in ("default",):
        assert torch.isfinite(first).all()
        # norm-matched rescales what is there and rotation's Q, K are closed form: but values or norms differ by seed
        assert not torch.equal(first, other)


def test_without_a_generator_the_global_seed_decides_and_is_left_alone():
    models = [create_vit(width=48, depth=1, heads=3)]
    models.append(copy.deepcopy(models[0]))
    for model in models:
        torch.manual_seed(7)
        state = torch.get_rng_state()
        init_(model, "mimetic")
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(models[0].blocks[0].attn.qkv.weight, models[1].blocks[0].attn.qkv.weight)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("calibrated", [False, True])
def test_other_float_types_get_the_float32_solution_cast(dtype, calibrated, images, seeded):
    single = create_vit(width=48, depth=2, heads=3)
    other = copy.deepcopy(single).to(dtype)
    single.load_state_dict(other.state_dict())
    for model in (single, other):
        init_(model, "impulse:sharpness=0.8", images=images[:32] if calibrated else None, generator=seeded())
    assert all(p.dtype == dtype for p in other.parameters())
    for a, b in zip(single.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b.float(), atol=0.02, rtol=0.02)


def test_a_failure_midway_leaves_the_model_as_it_was(images, seeded, monkeypatch):
    model = create_vit(width=48, depth=3, heads=3)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    calls = []

    def fail(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise torch.linalg.LinAlgError("singular")
        return original(*args, **kwargs)

    original = headstart.initialization.starts.fit_gain
    monkeypatch.setattr(headstart.initialization.starts, "fit_gain", fail)
    with pytest.raises(torch.linalg.LinAlgError):
        init_(model, Impulse(whiten=True, mlp_mean=0.1), images=images, generator=seeded())
    assert len(calls) == 3
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_timm_model_by_name_in_one_line(seeded):
    timm = pytest.importorskip("timm")
    model = timm.create_model("vit_tiny_patch16_224", img_size=32, patch_size=4, num_classes=10, depth=3)
    report = init_(model, "impulse", generator=seeded())
    assert len(report.heads) == 9
    assert report.target_mass == pytest.approx(report.asked[0], abs=0.02)


@pytest.mark.parametrize(
    ("make", "scheme", "message"),
    [
        (lambda: torch.nn.Linear(2, 2), "impulse", "Linear: no patch grid found"),
        (
            lambda: timm_vit.VisionTransformer(
                img_size=16, patch_size=4, embed_dim=48, depth=1, num_heads=3, qk_norm=True
            ),
            "mimetic",
            "VisionTransformer normalises queries and keys (q_norm, k_norm)",
        ),
        (lambda: create_vit(width=48, depth=1, heads=3), "impulse:kernel=2", "kernel must be an odd number"),
        (
            lambda: create_vit(width=48, depth=1, heads=3),
            "impulse:kernel=9",
            "kernel 9 is wider than the 8×8 grid",
        ),
        (
            lambda: create_vit(width=48, depth=3, heads=3),
            "impulse:sharpness=0.5/0.6",
            "one for each of the 3 blocks; got 2",
        ),
        (
            lambda: create_vit(width=48, depth=1, heads=48),
            "impulse",
            "a head of 1 channels cannot carry a position code",
        ),
        (lambda: create_vit(width=48, depth=1, heads=3), "default:whiten=True", "needs images: pass images="),
    ],
)
def test_bad_input_is_one_clear_error_and_writes_nothing(make, scheme, message):
    model = make()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(HeadstartError) as error:
        init_(model, scheme)
    assert message in str(error.value)
    assert isinstance(error.value, UnsupportedModel) == ("Linear" in message or "normalises" in message)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_images_that_are_not_finite_say_so(images):
    images[3, 0, 0, 0] = float("nan")
    with pytest.raises(HeadstartError, match="expected finite numbers, got NaN or infinity"):
        init_(create_vit(width=48, depth=1, heads=3), images=images)


def test_a_seed_is_no_generator():
    model = create_vit(width=48, depth=1, heads=3)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(HeadstartError, match=r"generator: expected a torch\.Generator, got 0; a seed makes one by"):
        init_(model, generator=0)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_mixer_has_no_values_to_start():
    mixer = pytest.importorskip("timm.models.mlp_mixer")
    model = mixer.MlpMixer(img_size=16, patch_size=4, embed_dim=24, num_blocks=1, num_classes=2)
    with pytest.raises(
        UnsupportedModel, match="MlpMixer mixes tokens without value and output weights, which value='c"
    ):
        init_(model, "default:value=contrast")
