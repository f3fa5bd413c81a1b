"""One run of a comparison as a job of a cluster: what is sent, and what it does with the cluster's signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from headstart.training.comparison import Run, train_run
from headstart.training.recipe import Recipe
from headstart.training.stopping import Stopped, StopSignals

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

__all__ = ["Job"]


class Job:
    """Trains one run in its folder; started again, it goes on there.

    submitit carries this object to the job as a pickle in the comparison's ``jobs`` folder. That is its transport
    and none of our checkpoints, and it is small: the recipe as plain JSON, a path, and a few settings. ``on_start``
    goes along as it is; where it is no function of a module, with what it refers to.

    Args:
        run: the arm and seed.
        save_every: seconds between checkpoints inside a pass.
        threads: CPU threads that torch uses; None leaves the choice to torch.
        device: what ``CUDA_VISIBLE_DEVICES`` should be; None leaves it as the job has it.
        track: trackers, as for :func:`~headstart.training.train`.
        watch: likewise.
    """

    def __init__(
        self,
        run: Run,
        save_every: float,
        threads: int | None,
        device: str | None,
        track: tuple[str, ...] = (),
        watch: bool = False,
    ) -> None:
        self.arm, self.recipe, self.on_start = run.arm, run.recipe.model_dump(mode="json"), run.on_start
        self.folder, self.save_every = str(run.folder.absolute()), save_every
        self.threads, self.device, self.track, self.watch = threads, device, track, watch

    def __call__(self) -> None:
        """What the job does."""
        if self.device is not None:
            os.environ["CUDA_VISIBLE_DEVICES"] = self.device
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        run = Run(self.arm, Recipe(**self.recipe), Path(self.folder), self.on_start)
        with _requeued():
            train_run(run, console=Console(), save_every=self.save_every, track=self.track, watch=self.watch)

    def checkpoint(self) -> DelayedSubmission:
        """What submitit should run when the job begins again: the same. The run folder knows from where."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@contextmanager
def _requeued() -> Iterator[None]:
    """Put a job that is out of time, or has to make room for another, back into the queue, saved.

    Such a job gets SIGUSR2 (or what SUBMITIT_PREEMPT_SIGNAL names) shortly before it is killed. submitit's handler
    puts it back into the queue and exits at once, in the middle of a step. Training under way is asked to stop as by
    SIGTERM instead, and the handler called when the step is saved.
    """
    from submitit import JobEnvironment

    environment = JobEnvironment()
    number = getattr(signal, f"SIG{environment.USR_SIG}")
    requeue: Any = signal.getsignal(number)
    asked = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        training = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
        if isinstance(training, StopSignals):
            asked = True
            training.asked = training.asked or number  # a second signal would not wait for the step
        else:
            requeue(number, frame)

    signal.signal(number, note)
    if environment.cluster != "slurm":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # submitit ignores it; before and after training it may kill
    try:
        yield
    except Stopped:
        if asked:
            requeue(number, None)
        # Slurm sends SIGTERM to a job that is cancelled, and to one that has to make room. The second is followed by
        # SIGUSR2 where the cluster gives it some time; the first is killed 30 s later, and so is a second without.
        while environment.cluster == "slurm":
            signal.pause()
        raise
