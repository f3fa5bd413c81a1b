from pathlib import Path

from headstart.training import Recipe, load_run, train
from headstart.training.calibrating import fit_facts
from headstart.training.model_card import USE, model_card


def test_a_card_has_the_runs_numbers_and_says_how_to_load_it(tiny: Recipe, tmp_path: Path) -> None:
    result = train(tiny.override(["passes=1", "methods=drloc"]), tmp_path)
    run = load_run(tmp_path)
    facts = fit_facts(run)
    card = model_card(run, facts, result, dict.fromkeys(USE, 1.5e-7), 64)
    assert card.startswith("---\nlibrary_name: timm\npipeline_tag: image-classification\n")
    assert f"| test accuracy | {result['test_accuracy']:.2%} of 359 images |" in card
    assert f"| temperature | {facts.temperature:.4f} |" in card
    assert "`0`, `1`, `2`" in card
    assert "default + drloc" in card
    assert "\nmethods=drloc\n" in card
    assert f"hash {run.recipe.config_hash}" in card
    assert "ImageOps.fit(image, (8, 8), " in card
    assert 'convert("L")' in card
    for name in USE:
        assert f"| {name} | 1.5e-07 |" in card
    assert "None is set. Choose one" in card
    assert str(tmp_path) not in card
    assert "{" not in card.replace('{"images": numpy', "").replace('{"headstart.json": ""}', "")
    assert model_card(run, facts, result, {"onnx": 0.0}, 64).startswith("---\nlibrary_name: headstart\n")
