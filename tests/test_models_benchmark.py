"""A spread of the models in docs/models.md, made small, through the very command that fills that page."""

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "models.py"
TIMM = {"depth": 2, "img_size": 64}
HF = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 96, "image_size": 64}
SPREAD = [
    ("timm", "vit_tiny_patch16_224", "learned", {**TIMM, "patch_size": 8}),
    ("timm", "vit_small_patch14_reg4_dinov2", "learned", {"depth": 2, "img_size": 70}),
    ("timm", "deit_small_distilled_patch16_224", "learned", TIMM),
    ("timm", "eva02_tiny_patch14_224", "rotary", {"depth": 2, "img_size": 112}),
    ("timm", "vit_small_patch16_dinov3", "rotary", {"depth": 2, "img_size": 128}),
    ("timm", "vit_small_patch16_rope_mixed_224", "rotary", {"depth": 2, "img_size": 128}),
    ("timm", "beit_base_patch16_224", "relative", TIMM),
    ("timm", "swinv2_tiny_window8_256", "relative", {"img_size": 64, "window_size": 4, "depths": (2, 2)}),
    ("timm", "mixer_s32_224", "mixing", {"img_size": 96}),
    ("transformers", "dinov2", "learned", {**HF, "patch_size": 8}),
    ("transformers", "swin", "relative", {"image_size": 64, "window_size": 4, "depths": [2, 2], "num_heads": [3, 6]}),
    ("torchvision", "vit_b_32", "learned", {"image_size": 96}),
]


@pytest.fixture(scope="module")
def row():
    for library in ("timm", "transformers", "torchvision"):
        pytest.importorskip(library)
    return runpy.run_path(str(SCRIPT))["row"]


@pytest.mark.parametrize(("library", "name", "position", "options"), SPREAD)
@pytest.mark.filterwarnings("ignore")
def test_sharpness_is_reached_in_the_models_own_pass(row, library, name, position, options):
    found = row(library, name, **options)
    assert found.get("reason") is None
    assert found["position"] == position
    # A blank image's class token and patch bias add a little content to position.
    assert found["worst"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.filterwarnings("ignore")
def test_a_model_that_cannot_be_started_has_the_reason(row):
    assert "no patch grid found" in row("timm", "resnet18")["reason"]
