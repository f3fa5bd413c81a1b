"""The examples do what they say, on the digits."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize(
    ("name", "needs", "passes"),
    [("plain_pytorch", "torch", 1), ("timm_train", "timm", 2), ("transformers_trainer", "transformers", 3)],
)
@pytest.mark.filterwarnings("ignore")
def test_a_few_passes_are_better_than_guessing(name, needs, passes):
    pytest.importorskip(needs)
    accuracy = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"](passes)
    assert accuracy > 0.25  # ten classes


def test_every_example_is_run():
    # The notebook's script runs in tests/scripts/test_make_notebook.py.
    here = {"plain_pytorch", "timm_train", "transformers_trainer"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*here, "head_start"}


def test_no_example_hides_a_library():
    # A script's folder comes first when Python looks for a module.
    assert not {path.stem for path in EXAMPLES.glob("*.py")} & {"headstart", "timm", "torch", "transformers"}
