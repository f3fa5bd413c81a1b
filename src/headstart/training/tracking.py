"""Trackers: where the numbers of a run are shown while it goes, beside the JSON lines of its folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from headstart.errors import HeadstartError, unknown

__all__ = ["TRACKERS", "Tracking", "check_trackers", "tracking"]

# By Accelerate's name for it: the module that has to be there, and the package that brings it.
TRACKERS = {
    "tensorboard": ("tensorboard", "tensorboard"),
    "wandb": ("wandb", "wandb"),
    "trackio": ("trackio", "trackio"),
    "mlflow": ("mlflow", "mlflow"),
}


class Tracking:
    """Sends numbers to the trackers of one run; with none it does nothing."""

    def __init__(self, trackers: Sequence[Any]) -> None:
        self.trackers = trackers

    def log(self, numbers: Mapping[str, Any], step: int) -> None:
        """Show ``numbers`` at ``step`` (optimizer steps since the start)."""
        for tracker in self.trackers:
            tracker.log({key: value for key, value in numbers.items() if isinstance(value, int | float)}, step=step)


def check_trackers(names: Sequence[str]) -> None:
    """Raise :class:`~headstart.errors.HeadstartError` for a tracker that is not known or not installed."""
    for name in names:
        if name not in TRACKERS:
            raise unknown("tracker", name, TRACKERS)
        module, package = TRACKERS[name]
        if find_spec(module) is None:
            raise HeadstartError(
                f"tracker {name!r} is not installed: pip install {package}, or leave --track {name} out."
            )


@contextmanager
def tracking(names: Sequence[str], title: str, out: Path, config: Mapping[str, Any]) -> Iterator[Tracking]:
    """The trackers of a run, begun with its ``config`` and ended with the block, however it ends.

    Accelerate's own trackers: ``tensorboard`` writes under ``out``, ``mlflow`` where MLFLOW_TRACKING_URI says (else in
    the working directory), ``wandb`` and ``trackio`` into their project ``headstart``, all under the name ``title``.

    Raises :class:`~headstart.errors.HeadstartError` for a tracker that is not known, not installed, or can't begin.
    """
    check_trackers(names)
    if not names:
        yield Tracking(())
        return
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    options: dict[str, dict[str, Any]] = {
        "tensorboard": {"run_name": "tensorboard", "logging_dir": out},
        "wandb": {"run_name": "headstart", "name": title, "dir": str(out)},
        "trackio": {"run_name": "headstart", "name": title},
        "mlflow": {"experiment_name": "headstart", "run_name": title},
    }
    begun = []
    try:
        for name in names:
            tracker = LOGGER_TYPE_TO_CLASS[name](**options[name])
            try:
                tracker.start()
            except Exception as error:  # whatever a tracker's own library raises
                reason = f"{type(error).__name__}: {error}".splitlines()[0]
                raise HeadstartError(
                    f"tracker {name!r} could not begin ({reason}); set it up as its own documentation says, or leave "
                    f"--track {name} out."
                ) from error
            begun.append(tracker)
            # Trackers take numbers, words and truth values; what is none of these is shown as a word.
            plain = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in config.items()}
            tracker.store_init_configuration(plain)
        yield Tracking(begun)
    finally:
        for tracker in begun:
            tracker.finish()
