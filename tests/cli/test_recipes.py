import pytest
from typer.testing import CliRunner

from headstart.cli import app
from headstart.training import RECIPES, Recipe


def test_every_recipe_is_listed_with_what_it_is_for_and_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    result = CliRunner().invoke(app, ["recipes"])
    assert result.exit_code == 0, result.output
    told = result.output.splitlines()
    lines = {line.split()[0]: told[index : index + 2] for index, line in enumerate(told) if line.strip()}
    assert set(RECIPES) < set(lines)
    assert "Handwritten digits of 8×8 pixels" in lines["digits"][0]
    assert "headstart demo" in lines["digits"][1]
    for name in RECIPES:
        assert "headstart " in lines[name][1]
    assert "--recipe NAME" in result.output


def test_a_command_is_one_line_to_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    command = "headstart compare cifar10 --recipe cifar10_small --init default,mimetic,impulse --seeds 3"
    assert f"  {command}" in CliRunner().invoke(app, ["recipes"]).output.splitlines()
    shown = CliRunner().invoke(app, ["recipes", "cifar10_small"]).output.splitlines()
    assert f"Command: {command}" in shown
    assert all(len(line) <= 60 for line in shown if line != f"Command: {command}")


def test_one_recipe_is_shown_in_full_and_every_key_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, ["recipes", "structured_224"])
    assert result.exit_code == 0, result.output
    assert "as in 2505.19985" in result.output
    lines = [line.strip() for line in result.output.splitlines() if line.startswith("  ")]
    assert {line.partition("=")[0] for line in lines} == set(Recipe.model_fields)
    assert Recipe().override(lines) == RECIPES["structured_224"]()


def test_an_unknown_recipe_names_the_nearest() -> None:
    result = CliRunner().invoke(app, ["recipes", "cifar10_smal"])
    assert result.exit_code == 1
    assert "did you mean 'cifar10_small'" in result.output
