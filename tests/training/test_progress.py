import io
import re

import pytest
import torch
from rich.console import Console

from headstart.training import progress
from headstart.training.progress import RunProgress

ROW = {"pass": 1, "train_loss": 2.0, "train_accuracy": 0.25, "val_accuracy": 0.5, "images_per_second": 1234.0}


def test_without_a_terminal_there_is_one_line_per_pass() -> None:
    text = io.StringIO()
    with RunProgress(Console(file=text, width=200), "impulse[a] seed 0", 20) as run:
        for _ in range(10):
            run.step(torch.tensor(2.0), 5)
        run.passed(ROW, 2)
    (line,) = text.getvalue().splitlines()
    assert line.startswith("impulse[a] seed 0 · pass 1/2 · loss 2.000 · train 25.0% · val 50.0% · 1,234 images/s · ")
    assert line.endswith(" s left")


def test_a_terminal_shows_loss_accuracy_and_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "REFRESH_SECONDS", 0.0)
    text = io.StringIO()
    with RunProgress(Console(file=text, width=200, force_terminal=True), "impulse seed 0", 2) as run:
        run.passed(ROW, 2)
        run.step(torch.tensor(1.5), 5)
    for part in ("impulse seed 0", "loss 1.500", "val 50.0%", "images/s", "1/2"):
        assert part in text.getvalue()


def test_a_long_name_leaves_room_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "REFRESH_SECONDS", 0.0)
    text = io.StringIO()
    title = "impulse:solver=pseudoinverse:offsets=released:value=mimetic seed 0"
    with RunProgress(Console(file=text, width=80, force_terminal=True, color_system=None), title, 2000) as run:
        run.passed(ROW, 2)
        run.step(torch.tensor(1.5), 64)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.getvalue())
    (line,) = {line for line in re.split(r"[\r\n]+", shown) if "loss" in line}
    assert line.startswith("impuls") and "… seed 0 " in line and "1/2000" in line
    assert "loss 1.500 val 50.0%" in line and "images/s" in line and len(line) <= 80


def test_the_loss_is_not_read_at_every_step() -> None:
    class Counted(torch.Tensor):
        reads = 0

        def item(self) -> float:
            Counted.reads += 1
            return 1.0

    loss = torch.tensor(1.0).as_subclass(Counted)
    with RunProgress(Console(file=io.StringIO(), force_terminal=True), "title", 1000) as run:
        for _ in range(100):
            run.step(loss, 1)
    assert 1 <= Counted.reads < 20


def test_without_a_console_it_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress(None, "title", 1) as run:
        run.step(torch.tensor(1.0), 1)
        run.passed(ROW, 1)
    assert capsys.readouterr() == ("", "")
