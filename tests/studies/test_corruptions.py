"""A quick run of the study, which goes on where it was, and settings that do not fit."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from headstart.errors import HeadstartError
from headstart.reporting import markdown_table
from headstart.studies import STUDIES, Request
from headstart.studies.corruptions import SIZES, arms_of
from headstart.training.statistics import paired_difference


def test_the_study_runs_and_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADSTART_DATA", str(tmp_path / "data"))
    console = Console(record=True, width=250)
    request = Request(tmp_path / "out", 2, True, (), console)
    results = STUDIES["corruptions"].run(request)
    assert json.loads((tmp_path / "out/results.json").read_text()) == json.loads(json.dumps(results))
    assert (tmp_path / "out/corruptions.png").stat().st_size > 10_000
    names = ["default", "impulse", "default+gaussian-noise", "default+conditioned-choice"]
    assert [arm["name"] for arm in results["arms"]] == names
    alone, impulse, noise, choice = results["arms"]
    assert (alone["reference"], impulse["reference"], noise["reference"]) == (None, "default", "default")
    assert (impulse["plain"], noise["plain"], choice["plain"]) == (None, None, "default+gaussian-noise")
    errors = {arm["name"]: [run["summary"]["corruption_error"] for run in arm["runs"]] for arm in results["arms"]}
    for key, other in (("over_reference", "default"), ("over_plain", "default+gaussian-noise")):
        difference, interval = paired_difference(errors["default+conditioned-choice"], errors[other])
        assert choice["error"][key] == pytest.approx(difference)
        assert choice["error"][f"{key}_interval"] == pytest.approx(interval)
    trained = json.loads((tmp_path / "out/runs/results.json").read_text())["arms"]
    assert [arm["clean"]["mean"] for arm in results["arms"]] == pytest.approx([arm["mean"] for arm in trained])
    assert results["images"] == 40 and results["corruptions"] == ["gaussian_noise", "fog"]
    assert results["command"] == "headstart study corruptions --seeds 2 --quick"
    assert "conditioned" in console.export_text() and "`impulse`" in markdown_table(results)

    folder = tmp_path / "out/runs/default/seed-0"
    written = [(folder / name).stat().st_mtime_ns for name in ("result.json", "corruptions.json")]
    assert STUDIES["corruptions"].run(request)["rows"] == results["rows"]
    assert [(folder / name).stat().st_mtime_ns for name in ("result.json", "corruptions.json")] == written


def test_every_method_is_compared_to_its_initialization_and_to_plain_noise() -> None:
    arms = arms_of(SIZES["small"])
    assert len(arms) == 13 and arms["mimetic"] == ("default", None)
    assert arms["impulse+gaussian-noise"] == ("impulse", None)
    assert arms["impulse+fourier"] == ("impulse", "impulse+gaussian-noise")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("size=smal",), "unknown size of this study 'smal': did you mean 'small'"),
        (("over=mimetic",), "unknown initialization of over 'mimetic'"),
        (("methods=fourier,fourier",), "expected different methods, got fourier,fourier"),
        (("methods=fourie",), "unknown method 'fourie': did you mean 'fourier'"),
        (("corruptions=fogg",), "unknown corruption 'fogg': did you mean 'fog'"),
        (("severities=1,6",), "severities from 1 to 5, got images=40 and severities=1,6"),
        (("images=0",), "expected one or more images"),
        (("inits=default,default",), "expected different inits"),
    ],
)
def test_settings_that_do_not_fit_are_refused(tmp_path: Path, settings: tuple[str, ...], message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        STUDIES["corruptions"].run(Request(tmp_path / "out", 1, True, settings, Console(quiet=True)))
    assert message in str(told.value)
    assert not (tmp_path / "out").exists()
