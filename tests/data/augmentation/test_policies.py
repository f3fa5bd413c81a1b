from __future__ import annotations

import pytest
import torch
from PIL import Image, ImageFilter, ImageOps
from torch.nn import functional

from headstart.data import Augmentation, Draws
from headstart.data.augmentation.blur import NO_BLUR, blur_weights
from headstart.data.augmentation.kinds import Kind
from headstart.data.augmentation.policies import WIDE, draw_jitter, settings
from headstart.data.augmentation.rounds import apply_round

# In the order of ``settings``, for each sign.
NAMES = (
    "Identity", "AutoContrast", "Equalize", "ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness",
    "Color", "Contrast", "Sharpness", "Posterize", "Solarize",
)  # fmt: skip
SHAPES = [(3, 32, 32), (1, 28, 28), (3, 24, 41), (1, 8, 8), (3, 2, 5)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(shape: tuple[int, int, int]) -> torch.Tensor:
    """Noise, smooth pictures of full and of low contrast, a dark one, two levels, one level: uint8 (8, C, H, W)."""
    noise = torch.rand(8, *shape, generator=seeded())
    smooth = functional.interpolate(noise[..., :2, :2], size=shape[1:], mode="bicubic").clamp(0, 1)
    found = torch.cat(
        [noise[:2], smooth[:2], 0.4 + 0.3 * smooth[2:3], 0.1 * smooth[3:4], noise[2:3].round(), noise[:1]]
    )
    found[7] = 0.3
    return (found * 255).to(torch.uint8)


def to_pil(image: torch.Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).squeeze(-1).numpy())


def from_pil(picture: Image.Image) -> torch.Tensor:
    values = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return values.view(picture.height, picture.width, -1).permute(2, 0, 1)


def in_one_round(images: torch.Tensor, possible: frozenset[Kind] = WIDE, **choices: list) -> torch.Tensor:
    drawn = {f"0.{name}": torch.tensor(values).view(len(images), -1) for name, values in choices.items()}
    draws = Draws.of(drawn, tuple(images.shape[1:]))
    return apply_round(images, draws, 0, possible, (10, 20, 30)[: images.shape[1]])


def all_settings(images: torch.Tensor, found: list) -> torch.Tensor:
    """Every image under every setting: (settings, images, C, H, W)."""
    each = [setting for setting in found for _ in images]
    out = in_one_round(
        images.repeat(len(found), 1, 1, 1),
        kind=[s.kind for s in each],
        mask=[s.mask for s in each],
        threshold=[s.threshold for s in each],
        matrix=[s.matrix for s in each],
        factor=[s.factor for s in each],
    )
    return out.view(len(found), *images.shape)


def torchvisions(image: torch.Tensor, name: str, space: dict, level: int, sign: int) -> torch.Tensor:
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.autoaugment import _apply_op

    magnitudes, signed = space[name]
    magnitude = float(magnitudes[level]) if magnitudes.ndim else 0.0
    magnitude *= sign if signed else 1
    fill = [10, 20, 30][: len(image)]
    return from_pil(_apply_op(to_pil(image), name, magnitude, InterpolationMode.NEAREST, fill))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("level", [0, 5, 9, 15, 30])
def test_randaugment_equals_torchvisions_on_pillow(shape: tuple[int, int, int], level: int) -> None:
    from torchvision.transforms import RandAugment

    images, found = pictures(shape), settings("randaugment", level, shape[1:])
    space = RandAugment()._augmentation_space(31, shape[1:])
    assert sorted(space) == sorted(NAMES) and len(found) == 28
    for number, ours in enumerate(all_settings(images, found)):
        name, sign = NAMES[number % 14], 1 if number < 14 else -1
        theirs = torch.stack([torchvisions(image, name, space, level, sign) for image in images])
        assert torch.equal(ours, theirs), (name, sign)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 24, 41)], ids=str)
def test_trivialaugment_equals_torchvisions_on_pillow(shape: tuple[int, int, int]) -> None:
    from torchvision.transforms import TrivialAugmentWide

    images, found = pictures(shape)[[0, 2]], settings("trivialaugment", 0, shape[1:])
    space = TrivialAugmentWide()._augmentation_space(31)
    assert len(found) == 31 * 28
    for number, ours in enumerate(all_settings(images, found)):
        name, sign, level = NAMES[number % 14], 1 if number // 14 % 2 == 0 else -1, number // 28
        theirs = torch.stack([torchvisions(image, name, space, level, sign) for image in images])
        assert torch.equal(ours, theirs), (name, sign, level)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_blur_equals_pillows(shape: tuple[int, int, int]) -> None:
    images = pictures(shape).repeat(20, 1, 1, 1)
    radii = torch.linspace(0.1, 2.0, len(images), dtype=torch.float64)
    ours = in_one_round(
        images, frozenset({Kind.BLUR}), kind=[Kind.BLUR] * len(images), weights=blur_weights(radii).tolist()
    )
    for image, radius, out in zip(images, radii.tolist(), ours, strict=True):
        assert torch.equal(out, from_pil(to_pil(image).filter(ImageFilter.GaussianBlur(radius)))), radius


