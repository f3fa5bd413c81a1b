import pytest
from typer.testing import CliRunner

from headstart.cli import app
from headstart.training import RECIPES


def test_every_recipe_is_listed_with_what_it_is_for_and_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    result = CliRunner().invoke(app, ["recipes"])
    assert result.exit_code == 0, result.output
    lines = {line.split()[0]: line for line in result.output.splitlines() if line.strip()}
    assert set(RECIPES) < set(lines)
    assert "Handwritten digits of 8×8 pixels" in lines["digits"]
    assert "headstart demo" in lines["digits"]
    for name in RECIPES:
        assert "headstart " in lines[name]
    assert "--recipe NAME" in result.output
