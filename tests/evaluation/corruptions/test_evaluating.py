import pytest
import torch
from torch import Tensor, nn

from headstart.data import Split
from headstart.errors import HeadstartError
from headstart.evaluation.corruptions import corrupt, evaluate_corruptions, evaluate_corruptions_of


class Brightness(nn.Module):
    """Two classes: is the mean above where it was normalised to nought?"""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        self.shapes.append(tuple(images.shape))
        assert not self.training
        mean = images.mean((1, 2, 3))
        return torch.stack([-mean, mean], 1) * self.scale


@pytest.fixture
def split() -> Split:
    levels = torch.tensor([60, 90, 110, 140, 160, 190], dtype=torch.uint8)
    return Split(levels[:, None, None, None].expand(-1, 1, 8, 8).contiguous(), (levels > 127).long())


NORMAL = ((0.5,), (0.25,))


def test_accuracy_by_hand(split: Split) -> None:
    result = evaluate_corruptions(Brightness(), split, *NORMAL, corruptions=["brightness", "contrast"])
    # Levels grow by 12, 25, 38, 51 and 76: one, two and then all three dark images pass 127.
    assert result.accuracy["brightness"] == pytest.approx((1, 5 / 6, 4 / 6, 4 / 6, 3 / 6))
    assert result.accuracy["contrast"] == (1, 1, 1, 1, 1) and result.clean_accuracy == 1
    assert result.source == "generated" and result.suite == "cifar-c" and result.images == 6
    # Confidence is the sigmoid of twice the normalised mean.
    means = (split.images[:, 0, 0, 0].double() / 255 - 0.5) / 0.25
    assert result.clean_ece == pytest.approx(float(1 - torch.sigmoid(2 * means.abs()).mean()), abs=1e-6)


def test_the_batch_size_and_other_corruptions_change_nothing(split: Split) -> None:
    whole = evaluate_corruptions(Brightness(), split, *NORMAL, severities=[1, 5])
    part = evaluate_corruptions(Brightness(), split, *NORMAL, severities=[5], corruptions=["fog"], batch_size=4)
    assert part.accuracy["fog"][0] == whole.accuracy["fog"][1]
    assert part.ece["fog"][0] == pytest.approx(whole.ece["fog"][1], abs=1e-6)


def test_models_share_the_images_and_stay_as_they_are(split: Split) -> None:
    models = [Brightness(), Brightness(-1.0)]
    models[0].train()
    told: list[tuple[str, int]] = []
    first, second = evaluate_corruptions_of(
        models, split, *NORMAL, corruptions=["fog"], severities=[2], on_cell=lambda *cell: told.append(cell)
    )
    assert first.clean_accuracy == 1 and second.clean_accuracy == 0
    assert first.accuracy["fog"][0] == pytest.approx(1 - second.accuracy["fog"][0])
    assert told == [("clean", 0), ("fog", 2)] and models[0].training


def test_a_limit_is_spread_over_the_split(split: Split) -> None:
    model = Brightness()
    result = evaluate_corruptions(model, split, *NORMAL, corruptions=["contrast"], severities=[1], limit=3)
    assert result.images == 3 and model.shapes == [(3, 1, 8, 8)] * 2
    with pytest.raises(HeadstartError, match="limit between 1 and 6, the images of the split, got 7"):
        evaluate_corruptions(model, split, *NORMAL, limit=7)


def test_seeds_differ(split: Split) -> None:
    # The images of two seeds differ, so a margin does; the same seed gives the same numbers.
    def ece(seed: int) -> float:
        options = {"corruptions": ["gaussian_noise"], "severities": [5], "seed": seed}
        return evaluate_corruptions(Brightness(), split, *NORMAL, **options).ece["gaussian_noise"][0]

    assert ece(0) == ece(0) != ece(1)


def test_unknown_corruptions_and_nothing(split: Split) -> None:
    with pytest.raises(HeadstartError, match="unknown corruption 'rain'"):
        evaluate_corruptions(Brightness(), split, *NORMAL, corruptions=["rain"])
    with pytest.raises(HeadstartError, match="severity from 1"):
        evaluate_corruptions(Brightness(), split, *NORMAL, severities=[0])
    with pytest.raises(HeadstartError, match="one or more models, corruptions and severities"):
        evaluate_corruptions_of([], split, *NORMAL)


def test_what_evaluation_sees_is_what_corrupt_makes(split: Split) -> None:
    seen = []

    class Looking(Brightness):
        def forward(self, images: Tensor) -> Tensor:
            seen.append(images)
            return super().forward(images)

    evaluate_corruptions(Looking(), split, *NORMAL, corruptions=["snow"], severities=[3], seed=2)
    expected = corrupt(split.images, "snow", 3, torch.Generator().manual_seed(2000 + 5 * 7 + 3))
    assert seen[1].mul(0.25).add(0.5).mul(255).round().to(torch.uint8).equal(expected)
