import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.evaluation import OnnxSession, onnx_session
from headstart.models import create_vit

pytest.importorskip("onnxruntime")


def test_onnx_gives_the_models_logits_for_any_batch() -> None:
    torch.manual_seed(0)
    model = create_vit(image_size=8, patch_size=2, width=24, depth=2, heads=3, pool="class", registers=1).train()
    session = OnnxSession(model, (3, 8, 8), threads=1)
    assert model.training
    model.eval()
    for batch in (1, 2, 5):
        images = torch.randn(batch, 3, 8, 8)
        with torch.no_grad():
            torch.testing.assert_close(session(images), model(images), rtol=0, atol=1e-4)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_session, "PACKAGES", ("onnx", "no_such_runtime"))
    with pytest.raises(HeadstartError, match=r'ONNX needs no_such_runtime; pip install "headstart\[onnx\]"'):
        OnnxSession(nn.Flatten(), (3, 2, 2))


def test_a_model_that_cannot_be_exported_is_named_with_the_reason() -> None:
    class Odd(nn.Linear):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images if images.mean().item() > len(images) else super().forward(images)

    with pytest.raises(HeadstartError, match="Odd can't be exported to ONNX: "):
        OnnxSession(Odd(2, 2), (3, 2, 2))
