import pytest
from pydantic import ValidationError

from headstart.errors import HeadstartError
from headstart.training import Recipe, named_recipe
from headstart.training.recipe import config_hash


def test_override_gives_each_key_its_own_type() -> None:
    recipe = Recipe(width=96).override(
        ["passes=3", "model=small", "lr=3e-4", "flip=true", "betas=0.9,0.95", "width=none", "clip=None"]
    )
    assert recipe.passes == 3
    assert recipe.model == "small"
    assert recipe.lr == 3e-4
    assert recipe.flip is True
    assert recipe.betas == (0.9, 0.95)
    assert recipe.width is None
    assert recipe.clip is None


def test_none_is_a_word_of_some_keys() -> None:
    assert Recipe(augment="randaugment").override(["augment=none"]).augment == "none"


def test_a_value_may_hold_an_equals_sign() -> None:
    assert Recipe().override(["init=impulse:sharpness=0.5"]).init == "impulse:sharpness=0.5"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("passes", "--set expects key=value, got 'passes'; for example --set passes=3."),
        ("=3", "--set expects key=value, got '=3'"),
        (
            "passes=three",
            "recipe key 'passes': expected a valid integer, got 'three'; for example --set passes=100.",
        ),
        ("passes=0", "recipe key 'passes': expected greater than or equal to 1, got '0'"),
        ("passes=2.5", "recipe key 'passes': expected a valid integer, got '2.5'"),
        (
            "split_seed=99999999999999999999",
            "recipe key 'split_seed': expected less than 18446744073709551616, got '999",
        ),
        ("model=tinny", "unknown model 'tinny': did you mean 'tiny'"),
        (
            "flip=perhaps",
            "recipe key 'flip': expected a valid boolean, got 'perhaps'; for example --set flip=false.",
        ),
        ("betas=0.9", "recipe key 'betas'"),
        ("passes=none", "recipe key 'passes': expected a valid integer, got None"),
        ("batchsize=3", "unknown recipe key 'batchsize': did you mean 'batch_size'"),
        ("epochs=3", "unknown recipe key 'epochs': it is called 'passes' here"),
    ],
)
def test_bad_assignments_say_what_to_type(assignment: str, message: str) -> None:
    with pytest.raises(HeadstartError) as error:
        Recipe().override([assignment])
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_recipe_is_frozen() -> None:
    with pytest.raises(ValidationError):
        Recipe().passes = 3  # type: ignore[misc]


def test_the_hash_sees_every_key_but_not_where_the_data_lies() -> None:
    here, there = Recipe(dataset="cifar10:/here"), Recipe(dataset="cifar10:/there")
    assert here.config_hash == there.config_hash
    assert "/here" not in str(here.portable())
    assert len(here.config_hash) == 12
    assert here.config_hash != Recipe(dataset="cifar10", lr=2e-3).config_hash


def test_keys_that_came_later_change_the_hash_only_when_they_are_used() -> None:
    # As in results/cifar10-small-depth4.json, written before those keys were there.
    recipe = named_recipe("cifar10_small").model_dump()
    config = {key: value for key, value in Recipe(**recipe).portable().items() if key not in ("init", "seed")}
    assert config_hash(config) == "d636eb8009dd"
    assert Recipe(fraction=0.1).config_hash != Recipe().config_hash
    assert "fraction" in Recipe(fraction=0.1).portable()
    assert Recipe(step_back=1).config_hash != Recipe(step_back=0).config_hash == Recipe().config_hash


def test_own_images_go_by_the_name_of_their_folder() -> None:
    assert Recipe(dataset="/somewhere/photos:label=kind").dataset_name == "photos"
