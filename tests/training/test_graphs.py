import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError
from headstart.training import Recipe
from headstart.training.build import build_model
from headstart.training.facts import Facts
from headstart.training.graphs import Pixels, labels_and_size, save_program
from headstart.training.predicting import Predictor

FACTS = Facts(("cat", "dög"), (3, 8, 8), (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), 1.5, 10, (0.7, 0.6), (0.1, 0.05), 0.8)
RECIPE = Recipe(dataset="/home/somebody/pets", width=12, depth=1, heads=3, permute_patches=2)


class Odd(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :2] if images.sum() > 0 else images.flatten(1)[:, 2:4]


def test_pixels_go_in_and_probabilities_come_out() -> None:
    predictor = Predictor(RECIPE, FACTS, build_model(RECIPE, FACTS.dataset(RECIPE)))
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits, shares = Pixels(predictor)(images)
    assert torch.allclose(logits, predictor.logits(images), atol=1e-6)
    assert torch.allclose(shares, predictor.probabilities(images), atol=1e-6)


def test_what_is_said_beside_the_graph_is_text() -> None:
    said = labels_and_size(Predictor(RECIPE, FACTS, build_model(RECIPE, FACTS.dataset(RECIPE))))
    assert json.loads(said["classes"]) == ["cat", "dög"]
    assert (json.loads(said["image_shape"]), json.loads(said["temperature"])) == ([3, 8, 8], 1.5)
    assert said["dataset"] == "pets"


def test_a_model_that_depends_on_its_pixels_values_is_refused(tmp_path: Path) -> None:
    plain = RECIPE.override(["permute_patches=none"])
    with pytest.raises(HeadstartError, match=r"Pixels can't be exported to torch\.export: "):
        save_program(tmp_path / "model.pt2", Predictor(plain, FACTS, Odd()))
    assert not list(tmp_path.iterdir())
