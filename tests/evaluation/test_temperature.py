import pytest
import torch

from headstart.errors import HeadstartError
from headstart.evaluation import expected_calibration_error
from headstart.evaluation.temperature import fit_temperature


def test_the_temperature_that_labels_were_drawn_with_is_found() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(20000, 5, generator=generator)
    labels = torch.multinomial((logits / 2.5).softmax(1), 1, generator=generator)[:, 0]
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(2.5, rel=0.03)
    right = logits.argmax(1) == labels
    before, after = (expected_calibration_error((logits / t).softmax(1).amax(1), right) for t in (1.0, temperature))
    assert after < 0.02 < before
    assert fit_temperature(2 * logits, labels) == pytest.approx(2 * temperature, rel=1e-9)


def test_it_stays_within_its_bounds() -> None:
    logits = torch.eye(4)
    assert fit_temperature(logits, torch.arange(4)) == pytest.approx(0.1)  # all right: the surer the better
    assert fit_temperature(logits, torch.arange(4).roll(1)) == pytest.approx(10.0)  # all wrong


def test_bad_input_is_refused() -> None:
    with pytest.raises(HeadstartError, match=r"expected logits \(n, classes\) and a label .* \(2, 3\) and \(3,\)"):
        fit_temperature(torch.zeros(2, 3), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(HeadstartError, match="expected finite logits"):
        fit_temperature(torch.full((1, 2), torch.nan), torch.zeros(1, dtype=torch.int64))
