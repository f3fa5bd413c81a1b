"""What a run shows while it goes: a live line on a terminal, one line per pass anywhere else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

__all__ = ["RunProgress"]

# Reading the loss waits for the device; four times a second costs nothing and looks alive.
REFRESH_SECONDS = 0.25
# Columns of a terminal for loss, accuracy and speed, the time left, and what lies between.
BESIDE = 47


class RunProgress:
    """Loss, accuracy, images/s and time left of one run. Without a console it is silent."""

    def __init__(self, console: Console | None, title: str, steps: int, done: int = 0) -> None:
        self.console, self.title, self.steps, self.images = console, title, steps, 0
        self.text, self.rate, self.shown = "", "", 0.0
        self.steps_done, self.resumed_at, self.started = done, done, time.monotonic()
        self.bar: Progress | None = None
        if console is not None and console.is_terminal:
            room = console.width - BESIDE - len(f"{steps}/{steps}")
            width = 20 if len(title) <= room - 20 else 8
            self.bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=width),
                MofNCompleteColumn(),
                TextColumn("{task.fields[text]}", markup=False),
                TimeRemainingColumn(),
                console=console,
                transient=True,
            )
            shown = _shortened(title, max(12, room - width))
            self.task = self.bar.add_task(shown, total=steps, completed=done, text="")

    def __enter__(self) -> RunProgress:
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def step(self, loss: Tensor, images: int) -> None:
        """One optimizer step was queued."""
        self.steps_done, self.images = self.steps_done + 1, self.images + images
        now = time.monotonic()
        if self.bar is None or now - self.shown < REFRESH_SECONDS:
            return
        self.shown, rate = now, self.images / (now - self.started)
        text = f"loss {loss.item():.3f} {self.text} {rate:,.0f} images/s"
        self.bar.update(self.task, completed=self.steps_done, text=text)

    def back(self, what: str, step: int) -> None:
        """Training went wrong and goes on from an earlier ``step``."""
        self.steps_done = step
        if self.bar is not None:
            self.bar.update(self.task, completed=step)
        if self.console is not None:
            self.console.print(f"{self.title} · {what}", highlight=False, soft_wrap=True, markup=False)

    def passed(self, row: dict[str, Any], passes: int) -> None:
        """One pass is over; ``row`` is its line of the history."""
        validated = f"val {row['val_accuracy']:.1%}" if "val_accuracy" in row else ""
        self.text = validated or self.text
        if self.bar is not None:
            self.bar.update(self.task, completed=self.steps_done)
        elif self.console is not None:
            elapsed = time.monotonic() - self.started
            left = elapsed / max(1, self.steps_done - self.resumed_at) * (self.steps - self.steps_done)
            self.console.print(
                f"{self.title} · pass {row['pass']}/{passes} · loss {row['train_loss']:.3f} · "
                f"train {row['train_accuracy']:.1%} · {validated + ' · ' if validated else ''}"
                f"{row['images_per_second']:,.0f} images/s · {left:.0f} s left",
                highlight=False,
                soft_wrap=True,
                markup=False,
            )


def _shortened(title: str, most: int) -> str:
    """The title in at most that many letters, by leaving out its middle: how it begins and the seed tell it apart.

    >>> _shortened("impulse:solver=rotation seed 0", 16)
    'impulse:… seed 0'
    """
    if len(title) <= most:
        return title
    _, seed, number = title.rpartition(" seed ")
    end = f"{seed}{number}"[-(most // 2) :]
    return f"{title[: most - 1 - len(end)]}…{end}"