def test_no_blur_leaves_an_image() -> None:
    images = pictures((3, 9, 9))
    kinds = [Kind.BLUR] * 8
    assert torch.equal(in_one_round(images, frozenset({Kind.BLUR}), kind=kinds, weights=[NO_BLUR] * 8), images)


@pytest.mark.parametrize("channels", [1, 3])
def test_3augment_is_gray_solarized_or_blurred(channels: int) -> None:
    shape = (channels, 16, 20)
    images = pictures(shape)[:1].repeat(600, 1, 1, 1)
    augmentation = Augmentation(policy="3augment")
    draws = augmentation.draw(600, shape, seeded())
    out, kinds = augmentation.apply(images, draws), draws.integers("0.kind")[:, 0]
    # 600 draws over 3: 200 expected, standard deviation 11.5.
    for kind in (Kind.COLOR, Kind.SOLARIZE, Kind.BLUR):
        assert 200 - 58 < (kinds == kind).sum() < 200 + 58
    picture = to_pil(images[0])
    assert (out[kinds == Kind.SOLARIZE] == from_pil(ImageOps.solarize(picture, 128))).all()
    assert (out[kinds == Kind.COLOR] == from_pil(picture.convert("L"))).all()
    spread = out[kinds == Kind.BLUR].double().std((1, 2, 3))
    assert spread.max() <= images[0].double().std() and len(spread.unique()) > 100


def test_jitter_equals_pillows_enhancements_in_the_drawn_order() -> None:
    from torchvision.transforms import functional as reference

    images = pictures((3, 16, 20)).repeat(8, 1, 1, 1)
    augmentation = Augmentation(color_jitter=0.4)
    draws = augmentation.draw(64, (3, 16, 20), seeded())
    calls = {
        Kind.BRIGHTNESS: reference.adjust_brightness,
        Kind.CONTRAST: reference.adjust_contrast,
        Kind.COLOR: reference.adjust_saturation,
    }
    orders = set()
    for i, ours in enumerate(augmentation.apply(images, draws)):
        picture, order = to_pil(images[i]), []
        for number in range(3):
            kind = int(draws.integers(f"{number}.kind")[i])
            picture = calls[kind](picture, draws.numbers(f"{number}.factor")[i].item())
            order.append(kind)
        assert torch.equal(ours, from_pil(picture))
        orders.add(tuple(order))
    assert len(orders) == 6


def test_jitters_factors_are_uniform_and_each_kind_comes_once() -> None:
    drawn = draw_jitter(4000, 0.4, seeded())
    factors = torch.cat([r["factor"] for r in drawn], 1)
    assert factors.min() >= 0.6 and factors.max() <= 1.4
    assert factors.mean().item() == pytest.approx(1, abs=0.01)
    assert factors.std().item() == pytest.approx(0.8 / 12**0.5, rel=0.03)
    kinds = torch.cat([r["kind"] for r in drawn], 1)
    assert (kinds.sort(1)[0] == torch.tensor([Kind.BRIGHTNESS, Kind.COLOR, Kind.CONTRAST])).all()
    assert draw_jitter(100, 1.0, seeded())[0]["factor"].min() >= 0


def test_operations_are_equally_likely_and_each_image_has_its_own() -> None:
    draws = Augmentation(policy="randaugment").draw(14000, (3, 32, 32), seeded())
    for number in range(2):
        counts = draws.integers(f"{number}.kind")[:, 0].bincount(minlength=10)
        # Five of the 14 operations move; 1,000 expected of each, standard deviation 30.5.
        assert (counts / torch.tensor([1, 5, 1, 1, 1, 1, 1, 1, 1, 1]) - 1000).abs().max() < 5 * 30.5
    first, second = (draws.integers(f"{n}.kind")[:, 0] for n in range(2))
    # The two rounds are independent: 14000 / 14 · 1/14 pairs of brightness and colour, say.
    assert 71.4 - 43 < ((first == Kind.BRIGHTNESS) & (second == Kind.COLOR)).sum() < 71.4 + 43


def test_a_magnitude_between_two_lies_between() -> None:
    size = (32, 32)
    low, middle, high = (settings("randaugment", m, size)[8].factor for m in (9, 9.5, 10))
    assert low < middle < high and middle == pytest.approx((low + high) / 2)


def test_a_round_after_another() -> None:
    images = pictures((3, 16, 16))
    twice = Augmentation(policy="randaugment", operations=2)
    draws = twice.draw(8, (3, 16, 16), seeded())
    expected = images
    for number in range(2):
        expected = apply_round(expected, draws, number, WIDE, ())
    assert torch.equal(twice.apply(images, draws), expected)
    assert not torch.equal(expected, images)
