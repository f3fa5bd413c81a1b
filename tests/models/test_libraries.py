import pytest
import torch

from headstart import HeadstartError
from headstart.models.libraries import build_model, parse_options


def test_models_of_each_library_by_name():
    pytest.importorskip("timm")
    pytest.importorskip("transformers")
    vit = build_model("vit_tiny_patch16_224", "timm", img_size=32, patch_size=8, depth=1, num_classes=5)
    assert vit(torch.randn(1, 3, 32, 32)).shape == (1, 5)
    small = {"hidden_size": 48, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 96}
    vit = build_model("vit", "transformers", image_size=32, patch_size=8, num_labels=5, **small)
    assert vit(torch.randn(1, 3, 32, 32)).logits.shape == (1, 5)
    vit = build_model("vit_b_16", "torchvision", image_size=32, num_classes=5)
    assert vit(torch.randn(1, 3, 32, 32)).shape == (1, 5)


@pytest.mark.parametrize(
    ("name", "library", "options", "message"),
    [
        ("vit_tiny_patch16_224", "tim", {}, "unknown library 'tim': did you mean 'timm'?"),
        (
            "vit_tiny_patch16_225",
            "timm",
            {},
            "unknown timm model 'vit_tiny_patch16_225': did you mean 'vit_tiny_patch16_224'",
        ),
        ("vitt", "transformers", {}, "unknown transformers model type 'vitt': did you mean 'vit'"),
        ("vit_b_17", "torchvision", {}, "unknown torchvision model 'vit_b_17': did you mean 'vit_b_16'"),
        (
            "vit_tiny_patch16_224",
            "timm",
            {"sides": 3},
            "timm could not build 'vit_tiny_patch16_224' with {'sides': 3}:",
        ),
    ],
)
def test_what_cannot_be_built_says_why(name, library, options, message):
    pytest.importorskip("timm")
    pytest.importorskip("transformers")
    with pytest.raises(HeadstartError) as error:
        build_model(name, library, **options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_library_that_is_missing_or_broken_says_which(monkeypatch):
    from headstart.models import libraries

    def fail(error):
        def load(name):
            raise error

        monkeypatch.setattr(libraries.importlib, "import_module", load)

    fail(ModuleNotFoundError("No module named 'timm'", name="timm"))
    with pytest.raises(HeadstartError, match=r'^timm is not installed; pip install "headstart\[timm\]".'):
        build_model("vit_tiny_patch16_224", "timm")
    fail(ModuleNotFoundError("No module named 'torchvision'", name="torchvision"))
    with pytest.raises(
        HeadstartError, match=r'^torchvision, which timm needs, is not installed; pip install "headstart'
    ):
        build_model("vit_tiny_patch16_224", "timm")
    fail(RuntimeError("operator torchvision::nms does not exist"))
    with pytest.raises(
        HeadstartError, match=r"cannot be imported: RuntimeError: operator torchvision::nms .* one build"
    ):
        build_model("vit_tiny_patch16_224", "timm")


def test_an_option_is_key_equals_value():
    with pytest.raises(HeadstartError, match=r"expected key=value, such as img_size=32, got '32'"):
        parse_options(["32"])
