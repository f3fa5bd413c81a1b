import json
from dataclasses import replace

import pytest

from headstart.evaluation.corruptions import CORRUPTIONS, CorruptionResult

RESULT = CorruptionResult(
    source="generated",
    suite="imagenet-c",
    frost="made",
    images=10,
    pixels=(224, 224),
    seed=0,
    severities=(1, 2, 3, 4, 5),
    clean_accuracy=0.9,
    clean_ece=0.02,
    accuracy={name: (0.8, 0.7, 0.6, 0.5, 0.4) for name in CORRUPTIONS},
    ece={name: (0.1, 0.1, 0.1, 0.1, 0.2) for name in CORRUPTIONS},
)


def test_what_follows_from_the_numbers() -> None:
    assert RESULT.corruption_error == pytest.approx(0.4) and RESULT.corruption_accuracy == pytest.approx(0.6)
    assert RESULT.gap == pytest.approx(0.3) and RESULT.corruption_ece == pytest.approx(0.12)
    assert RESULT.mce == pytest.approx(sum(0.4 / x for x in (
        0.886428, 0.894468, 0.92264, 0.81988, 0.826268, 0.785948, 0.79836, 0.866816, 0.826572, 0.819324, 0.564592,
        0.853204, 0.646056, 0.71784, 0.6065,
    )) / 15)  # fmt: skip
    assert RESULT.relative_mce == pytest.approx(sum(0.3 / (x - 0.4348) for x in (
        0.886428, 0.894468, 0.92264, 0.81988, 0.826268, 0.785948, 0.79836, 0.866816, 0.826572, 0.819324, 0.564592,
        0.853204, 0.646056, 0.71784, 0.6065,
    )) / 15)  # fmt: skip


def test_json_and_back() -> None:
    written = json.loads(json.dumps(RESULT.to_dict(), allow_nan=False))
    assert CorruptionResult.from_dict(written) == RESULT
    assert written["summary"]["gap"] == pytest.approx(0.3) and written["source"] == "generated"


def test_no_mce_of_small_images_or_of_a_part() -> None:
    assert replace(RESULT, suite="cifar-c").mce is None and replace(RESULT, suite="cifar-c").relative_mce is None
    part = replace(RESULT, accuracy={"fog": RESULT.accuracy["fog"]})
    assert not part.whole and part.mce is None and part.corruption_error == pytest.approx(0.4)
