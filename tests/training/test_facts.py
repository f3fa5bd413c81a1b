import json

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.training import Recipe
from headstart.training.facts import Facts

FACTS = Facts(("cat", "dog"), (3, 8, 8), (0.5,) * 3, (0.25,) * 3, 1.5, 10, (0.7, 0.6), (0.1, 0.05), 0.8)


def test_facts_survive_json() -> None:
    assert Facts.from_json(json.loads(json.dumps(FACTS.to_json()))) == FACTS
    with pytest.raises(HeadstartError, match="expected the facts of a model, and they lack 'classes'"):
        Facts.from_json({})


def test_they_make_a_dataset_without_images() -> None:
    dataset = FACTS.dataset(Recipe(dataset="pets", permute_patches=3))
    assert (dataset.name, dataset.classes, dataset.image_size, dataset.channels) == ("pets", ("cat", "dog"), 8, 3)
    assert len(dataset.train) == 0
    assert dataset.places is not None
    assert torch.equal(dataset.places.sort().values, torch.arange(64))
