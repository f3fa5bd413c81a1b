import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.evaluation import precision
from headstart.evaluation.precision import in_precision, need_precision

CPU = torch.device("cpu")


def test_weights_and_buffers_come_back_as_the_very_tensors_they_were() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    before = {name: (tensor.data_ptr(), tensor.clone()) for name, tensor in model.state_dict().items()}
    with in_precision(model, torch.bfloat16):
        types = {name: tensor.dtype for name, tensor in model.state_dict().items()}
        assert types.pop("1.num_batches_tracked") == torch.int64
        assert set(types.values()) == {torch.bfloat16}
    for name, tensor in model.state_dict().items():
        assert tensor.data_ptr() == before[name][0]
        assert torch.equal(tensor, before[name][1])


def test_an_unknown_precision_is_told() -> None:
    with pytest.raises(HeadstartError, match="unknown precision 'float61': did you mean 'bfloat16' or 'float32'"):
        need_precision("float61", CPU)


def test_a_cpu_that_is_killed_by_bfloat16_is_spared(monkeypatch: pytest.MonkeyPatch) -> None:
    precision._cpu_has_bfloat16.cache_clear()
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=-4))  # SIGILL
    with pytest.raises(HeadstartError, match=r"this CPU does not run bfloat16 .*; use float32"):
        need_precision("bfloat16", CPU)
    precision._cpu_has_bfloat16.cache_clear()


def test_the_probe_is_a_program_that_runs() -> None:
    compile(precision.PROBE, "probe", "exec")
    # Whether bfloat16 works is the machine's; that float32 does is the program's.
    left: dict[str, Any] = {}
    exec(precision.PROBE.replace("bfloat16", "float32"), left)
    assert left["size"] == 192 and left["heads"].dtype == torch.float32  # to its last size, and not in bfloat16
