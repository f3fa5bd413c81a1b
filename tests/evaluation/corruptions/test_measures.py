import pytest

from headstart.errors import HeadstartError
from headstart.evaluation.corruptions import CORRUPTIONS, mce, mean_error, relative_mce
from headstart.evaluation.corruptions.measures import ALEXNET, ALEXNET_CLEAN


def test_alexnet_is_one_by_definition() -> None:
    errors = {name: [ALEXNET[name] + shift for shift in (-0.1, -0.05, 0, 0.05, 0.1)] for name in CORRUPTIONS}
    assert mce(errors) == pytest.approx(1) and relative_mce(errors, ALEXNET_CLEAN) == pytest.approx(1)
    assert mean_error(errors) == pytest.approx(sum(ALEXNET.values()) / 15)
    # What the paper says of it, in per cent.
    assert [round(100 * ALEXNET[name]) for name in CORRUPTIONS] == (
        [89, 89, 92, 82, 83, 79, 80, 87, 83, 82, 56, 85, 65, 72, 61]
    )


def test_a_model_that_loses_nothing() -> None:
    errors = {name: [0.2] * 5 for name in CORRUPTIONS}
    assert relative_mce(errors, 0.2) == pytest.approx(0) and mce(errors) > 0.2


def test_a_part_of_the_suite_has_no_mce() -> None:
    errors = {name: [0.2] * 5 for name in CORRUPTIONS[1:]}
    with pytest.raises(HeadstartError, match="all five severities, got no gaussian_noise: use the un-normalised"):
        mce(errors)
    with pytest.raises(HeadstartError, match="other than five severities of fog"):
        relative_mce({**{name: [0.2] * 5 for name in CORRUPTIONS}, "fog": [0.1]}, 0.1)
