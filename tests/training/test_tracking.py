from pathlib import Path
from typing import Any

import pytest

from headstart.errors import HeadstartError
from headstart.training import Recipe, train
from headstart.training import tracking as module
from headstart.training.tracking import TRACKERS, check_trackers, tracking


def test_tensorboard_has_every_pass_and_the_result(tiny: Recipe, tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    result = train(tiny, tmp_path, track=["tensorboard"])
    events = reader.EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    points = events.Scalars("val_accuracy")
    assert [point.step for point in points] == [4, 8, 12, 12]
    assert points[-1].value == pytest.approx(result["val_accuracy"])
    assert events.Scalars("test_accuracy")[0].value == pytest.approx(result["test_accuracy"])


def test_trackers_are_ended_however_the_run_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate import tracking as accelerated

    said: list[Any] = []

    class Spy:
        def __init__(self, **options: Any) -> None:
            said.append(options)

        def start(self) -> None:
            said.append("start")

        def store_init_configuration(self, values: dict[str, Any]) -> None:
            said.append(values)

        def log(self, values: dict[str, Any], step: int) -> None:
            said.append((values, step))

        def finish(self) -> None:
            said.append("finish")

    monkeypatch.setitem(accelerated.LOGGER_TYPE_TO_CLASS, "wandb", Spy)
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    config = {"lr": 0.1, "betas": [0.9, 0.99], "clip": None}
    with pytest.raises(RuntimeError, match="cut"), tracking(["wandb"], "run", tmp_path, config) as tracked:
        tracked.log({"loss": 1.5, "words": "no number"}, 7)
        raise RuntimeError("cut")
    options, start, stored, logged, finish = said
    assert (options["run_name"], options["name"]) == ("headstart", "run")
    assert (start, finish) == ("start", "finish")
    assert stored == {"lr": 0.1, "betas": "[0.9, 0.99]", "clip": "None"}
    assert logged == ({"loss": 1.5}, 7)


def test_a_tracker_that_can_not_begin_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate import tracking as accelerated

    class Broken:
        def __init__(self, **_: Any) -> None: ...

        def start(self) -> None:
            raise OSError("no server at 127.0.0.1\nand more")

    monkeypatch.setitem(accelerated.LOGGER_TYPE_TO_CLASS, "mlflow", Broken)
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    told = pytest.raises(
        HeadstartError, match=r"'mlflow' could not begin \(OSError: no server at 127.0.0.1\); set it up"
    )
    with told, tracking(["mlflow"], "run", tmp_path, {}):
        pass


def test_unknown_and_missing_trackers_are_told_before_anything_is_written(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="unknown tracker 'tensorbord': did you mean 'tensorboard'"):
        train(tiny, tmp_path / "run", track=["tensorbord"])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", TRACKERS)
def test_a_missing_package_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with pytest.raises(HeadstartError, match=f"tracker '{name}' is not installed: pip install {name}, or leave"):
        check_trackers([name])
