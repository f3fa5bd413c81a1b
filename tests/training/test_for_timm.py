from pathlib import Path

import pytest
import torch
from PIL import Image

from headstart.errors import HeadstartError
from headstart.training import Recipe, for_timm
from headstart.training.build import build_model
from headstart.training.facts import Facts
from headstart.training.predicting import Predictor


def any_weights(channels: int = 3, **keys: object) -> Predictor:
    """A model of random weights, biases among them: what training leaves at nought would hide a mistake."""
    recipe = Recipe(dataset="pets", width=24, depth=2, heads=3, mlp_ratio=2.5, **keys)
    mean, std = (0.4, 0.5, 0.6)[:channels], (0.2, 0.25, 0.3)[:channels]
    facts = Facts(("cat", "dog", "eel"), (channels, 16, 16), mean, std, 1.5, 10, (0.7, 0.6), (0.1, 0.05), 0.8)
    model = build_model(recipe, facts.dataset(recipe))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return Predictor(recipe, facts, model)


def pictures(channels: int) -> torch.Tensor:
    return torch.randint(0, 256, (5, channels, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "keys", [{}, {"pool": "class"}, {"registers": 2, "pool": "class"}, {"registers": 2}, {"position": "sincos"}]
)
def test_timm_loads_it_and_gives_the_same_logits(keys: dict[str, object], tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    predictor = any_weights(**keys)
    files = for_timm.save_timm(tmp_path, predictor)
    assert [file.name for file in files] == ["config.json", "model.safetensors"]
    images = pictures(3)
    expected = predictor.logits(images)
    assert torch.allclose(for_timm.read_timm(tmp_path)(images), expected, atol=1e-4)

    # Its own preprocessing, as its users call it.
    model = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    assert model.pretrained_cfg["label_names"] == ["cat", "dog", "eel"]
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
    seen = [transform(Image.fromarray(image.permute(1, 2, 0).numpy())) for image in images]
    with torch.inference_mode():
        assert torch.allclose(model(torch.stack(seen)), expected, atol=1e-4)


def test_grey_images(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    predictor = any_weights(1)
    for_timm.save_timm(tmp_path, predictor)
    assert torch.allclose(for_timm.read_timm(tmp_path)(pictures(1)), predictor.logits(pictures(1)), atol=1e-4)


def test_a_missing_timm_names_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(for_timm.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(HeadstartError, match=r'needs timm, to check it; pip install "headstart\[timm\]"'):
        for_timm.save_timm(tmp_path, any_weights())
