import errno
import json
from pathlib import Path
from unittest.mock import Mock

import pytest
import torch
import torch.nn.functional as F

from headstart.errors import HeadstartError
from headstart.training import Recipe, calibrating, load_run, train
from headstart.training.calibrating import calibrated, fit_facts, kept_facts, logits_of


def test_the_temperature_of_a_run_is_fitted_once_and_belongs_to_its_weights(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = train(tiny.override(["passes=1"]), tmp_path)
    assert kept_facts(tmp_path) is None
    run = load_run(tmp_path)
    facts = calibrated(run, tmp_path)
    logits, labels = logits_of(run.model, run.dataset.val, run.dataset, 50)
    assert facts.accuracy == result["val_accuracy"] == (logits.argmax(1) == labels).double().mean()
    assert facts.images == len(run.dataset.val)
    assert facts.nll[0] == pytest.approx(float(F.cross_entropy(logits, labels)), rel=1e-5)
    assert facts.nll[1] <= facts.nll[0]
    for t in (0.98, 1.02):  # a minimum
        scaled = logits.double() / (t * facts.temperature)
        assert float(F.cross_entropy(scaled, labels)) >= facts.nll[1] - 1e-9
    assert kept_facts(tmp_path) == facts == fit_facts(run)

    (tmp_path / "calibration.json").unlink()
    for error in (OSError(errno.EROFS, "Read-only file system"), HeadstartError("the disk is full")):
        monkeypatch.setattr(calibrating, "write_json", Mock(side_effect=error))
        assert calibrated(run, tmp_path) == facts
    assert kept_facts(tmp_path) is None
    monkeypatch.undo()
    calibrated(run, tmp_path)

    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert kept_facts(tmp_path) is None


def test_a_newer_and_a_damaged_calibration_are_refused(tiny: Recipe, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "calibration.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(HeadstartError, match=r"calibration.json was written by a newer headstart \(format 2, this"):
        kept_facts(tmp_path)
    (tmp_path / "calibration.json").write_text("{")
    with pytest.raises(HeadstartError, match=r"calibration.json is damaged"):
        kept_facts(tmp_path)
    assert torch.is_inference_mode_enabled() is False
