import json
from pathlib import Path

import pytest
from rich.console import Console

from headstart.errors import HeadstartError
from headstart.studies import STUDIES, Request
from headstart.studies import recipe as study
from headstart.studies.questions import Arm
from headstart.studies.recipe_questions import recipe_questions
from headstart.training import Recipe
from headstart.training.build import build_dataset, build_model

FULL = {key: value for key, value in study.SIZES["full"].items() if key in Recipe.model_fields and key != "limit"}


def request(out: Path, *settings: str) -> Request:
    return Request(out, 2, True, settings, Console(quiet=True))


def test_the_study_names_the_best_by_validation(tmp_path: Path) -> None:
    results = STUDIES["recipe"].run(request(tmp_path))
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(results))
    assert (tmp_path / "recipe.png").stat().st_size > 10_000
    (answer,) = results["answers"]
    base, slower, *_ = answer["arms"]
    assert base["difference"] is None and slower["changes"] == ["lr=0.0005"]
    assert slower["difference"] == pytest.approx(slower["mean"] - base["mean"])
    scores = {" ".join([arm["init"], *arm["changes"]]): sum(arm["val"]) for arm in answer["arms"]}
    assert scores[results["best"]["optimizer"]] == max(scores.values())
    for noted in tmp_path.glob("runs/*/*/seed-1/machine.json"):
        noted.write_text(json.dumps({**json.loads(noted.read_text()), "commit": "elsewhere"}))
    again = STUDIES["recipe"].run(request(tmp_path))
    assert again["commit"] == f"{results['commit'] or 'none'}, elsewhere"


def test_unknown_questions_are_told(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="unknown question of this study 'shapes': did you mean 'shape'"):
        study.run(request(tmp_path, "questions=shapes"))


@pytest.mark.parametrize("name", study.QUESTIONS)
def test_every_candidate_is_a_plain_vit_of_at_most_six_million_parameters(name: str) -> None:
    question = recipe_questions()[name]
    dataset = build_dataset(Recipe(dataset="digits", image_size=32, limit=50))
    for arm in question.arms:
        recipe = Recipe(**FULL).override(arm.changes)
        assert recipe != Recipe(**FULL) or arm.changes == ()
        assert question.beside(arm) == Arm("impulse")
        model = build_model(recipe, dataset)
        assert sum(weights.numel() for weights in model.parameters()) <= 6e6
