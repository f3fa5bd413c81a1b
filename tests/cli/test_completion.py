import os
import subprocess
import sys

from headstart.cli.completion import known, method_names, scheme_names
from headstart.data.sources import SOURCES
from headstart.initialization.apply import names
from headstart.methods import METHODS
from headstart.studies import STUDIES
from headstart.training import RECIPES


def test_the_names_read_from_the_files_are_those_of_the_registries() -> None:
    own = {name for name, method in METHODS.items() if method.__module__.startswith("headstart.")}
    assert known("method") == sorted(own)
    assert known("scheme") == sorted(names())
    assert known("recipe") == sorted(RECIPES)
    assert known("dataset") == sorted({*SOURCES, "digits"})
    assert known("study") == sorted(STUDIES)


def test_the_last_of_several_is_completed() -> None:
    assert method_names("drloc,li") == ["drloc,life"]
    assert scheme_names("impulse+drloc,mim") == ["impulse+drloc,mimetic", "impulse+drloc,mimetic-released"]
    assert scheme_names("default,impulse+conv") == ["default,impulse+convffn", "default,impulse+convstem"]
    assert scheme_names("nothing") == []


def test_the_shell_is_answered_without_torch() -> None:
    words = {"_HEADSTART_COMPLETE": "complete_bash", "COMP_WORDS": "headstart train cifar10 --recipe cifar10_s"}
    code = (
        "import sys\nfrom headstart.cli import app\n"
        "try:\n    app(prog_name='headstart')\nexcept SystemExit:\n    pass\n"
        "assert 'torch' not in sys.modules"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, **words, "COMP_CWORD": "4"},
    )  # fmt: skip
    assert run.stdout.split() == ["cifar10_short", "cifar10_small"]
