import pytest

from headstart.errors import HeadstartError
from headstart.training import RECIPES, named_recipe, recipe_for


@pytest.mark.parametrize("name", RECIPES)
def test_every_named_recipe_has_its_command_in_its_docstring(name: str) -> None:
    assert "Command: ``headstart" in (RECIPES[name].__doc__ or "")
    assert named_recipe(name) == RECIPES[name]()


def test_a_dataset_with_a_folder_gets_its_recipe() -> None:
    recipe = recipe_for("cifar10:somewhere").recipe
    assert recipe.dataset == "cifar10:somewhere"
    assert recipe.portable() == named_recipe("cifar10").portable()


def test_unknown_names_list_near_ones() -> None:
    with pytest.raises(HeadstartError, match=r"unknown dataset 'cifar': did you mean 'cifar10' or"):
        recipe_for("cifar")
    with pytest.raises(HeadstartError, match=r"unknown recipe 'cifar10_smal': did you mean 'cifar10_small'"):
        named_recipe("cifar10_smal")
