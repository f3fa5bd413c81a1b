import json
import re

import pytest

from headstart.errors import HeadstartError
from headstart.training import RECIPES, named_recipe, recipe_for


@pytest.mark.parametrize("name", RECIPES)
def test_every_named_recipe_has_its_command_in_its_docstring(name: str) -> None:
    assert "Command: ``headstart" in (RECIPES[name].__doc__ or "")
    assert named_recipe(name) == RECIPES[name]()


@pytest.mark.parametrize("name", RECIPES)
def test_what_was_measured_was_measured_with_this_recipe(name: str, request: pytest.FixtureRequest) -> None:
    found = re.search(r"Measured \((\S+)\):", RECIPES[name].__doc__ or "")
    if found is None:
        assert "Measured: not yet." in (RECIPES[name].__doc__ or "")
        return
    results = json.loads((request.config.rootpath / found[1]).read_text())
    config = {key: value for key, value in named_recipe(name).portable().items() if key not in ("init", "seed")}
    theirs = {key: value for key, value in results["config"].items() if key != "content"}  # whose photos these were
    assert {**config, "dataset": results["config"]["dataset"]} == theirs


def test_a_dataset_with_a_folder_gets_its_recipe() -> None:
    recipe = recipe_for("cifar10:somewhere").recipe
    assert recipe.dataset == "cifar10:somewhere"
    assert recipe.portable() == named_recipe("cifar10").portable()


def test_unknown_names_list_near_ones() -> None:
    with pytest.raises(HeadstartError, match=r"unknown dataset 'cifar': did you mean 'cifar10' or"):
        recipe_for("cifar")
    with pytest.raises(HeadstartError, match=r"unknown recipe 'cifar10_smal': did you mean 'cifar10_small'"):
        named_recipe("cifar10_smal")
