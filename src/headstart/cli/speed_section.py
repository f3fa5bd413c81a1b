"""``headstart evaluate --throughput``: images a second, latency and memory of each run, and of all in turn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from headstart.cli.common import UsageError
from headstart.errors import HeadstartError, unknown

if TYPE_CHECKING:
    import torch

    from headstart.training.opening import Opened

__all__ = ["Timed", "speed_section", "ways_to_time"]

FEWEST, MOST = 10, 1000  # rounds


@dataclass(frozen=True)
class Timed:
    """Batch sizes, (way, precision) pairs and seconds for each batch size."""

    sizes: list[int]
    ways: list[tuple[str, str]]
    seconds: float


def ways_to_time(
    asked: bool, batch: str | None, precision: str | None, compile_: bool, onnx: bool, seconds: float | None
) -> Timed | None:
    """What ``--throughput`` is to time, None without it; checked before any run is opened."""
    from headstart.evaluation.onnx_session import need_onnx
    from headstart.evaluation.precision import PRECISIONS

    given = {"--batch": batch, "--precision": precision, "--seconds": seconds}
    extra = [flag for flag, value in given.items() if value is not None]
    extra += [flag for flag, value in {"--compile": compile_, "--onnx": onnx}.items() if value]
    if extra and not asked:
        raise UsageError(f"{' and '.join(extra)} say{'s' * (len(extra) == 1)} how to time; add --throughput.")
    if not asked:
        return None
    sizes = [text.strip() for text in ("1,8,64" if batch is None else batch).split(",")]
    if not all(text.isdecimal() and int(text) for text in sizes):
        raise UsageError(f"--batch expects numbers of at least 1 with commas between, such as 1,8,64; got {batch!r}.")
    precisions = [text.strip() for text in (precision or "float32").split(",")]
    for name in precisions:
        if name not in PRECISIONS:
            raise unknown("precision", name, PRECISIONS)
    if onnx:
        need_onnx()
    ways = [(way, name) for way in ["eager", *["compiled"] * compile_] for name in precisions]
    ways += [("onnx", "float32")] * onnx
    return Timed(sorted({int(text) for text in sizes}), ways, 2.0 if seconds is None else seconds)


def speed_section(
    shown: Console, document: dict[str, Any], opened: list[Opened], at: torch.device, out: Path, timed: Timed
) -> list[Path]:
    """Adds each run's timings, and, for several, all of them in turn at the first batch size; returns the picture."""
    from headstart.evaluation import Timing, throughput
    from headstart.reporting import speed_table

    if ("onnx", "float32") in timed.ways:
        document["versions"]["onnxruntime"] = metadata.version("onnxruntime")
    for one, entry in zip(opened, document["runs"], strict=True):
        shape, timings = one.run.dataset.train.image_shape, []
        for way, precision in timed.ways:
            try:
                timings += throughput(
                    one.run.model,
                    shape,
                    batch_sizes=timed.sizes,
                    way=way,
                    precision=precision,
                    device=at,
                    seconds=timed.seconds,
                )
            except HeadstartError as error:  # one way that does not work is no reason to lose the others
                timings.append(Timing(timed.sizes[0], (), precision, way, note=str(error)))
        entry["throughput"] = [timing.as_json() for timing in timings]
    shown.print(speed_table(document["runs"]))
    for entry in document["runs"]:
        for row in entry["throughput"]:
            if row["note"]:
                words = f"{entry['name']}, {row['precision']} {row['way']}, batch {row['batch_size']}: {row['note']}"
                shown.print(words, style="yellow", markup=False, highlight=False, soft_wrap=True)
    return _in_turn(shown, document, opened, at, timed, out / "latency.png")


def _in_turn(
    shown: Console, document: dict[str, Any], opened: list[Opened], at: torch.device, timed: Timed, path: Path
) -> list[Path]:
    """Several runs in eager float32, pass by pass in turn: the only honest ratios on a machine with other work."""
    from headstart.evaluation import side_by_side
    from headstart.reporting import draw_latency

    if len(opened) < 2:
        return []
    shapes = sorted({one.run.dataset.train.image_shape for one in opened})
    if len(shapes) > 1:
        words = f"no comparison and no picture: the runs take images of different shapes, {shapes}"
        shown.print(words, style="yellow", highlight=False, soft_wrap=True)
        return []
    models = {one.name: one.run.model for one in opened}
    size = timed.sizes[0]
    in_turn = partial(side_by_side, models, shapes[0], batch_size=size, device=at)
    a_round = sum(timing.milliseconds(50) for timing in in_turn(rounds=3).values()) / 1e3
    rounds = max(FEWEST, min(MOST, int(timed.seconds * len(models) / a_round)))
    timings = in_turn(rounds=rounds)
    first = next(iter(timings.values()))
    document["side_by_side"] = {
        "batch_size": size,
        "rounds": rounds,
        "milliseconds": {name: round(timing.milliseconds(50), 4) for name, timing in timings.items()},
        "times_as_fast_as_the_first": {
            name: round(timing.times_as_fast_as(first), 4) for name, timing in timings.items()
        },
    }
    shown.print(f"in turn, batch of {size}, median of {rounds} rounds:", highlight=False)
    for name, ratio in document["side_by_side"]["times_as_fast_as_the_first"].items():
        milliseconds = document["side_by_side"]["milliseconds"][name]
        line = f"  {name}: {milliseconds:.2f} ms, {ratio:.2f} times as fast as {opened[0].name}"
        shown.print(line, markup=False, highlight=False, soft_wrap=True)
    if all(one.mean is None for one in opened):
        return []
    return [draw_latency(document, path)]
