import pytest
import torch

from headstart.errors import HeadstartError
from headstart.evaluation.calibration import expected_calibration_error


def test_by_hand() -> None:
    # Bins of a tenth: 0.95 and 1.0 in the last, 0.55 in the sixth, 0.0 in the first.
    said = torch.tensor([0.95, 1.0, 0.55, 0.0])
    right = torch.tensor([True, False, True, False])
    assert expected_calibration_error(said, right, bins=10) == pytest.approx(abs(0.975 - 0.5) / 2 + 0.45 / 4)


def test_a_bin_holds_its_upper_end() -> None:
    # 0.5 and 0.3 share the bin (0, 1/2], 0.6 has the other.
    said = torch.tensor([0.5, 0.3, 0.6])
    right = torch.tensor([True, False, True])
    assert expected_calibration_error(said, right, bins=2) == pytest.approx((abs(1 - 0.8) + 0.4) / 3)


def test_sure_and_right_is_nought_and_sure_and_wrong_is_one() -> None:
    assert expected_calibration_error(torch.ones(5), torch.ones(5, dtype=torch.bool)) == 0
    assert expected_calibration_error(torch.ones(5), torch.zeros(5, dtype=torch.bool)) == 1


def test_what_is_no_confidence() -> None:
    with pytest.raises(HeadstartError, match=r"from 0 to 1, got -2 to 3: take the softmax"):
        expected_calibration_error(torch.tensor([-2.0, 3.0]), torch.tensor([True, True]))
    with pytest.raises(HeadstartError, match=r"one or more images, got shapes \(2,\) and \(3,\)"):
        expected_calibration_error(torch.ones(2), torch.ones(3, dtype=torch.bool))
