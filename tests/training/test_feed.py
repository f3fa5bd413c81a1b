import pytest
import torch

from headstart.data import Dataset, normalize
from headstart.errors import HeadstartError
from headstart.training import Recipe
from headstart.training.build import build_dataset
from headstart.training.feed import Feed, Part, augmentation_of
from headstart.training.processes import Processes

ALL = ["crop=1", "erase=0.5", "mixup=0.8", "cutmix=1", "drop_path=0.2", "batch_size=48"]


@pytest.fixture
def digits(tiny: Recipe) -> Dataset:
    return build_dataset(tiny)


def feed(recipe: Recipe, dataset: Dataset, count: int = 1, rank: int = 0) -> Feed:
    processes = Processes("float32")
    processes.count, processes.rank = count, rank
    return Feed(recipe, dataset, processes, depth=2)


def first_step(recipe: Recipe, dataset: Dataset, count: int = 1, rank: int = 0) -> list[Part]:
    return list(next(feed(recipe, dataset, count, rank).steps(2)))


def test_a_pass_sees_each_image_once_in_an_order_of_its_own(tiny: Recipe, digits: Dataset) -> None:
    orders = [feed(tiny, digits).order(number).flatten() for number in (1, 2)]
    assert all(torch.equal(order.sort().values, torch.arange(200)) for order in orders)
    assert not torch.equal(orders[0], orders[1])
    assert torch.equal(feed(tiny, digits).order(1).flatten(), orders[0])
    other = feed(tiny.override(["seed=1"]), digits).order(1).flatten()
    assert not torch.equal(other, orders[0])


def test_the_last_images_that_fill_no_batch_wait_for_another_pass(tiny: Recipe, digits: Dataset) -> None:
    assert feed(tiny.override(["batch_size=60"]), digits).order(1).shape == (3, 60)
    assert feed(tiny.override(["batch_size=999"]), digits).order(1).shape == (1, 200)


def test_parts_are_normalised_images_with_their_labels(tiny: Recipe, digits: Dataset) -> None:
    plain = tiny.override(["crop=0", "drop_path=0"])
    (part,) = first_step(plain, digits)
    rows = feed(plain, digits).order(2)[0]
    torch.testing.assert_close(part.images, normalize(digits.train.images[rows], digits.mean, digits.std))
    assert torch.equal(part.labels, digits.train.labels[rows])
    assert torch.equal(part.targets, part.labels)
    assert part.drops is None


def test_processes_and_parts_share_one_draw(tiny: Recipe, digits: Dataset) -> None:
    recipe = tiny.override(ALL)
    (whole,) = first_step(recipe, digits)
    assert whole.targets.shape == (48, 10)
    assert whole.drops is not None and whole.drops.shape == (48, 2, 2)
    shared = [first_step(recipe.override(["accumulate=3"]), digits, 2, rank) for rank in range(2)]
    for key in ("images", "targets", "labels", "drops"):
        pieces = torch.cat([getattr(shared[rank][part], key) for part in range(3) for rank in range(2)])
        assert torch.equal(pieces, getattr(whole, key)), key


def test_going_on_inside_a_pass_sees_the_same_as_never_stopping(tiny: Recipe, digits: Dataset) -> None:
    recipe = tiny.override(ALL)
    whole = [next(parts) for parts in feed(recipe, digits).steps(2)]
    rest = [next(parts) for parts in feed(recipe, digits).steps(2, done=3)]
    assert len(whole) == 4 and len(rest) == 1
    assert torch.equal(whole[3].images, rest[0].images)
    assert not torch.equal(whole[2].drops, rest[0].drops)


def test_arms_see_the_same_images_and_seeds_others(tiny: Recipe, digits: Dataset) -> None:
    recipe = tiny.override(ALL)
    (first,), (arm,) = (first_step(r, digits) for r in (recipe, recipe.override(["init=mimetic", "lr=0.1"])))
    (seed,) = first_step(recipe.override(["seed=1"]), digits)
    assert torch.equal(first.images, arm.images)
    assert not torch.equal(first.images, seed.images)


def test_repeats_stand_in_one_batch_each_augmented_otherwise(tiny: Recipe, digits: Dataset) -> None:
    recipe = tiny.override(["repeats=2", "batch_size=20"])
    source = feed(recipe, digits)
    order = source.order(1)
    assert order.shape == (10, 20)
    assert torch.equal(order[:, :10], order[:, 10:])
    assert len(order.unique()) == 100
    (part,) = next(source.steps(1))
    assert torch.equal(part.labels[:10], part.labels[10:])
    assert not torch.equal(part.images[:10], part.images[10:])
    with pytest.raises(HeadstartError, match="can't hold each image 3 times; use --set batch_size=18, for example"):
        feed(tiny.override(["repeats=3", "batch_size=20"]), digits)


def test_mixing_needs_pairs_in_each_piece(tiny: Recipe, digits: Dataset) -> None:
    with pytest.raises(HeadstartError, match="a piece of 25 images of a batch of 50 parts one from its own"):
        feed(tiny.override(["mixup=1", "accumulate=2"]), digits)
    feed(tiny.override(["mixup=1", "batch_size=25"]), digits)


def test_what_comes_in_from_outside_is_black_or_the_mean_colour(tiny: Recipe, digits: Dataset) -> None:
    assert augmentation_of(tiny, digits).fill == ()
    assert augmentation_of(tiny.override(["fill=mean"]), digits).fill == (round(255 * digits.mean[0]),)
