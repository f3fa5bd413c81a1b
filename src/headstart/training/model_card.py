"""A model card: what a trained model is, how good, how it was made and how it is used, from the run's own numbers."""

from __future__ import annotations

from typing import Any

from headstart.training.exported import without_places
from headstart.training.facts import Facts
from headstart.training.inspection import Run
from headstart.training.provenance import versions
from headstart.training.recipe import Recipe

__all__ = ["model_card"]

MOST = 200  # classes that are named

USE = {
    "safetensors": """```python
import headstart

predictor = headstart.load("headstart.safetensors")
print(predictor.predict("image.jpg")[0].top)
```""",
    "onnx": """`model.onnx` takes `images`, uint8 (batch, {channels}, {side}, {side}), and gives `logits` and calibrated
`probabilities`; normalisation is inside, the class names are in its metadata.

```python
import json, numpy, onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession("model.onnx")
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
image = ImageOps.exif_transpose(Image.open("image.jpg")).convert("{mode}")
pixels = numpy.asarray(ImageOps.fit(image, ({side}, {side}), Image.Resampling.BICUBIC))
pixels = pixels.reshape({side}, {side}, {channels}).transpose(2, 0, 1)[None]
(probabilities,) = session.run(["probabilities"], {{"images": numpy.ascontiguousarray(pixels)}})
print(classes[probabilities[0].argmax()], probabilities[0].max())
```""",
    "torch-export": """```python
import json, torch

said = {{"headstart.json": ""}}
model = torch.export.load("model.pt2", extra_files=said).module()
classes = json.loads(json.loads(said["headstart.json"])["classes"])
logits, probabilities = model(images)  # uint8 (batch, {channels}, {side}, {side})
```""",
    "timm": """```python
import timm

model = timm.create_model("local-dir:.", pretrained=True).eval()  # or hf-hub:OWNER/NAME
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
logits = model(transform(image)[None])  # a Pillow image of mode {mode}; classes in model.pretrained_cfg["label_names"]
```""",
    "transformers": """```python
from transformers import AutoImageProcessor, AutoModelForImageClassification

processor = AutoImageProcessor.from_pretrained(".")  # or OWNER/NAME
model = AutoModelForImageClassification.from_pretrained(".")
logits = model(**processor(images=image, return_tensors="pt")).logits  # a Pillow image of mode {mode}
print(model.config.id2label[logits.argmax().item()])
```""",
}


def model_card(run: Run, facts: Facts, result: dict[str, Any], differences: dict[str, float], images: int) -> str:
    """The text of ``README.md``, Markdown with the head that the Hugging Face hub reads.

    Args:
        run: a finished one.
        facts: its classes and calibration.
        result: its ``result.json``.
        differences: of the exported formats, the largest difference of a logit.
        images: that these were compared on.
    """
    recipe, (channels, side, _) = run.recipe, facts.image_shape
    start = " + ".join([recipe.init, *without_places(recipe).get("methods", [])])
    library = next((name for name in ("timm", "transformers") if name in differences), "headstart")
    head = ["---", f"library_name: {library}", "pipeline_tag: image-classification"]
    head += ["tags:", "- image-classification", "- headstart", "---"]
    kind = "colour" if channels == 3 else "grey"
    words = {"channels": channels, "side": side, "mode": "RGB" if channels == 3 else "L"}
    named = ", ".join(f"`{name}`" for name in facts.classes[:MOST])
    more = "" if len(facts.classes) <= MOST else f", and {len(facts.classes) - MOST} more, which the files name"
    sections = [
        "\n".join(head),
        f"# {recipe.model} on {recipe.dataset_name}",
        f"An image classifier for {len(facts.classes)} classes, {kind} images of {side}×{side} pixels, trained from "
        f"scratch with Headstart (start and methods: {start}).",
        "## How good it is",
        _table(_numbers(run, facts, result)),
        "One run, one seed. The test images were used once, after the last pass; the temperature was fitted on the "
        f"{facts.images} validation images, so the calibration error after it is a little better there than elsewhere.",
        "## Classes",
        named + more,
        "## How it was made",
        f"Dataset: {recipe.dataset_name}, {len(run.dataset.train)} training, {len(run.dataset.val)} validation, "
        f"{len(run.dataset.test)} test images. Headstart {versions()['headstart'] or '(from source)'}, "
        f"PyTorch {versions()['torch']}. Recipe (hash {recipe.config_hash}; keys that are not named are at their "
        "default):",
        "```\n" + "\n".join(f"{key}={value}" for key, value in _changed(recipe).items()) + "\n```",
        "## How to use it",
        *(USE[name].format(**words) if name != "safetensors" else USE[name] for name in differences),
        f"Largest difference of a logit from the trained model's, on {images} validation images:",
        _table([(name, f"{gap:.1e}") for name, gap in differences.items()]),
        "## Licence",
        "None is set. Choose one that the training images allow, and name it at the top of this file (`license:`).",
    ]
    return "\n\n".join(sections) + "\n"


def _numbers(run: Run, facts: Facts, result: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("test accuracy", f"{result['test_accuracy']:.2%} of {len(run.dataset.test)} images"),
        ("validation accuracy", f"{result['val_accuracy']:.2%} of {len(run.dataset.val)} images"),
        ("expected calibration error (validation)", f"{facts.ece[0]:.4f}, with the temperature {facts.ece[1]:.4f}"),
        ("negative log-likelihood (validation)", f"{facts.nll[0]:.4f}, with the temperature {facts.nll[1]:.4f}"),
        ("temperature", f"{facts.temperature:.4f}"),
        ("parameters", f"{result['parameters']:,}"),
        ("floating-point operations for an image", f"{result['flops']:,}"),
        ("seconds of training", f"{result['seconds']:.0f}"),
        ("seed", str(run.recipe.seed)),
    ]


def _table(rows: list[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _changed(recipe: Recipe) -> dict[str, Any]:
    """Keys that are not at their default, as ``--set`` takes them."""
    usual = Recipe.model_fields
    return {
        key: ",".join(map(str, value)) if isinstance(value, list) else value
        for key, value in without_places(recipe).items()
        if key in ("dataset", "init", "passes", "seed") or getattr(recipe, key) != usual[key].default
    }
