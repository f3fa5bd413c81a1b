"""A comparison as jobs, one for each arm and seed: of a Slurm cluster, or of the GPUs of this machine."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from headstart.errors import HeadstartError, unknown
from headstart.training.comparison import Plan, Run, train_run
from headstart.training.job import Job
from headstart.training.locking import locked
from headstart.training.queues import LocalQueue, SlurmQueue
from headstart.training.run_folder import claim, read_json

__all__ = ["Cluster", "Submitted"]

QUEUES: dict[str, type[SlurmQueue] | type[LocalQueue]] = {"slurm": SlurmQueue, "local": LocalQueue}

# Names of submitit, which are sbatch's, and what they take. One run is one process: no nodes, no tasks.
TEXTS = "partition account qos constraint gres mem mem_per_cpu mem_per_gpu nodelist exclude job_name comment dependency"
NUMBERS = "time gpus_per_node gpus_per_task cpus_per_task array_parallelism signal_delay_s max_num_timeout"
KNOWN: dict[str, dict[str, type]] = {
    "slurm": {
        **dict.fromkeys(TEXTS.split(), str),
        **dict.fromkeys(NUMBERS.split(), int),
        "mem_gb": float,
        "setup": list,
    },
    "local": {"jobs": int, "cpus_per_task": int},
}
SHORT = {"timeout_min": "time", "gpus": "gpus_per_node", "cpus": "cpus_per_task", "jobs": "array_parallelism"}


class Submitted(Exception):
    """The runs are in the queue and nobody waits for them; the message says how to gather."""


class Cluster:
    """A ``runner`` for :func:`~headstart.training.compare` that makes a job of every arm and seed.

    A run that is finished is only read. One whose job is in the queue, or whose folder is in use, is waited for; the
    others are submitted. So the same command attaches to what is under way, goes on with what was cut, and tries
    again what failed.

    Args:
        kind: ``"slurm"``, or ``"local"`` for processes of this machine, as many at once as it has GPUs.
        settings: ``KEY=VALUE`` for submitit: ``partition=gpu``, ``time=120`` (minutes; 60 unless given), ``gpus=1``,
            ``cpus=8``, ``mem_gb=32``, ``jobs=4`` (at most that many at once), ``setup=COMMAND`` (before the job),
            and ``sbatch.NAME=VALUE`` for any other option of sbatch; for ``local`` ``jobs`` and ``cpus``.
        wait: until the runs are finished; else :class:`Submitted` is raised when they are in the queue.

    Raises :class:`~headstart.errors.HeadstartError` when submitit or Slurm is missing, for an unknown kind or key,
    and, when all jobs are over, if some failed: with arm, seed, the job's own message, and where its log lies.
    KeyboardInterrupt leaves jobs of Slurm alone, and stops those of this machine after their step is saved.
    """

    def __init__(self, kind: str, settings: Iterable[str] = (), *, wait: bool = True) -> None:
        if kind not in QUEUES:
            raise unknown("--cluster", kind, QUEUES)
        try:
            import submitit  # noqa: F401  found missing before anything is loaded
        except ImportError:
            raise HeadstartError(f'--cluster {kind} needs submitit; pip install "headstart[cluster]".') from None
        missing = [tool for tool in ("sbatch", "squeue", "srun") if shutil.which(tool) is None]
        if kind == "slurm" and missing:
            raise HeadstartError(
                f"--cluster slurm needs {missing[0]}, which is not here: run it on a login node of a Slurm cluster, "
                "or use --cluster local for the GPUs of this machine."
            )
        if kind == "local" and not wait:
            raise HeadstartError("--cluster local has no queue that goes on alone; leave out --no-wait, or use nohup.")
        self.kind, self.settings, self.wait = kind, _parsed(kind, settings), wait

    def __call__(self, plan: Plan) -> None:
        """Make the runs of ``plan``."""
        missing = {run.folder.relative_to(plan.out).as_posix(): run for run in plan.runs if not run.finished}
        for run in plan.runs:
            if run.finished:
                train_run(run, dataset=plan.dataset)  # no training: refuses a folder of another config
        if not missing:
            return
        claim(plan.out, plan.config)
        folder = plan.out.absolute() / "jobs"
        with ExitStack() as stack:
            # One command at a time may decide what has to be submitted.
            stack.enter_context(locked(folder))
            queue = QUEUES[self.kind](folder, dict(self.settings))
            known = queue.states()
            new = {name: run for name, run in missing.items() if name not in known and not _in_use(run.folder)}
            queue.submit(
                {
                    name: Job(run, plan.save_every, queue.threads, None, plan.track, plan.watch)
                    for name, run in new.items()
                }
            )
            done, under_way = len(plan.runs) - len(missing), len(missing) - len(new)
            count = f"{len(plan.runs)} run{'s' * (len(plan.runs) > 1)}"
            words = f"{count}: {done} finished, {under_way} under way, {len(new)} submitted"
            if not self.wait:
                raise Submitted(f"{words}. The same command without --no-wait waits for them and gathers.")
            _say(plan, f"{words}; logs in {plan.out / 'jobs'}")
            if queue.stays:
                stack.close()
            try:
                failed = _wait(plan, queue, missing)
            except KeyboardInterrupt as interrupt:
                interrupt.args = (queue.stop(),)
                raise
        if failed:
            raise HeadstartError(
                f"{len(failed)} of {len(plan.runs)} runs failed; the others are finished and kept, and the same "
                "command tries these again.\n" + "\n".join(failed)
            )


def _wait(plan: Plan, queue: SlurmQueue | LocalQueue, runs: dict[str, Run]) -> list[str]:
    """Say a line for each run whose job is over; in the end, what the failed ones have to say."""
    failed, left = [], dict(runs)
    while left:
        states = queue.states()
        for name, run in [*left.items()]:
            if name in states or _in_use(run.folder):
                continue
            del left[name]
            if run.finished:
                result = read_json(run.folder / "result.json")
                words = f"test {result['test_accuracy']:.1%} · {result['seconds']:.0f} s"
            else:
                words = _last_words(queue.log(name))
                failed.append(f"  {run}: {words}")
            counts = [f"{[*states.values()].count(state)} {state}" for state in ("running", "queued")]
            _say(plan, f"{run} · {words} · {', '.join(counts)}")
        if left:
            time.sleep(queue.poll)
    return failed


def _in_use(folder: Path) -> bool:
    """Whether some process, of a job or not, trains in ``folder``."""
    if not folder.exists():
        return False
    try:
        with locked(folder):
            return False
    except HeadstartError:
        return True


def _last_words(log: Path | None) -> str:
    """What a job that is over without a result has to say, and where."""
    if log is None:
        return "stopped by the process that trained it"
    text = log.read_text(errors="replace") if log.exists() else ""
    # The line behind a traceback names the error; without one, the job was ended from outside.
    errors = re.findall(r"^Traceback .*\n(?:[ \t].*\n|\n)*(\S.*)", text, flags=re.MULTILINE)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("srun: ")]
    last = errors[-1] if errors else f"ended without a result{': ' + lines[-1] if lines else ' (killed or cancelled)'}"
    return f"{re.sub(r'^headstart[.][a-z_.]+[.][A-Z][A-Za-z]+: ', '', last)} (log: {log})"


def _parsed(kind: str, settings: Iterable[str]) -> dict[str, Any]:
    """The values by submitit's names; ``sbatch`` holds what goes to sbatch as it is."""
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = (part.strip() for part in setting.partition("="))
        if not equals or not text:
            raise HeadstartError(f"--cluster-set expects KEY=VALUE, got {setting!r}; for example --cluster-set jobs=2.")
        if kind == "slurm" and key.startswith("sbatch."):
            values.setdefault("sbatch", {})[key.removeprefix("sbatch.")] = True if text == "true" else text
            continue
        name = key.removeprefix(f"{kind}_")
        name = name if name in KNOWN[kind] else SHORT.get(name, name)
        if name not in KNOWN[kind]:
            short = {word for word, full in SHORT.items() if full in KNOWN[kind]}
            raise unknown(f"--cluster-set key for {kind}", key, KNOWN[kind].keys() | short)
        wanted, least = KNOWN[kind][name], int(name not in ("gpus_per_node", "max_num_timeout", "mem_gb"))
        value: Any
        try:
            value = [*values.get(name, []), text] if wanted is list else wanted(text)
        except ValueError:
            value = None
        if value is None or (wanted in (int, float) and value < least):
            unit = f"a {'whole ' * (wanted is int)}number{' of minutes' * (name == 'time')}"
            raise HeadstartError(f"--cluster-set {key}: expected {unit}, {least} or more, got {text!r}.")
        values[name] = value
    return values


def _say(plan: Plan, words: str) -> None:
    if plan.console is not None:
        plan.console.print(words, markup=False, highlight=False, soft_wrap=True)
