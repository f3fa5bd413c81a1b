"""The command says how PyTorch's threads wait before PyTorch is there to read it; the user's choice stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from headstart.cli import SPINS

CODE = """
import json, os, sys
from headstart import cli
cli.app = lambda: print(json.dumps(["torch" in sys.modules, os.environ.get("GOMP_SPINCOUNT")]))
cli.main()
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_spins_are_set_before_pytorch_is_imported(environment: dict[str, str], expected: str | None) -> None:
    unset = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}
    clean = {key: value for key, value in os.environ.items() if key not in unset}
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, expected]
