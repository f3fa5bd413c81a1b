"""Training: typed recipes, one readable loop, checkpoints that survive a kill, and paired comparisons."""

from headstart.training.comparison import arm_folder, compare, folder_of
from headstart.training.engine import accuracy, train
from headstart.training.inspection import load_run
from headstart.training.recipe import Recipe
from headstart.training.recipes import RECIPES, named_recipe, recipe_for

__all__ = [
    "RECIPES",
    "Recipe",
    "accuracy",
    "arm_folder",
    "compare",
    "folder_of",
    "load_run",
    "named_recipe",
    "recipe_for",
    "train",
]
