"""The page on adding a method, followed to the letter: its file, its commands."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest


def test_the_page_works_as_it_stands(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    page = (request.config.rootpath / "docs/methods/add-your-own.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    (commands,) = re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "zloss.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    said = []
    for line in commands.splitlines():
        words = shlex.split(line)
        assert words[0] == "python"
        done = subprocess.run(
            [sys.executable, *words[1:]], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert re.search(r"zloss +Keep the logits' log-sum-exp near nought\.\s+weight=0.0001", said[0])
    config = json.loads((tmp_path / "runs/zloss/config.json").read_text())["config"]
    assert config["methods"] == ["zloss:weight=0.001"]
    results = json.loads((tmp_path / "runs/with-zloss/results.json").read_text())
    plain, with_it = (arm["runs"][0]["history"][0]["train_loss"] for arm in results["arms"])
    assert [arm["name"] for arm in results["arms"]] == ["impulse", "impulse+zloss"]
    assert plain != with_it
