from __future__ import annotations

import pytest
import torch

from headstart.data import Augmentation
from headstart.data.augmentation.mixing import draw_mixing, partners

SHAPE = (3, 12, 16)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mixed(count: int, **alphas: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Images whose every pixel is their number, and labels likewise, mixed."""
    augmentation = Augmentation(**alphas)
    images = torch.arange(count).float()[:, None, None, None].expand(count, *SHAPE).contiguous()
    return augmentation.mix(images, torch.arange(count), augmentation.draw(count, SHAPE, seeded()), count)


def test_neighbours_are_partners() -> None:
    assert partners(torch.arange(6)).tolist() == [1, 0, 3, 2, 5, 4]
    assert partners(torch.arange(5)).tolist() == [1, 0, 3, 2, 4]
    assert partners(torch.arange(1)).tolist() == [0]


def test_mixup_gives_images_and_labels_the_same_shares() -> None:
    images, labels = mixed(40, mixup=0.8)
    assert labels.dtype == torch.float32 and labels.shape == (40, 40)
    assert torch.allclose(labels.sum(1), torch.ones(40))
    assert torch.allclose(images[:, 0, 0, 0], labels @ torch.arange(40.0), atol=1e-4)
    assert (images.flatten(1).std(1) == 0).all()
    others = labels.clone().fill_diagonal_(0)
    assert (others.argmax(1) == torch.arange(40) ^ 1).all()
    assert len(labels.diagonal().unique()) == 40  # each image has its own


def test_cutmix_takes_a_box_whose_area_the_label_tells() -> None:
    images, labels = mixed(40, cutmix=1.0)
    numbers = torch.arange(40.0)[:, None, None, None]
    own = images == numbers
    assert (own | (images == partners(numbers))).all()
    assert torch.allclose(own.float().mean((1, 2, 3)), labels.diagonal(), atol=1e-6)
    for image in ~own[:, 0]:
        rows, columns = image.any(1).nonzero(), image.any(0).nonzero()
        if len(rows):
            box = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            assert box.all()


def test_with_both_each_is_taken_half_of_the_time() -> None:
    shares, boxes = draw_mixing(4000, (32, 32), 0.8, 1.0, seeded())
    mixups = shares[:, 0] < 1
    # A cutmix box can be empty but a mixup share is never 1 but by rounding: count what keeps its pixels.
    assert 2000 - 160 < mixups.sum() < 2000 + 160
    assert (boxes[mixups] == 0).all()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_of_the_beta_distribution(alpha: float) -> None:
    shares, _ = draw_mixing(20000, (32, 32), alpha, 0, seeded())
    reference = torch.distributions.Beta(alpha, alpha)
    assert shares[:, 0].mean().item() == pytest.approx(0.5, abs=0.02)
    assert shares[:, 0].var().item() == pytest.approx(reference.variance.item(), rel=0.05)
    assert torch.equal(shares[:, 0], shares[:, 1])


def test_boxes_are_drawn_as_timms() -> None:
    import numpy as np
    from timm.data.mixup import cutmix_bbox_and_lam

    ours = draw_mixing(4000, (24, 40), 0, 1.0, seeded())[0][:, 1]
    before = np.random.get_state()
    np.random.seed(0)
    shares = np.random.beta(1.0, 1.0, 4000)
    theirs = torch.tensor([float(cutmix_bbox_and_lam((3, 24, 40), lam)[1]) for lam in shares])
    np.random.set_state(before)
    assert ours.mean().item() == pytest.approx(theirs.mean().item(), abs=0.03)
    assert ours.std().item() == pytest.approx(theirs.std().item(), rel=0.05)


@pytest.mark.parametrize("alphas", [{"mixup": 0.8}, {"cutmix": 1.0}])
def test_the_last_of_an_odd_batch_stays_as_it_is(alphas: dict[str, float]) -> None:
    images, labels = mixed(7, **alphas)
    assert (images[6] == 6).all()
    assert labels[6].tolist() == [0, 0, 0, 0, 0, 0, 1]


def test_a_tiny_alpha_gives_no_nan() -> None:
    shares, _ = draw_mixing(1000, (8, 8), 1e-4, 0, seeded())
    assert ((shares >= 0) & (shares <= 1)).all()


def test_labels_of_one_class_stay_whole() -> None:
    augmentation = Augmentation(mixup=1.0)
    labels = torch.ones(8, dtype=torch.int64)
    _, out = augmentation.mix(torch.zeros(8, *SHAPE), labels, augmentation.draw(8, SHAPE, seeded()), 2)
    assert torch.allclose(out, torch.tensor([0.0, 1.0]).expand(8, 2))
