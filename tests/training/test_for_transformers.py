from pathlib import Path

import pytest
import torch
from PIL import Image

from headstart.errors import HeadstartError
from headstart.training import Recipe, for_transformers
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


@pytest.mark.parametrize(
    ("channels", "keys", "name"),
    [
        (3, {}, "BeitForImageClassification"),
        (1, {}, "BeitForImageClassification"),
        (3, {"pool": "class"}, "ViTForImageClassification"),
        (1, {"pool": "class", "position": "sincos"}, "ViTForImageClassification"),
    ],
)
def test_transformers_loads_it_and_gives_the_same_logits(
    channels: int, keys: dict[str, object], name: str, tmp_path: Path
) -> None:
    pytest.importorskip("transformers")
    predictor = any_weights(channels, **keys)
    files = for_transformers.save_transformers(tmp_path, predictor)
    assert all(file.exists() for file in files)
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (5, channels, 16, 16), dtype=torch.uint8, generator=generator)
    found = for_transformers.read_transformers(tmp_path)(images)
    assert torch.allclose(found, predictor.logits(images), atol=1e-4)
    from transformers import AutoModelForImageClassification

    model = AutoModelForImageClassification.from_pretrained(tmp_path)
    assert type(model).__name__ == name
    assert model.config.id2label == {0: "cat", 1: "dog", 2: "eel"}


def test_its_processor_resizes_and_cuts_much_as_training_does(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    predictor = any_weights()
    for_transformers.save_transformers(tmp_path, predictor)
    ramp = torch.arange(40 * 60 * 3).view(40, 60, 3).float() / (40 * 60 * 3) * 255
    image = Image.fromarray(ramp.to(torch.uint8).numpy())
    theirs = transformers.AutoImageProcessor.from_pretrained(tmp_path)(images=image, return_tensors="pt").pixel_values
    ours = predictor.preprocess(image)
    assert theirs[0].shape == ours.shape
    assert (theirs[0] - ours).abs().max() < 3 / 255 / 0.2  # three of 255 levels, by rounding


def test_what_has_no_counterpart_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    with pytest.raises(HeadstartError, match=r"no ViT for classification with registers .*; export it with --timm"):
        for_transformers.save_transformers(tmp_path, any_weights(registers=2))
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(for_transformers.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(HeadstartError, match=r'needs transformers; pip install "headstart\[transformers\]"'):
        for_transformers.save_transformers(tmp_path, any_weights())
