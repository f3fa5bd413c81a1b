from headstart.training import Recipe
from headstart.training.build import build_dataset
from headstart.training.outlook import outlook


def test_images_and_steps_are_told_and_few_ones_with_what_makes_more() -> None:
    recipe = Recipe(dataset="digits", limit=50, passes=1, batch_size=64, patch_size=2)
    dataset = build_dataset(recipe)
    train, val, test = len(dataset.train), len(dataset.val), len(dataset.test)
    sizes = f"{train} images to train, {val} to validate, {test} to test"
    assert outlook(recipe, dataset) == [
        f"{sizes}; batches of {train}, 1 pass: 1 step",
        "so few steps teach little and say little of a start: --set passes=100 makes 100",
    ]
    many = recipe.override(["passes=1000", "batch_size=10"])
    assert outlook(many, dataset) == [f"{sizes}; batches of 10, 1,000 passes: {train // 10 * 1000:,} steps"]
