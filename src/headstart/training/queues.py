"""Where the jobs of a comparison wait and run: Slurm, or this machine. Both through submitit."""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from headstart.errors import HeadstartError
from headstart.training.files import write_json
from headstart.training.job import Job
from headstart.training.run_folder import read_json

__all__ = ["LocalQueue", "SlurmQueue"]

# Slurm's states of a job that will not run again. In any other, one that was put back included, it may.
OVER = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED"}
OVER |= {"NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"}


class SlurmQueue:
    """Jobs in Slurm's queue; ``jobs.json`` in ``folder`` says which job has which run, for the next command too."""

    poll = 10.0  # seconds between two looks
    stays = True  # jobs go on without us

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        import submitit

        settings = {"job_name": "headstart", "time": 60, **settings}
        if not settings.keys() & {"gres", "gpus_per_node", "gpus_per_task"}:
            settings["gpus_per_node"] = 1
        if "mem_gb" in settings:
            settings["mem"] = f"{int(1024 * settings.pop('mem_gb'))}MB"
        self.threads: int | None = settings.get("cpus_per_task")
        if self.threads is not None:  # since Slurm 22.05 srun has to be told again
            settings.setdefault("srun_args", []).append(f"--cpus-per-task={self.threads}")
        # Without it, a cluster may not let jobs go back into the queue.
        settings["additional_parameters"] = {"requeue": True, **settings.pop("sbatch", {})}
        # Every life of a run makes progress, so that running out of time often is no reason to give up.
        self.executor = submitit.SlurmExecutor(folder, max_num_timeout=settings.pop("max_num_timeout", 100))
        self.executor.update_parameters(**settings)
        self.folder, self.file = folder, folder / "jobs.json"
        self.ids: dict[str, str] = read_json(self.file) if self.file.exists() else {}
        self.seen: dict[str, str] | None = None

    def submit(self, jobs: dict[str, Job]) -> None:
        """Put ``jobs``, by the names of their runs, into the queue as one array."""
        if not jobs:
            return
        with uninterrupted():  # a job whose number is not noted would be submitted again
            try:
                submitted = self.executor.submit_array(list(jobs.values()))
            except RuntimeError as error:
                raise HeadstartError(f"Slurm did not take the jobs: {error}") from None
            self.ids |= {name: job.job_id for name, job in zip(jobs, submitted, strict=True)}
            write_json(self.file, self.ids)

    def states(self) -> dict[str, str]:
        """``queued`` or ``running`` for each run whose job is not over.

        Asks squeue, which knows a job until some minutes after its end and needs no accounting database, once for all.
        """
        command = ["squeue", "--noheader", "--array", f"--user={getpass.getuser()}", "--states=all"]
        done = subprocess.run([*command, "--format=%i %T"], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            listed = dict(line.split() for line in done.stdout.splitlines() if line.strip())
            self.seen = {
                name: "queued" if listed[number] == "PENDING" else "running"
                for name, number in self.ids.items()
                if listed.get(number, "COMPLETED") not in OVER
            }
        elif self.seen is None:
            raise HeadstartError(f"squeue could not say which jobs there are: {done.stderr.strip()}; try again later.")
        return self.seen or {}  # a controller that is busy for a moment has not lost our jobs

    def log(self, name: str) -> Path | None:
        """Where the job of a run writes its errors."""
        return self.folder / f"{self.ids[name]}_0_log.err" if name in self.ids else None

    def stop(self) -> str:
        """Leave the jobs alone, and say how to find them again."""
        numbers = sorted({self.ids[name].split("_")[0] for name in self.seen or {}})
        return (
            "The jobs go on in the queue. The same command waits for them again and gathers; "
            f"`scancel {' '.join(numbers)}` ends them."
        )


class LocalQueue:
    """Jobs as processes of this machine: as many at once as there are GPUs, or as ``jobs`` says, each with one GPU."""

    poll = 0.2
    stays = False

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        import submitit

        # A GPU's name as the user's own CUDA_VISIBLE_DEVICES has it; without GPUs the CPU's threads are shared out.
        count = torch.cuda.device_count()
        shown = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(count))))
        self.devices: list[str | None] = list(shown.split(",")[:count]) or [None]
        slots = settings.get("jobs", len(self.devices))
        self.threads: int | None = settings.get("cpus_per_task", max(1, torch.get_num_threads() // slots))
        self.running: list[tuple[str, Any] | None] = [None] * slots
        self.waiting: dict[str, Job] = {}
        self.logs: dict[str, Path] = {}
        # A folder for each command: submitit tells jobs by their process number, which comes again some day.
        self.executor = submitit.LocalExecutor(folder / datetime.now().strftime("%Y%m%d-%H%M%S"))
        self.executor.update_parameters(timeout_min=60 * 24 * 365)

    def submit(self, jobs: dict[str, Job]) -> None:
        """Let ``jobs``, by the names of their runs, wait for their turn."""
        self.waiting |= jobs

    def states(self) -> dict[str, str]:
        """``queued`` or ``running`` for each run whose job is not over; begins those whose turn it is."""
        for slot, found in enumerate(self.running):
            if found is not None and not found[1].done():
                continue
            self.running[slot] = None
            if self.waiting:
                name = next(iter(self.waiting))
                job = self.waiting.pop(name)
                job.device = self.devices[slot % len(self.devices)]
                with uninterrupted():  # the process will not hear Ctrl-C: it is asked to stop by :meth:`stop`, once
                    process = self.executor.submit(job)
                self.running[slot], self.logs[name] = (name, process), process.paths.stderr
        busy = [found[0] for found in self.running if found is not None]
        return dict.fromkeys(self.waiting, "queued") | dict.fromkeys(busy, "running")

    def log(self, name: str) -> Path | None:
        """Where the job of a run writes its errors."""
        return self.logs.get(name)

    def stop(self) -> str:
        """Let each process finish its step and save."""
        processes = [found[1] for found in self.running if found is not None]
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(int(process.job_id), signal.SIGTERM)  # submitit's own process, which hands it on
        while not all(process.done() for process in processes):
            time.sleep(self.poll)
        return "Stopped; nothing is lost: the same command goes on from there."


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until the end; processes that are begun inside never hear it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
