"""Which head start keeps its accuracy under corruption, and what does augmentation that depends on the image add?"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from headstart.data import spec_name
from headstart.errors import HeadstartError, unknown
from headstart.evaluation.corruptions import CORRUPTIONS
from headstart.leading import leading
from headstart.methods import resolve_methods
from headstart.studies.corruptions_picture import draw_robustness
from headstart.studies.corruptions_rows import compared, row_cells
from headstart.studies.study import Request, Study, provenance, register, shown
from headstart.training import Recipe, compare
from headstart.training.corruption_arms import CorruptionOptions, corruption_arms, corruption_runs
from headstart.training.files import write_json

__all__ = ["run"]

METHODS = ("gaussian-noise", "adversarial-noise", "fourier", "conditioned-strength", "conditioned-choice")
SEVERITIES = (1, 2, 3, 4, 5)
SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "dataset": "digits", "limit": 200, "width": 24, "depth": 1, "patch_size": 2, "passes": 1, "batch_size": 50,
        "crop": 0, "flip": False, "inits": ("default", "impulse"), "over": ("default",),
        "methods": ("gaussian-noise", "conditioned-choice"), "images": 40, "corruptions": ("gaussian_noise", "fog"),
        "severities": (1, 5),
    },
    # Small enough for a busy machine; lengths of the corruptions are those for 32 pixels, and these images have 8.
    "digits": {
        "dataset": "digits", "limit": 0, "width": 48, "depth": 4, "patch_size": 2, "passes": 10, "batch_size": 64,
        "crop": 1, "flip": False, "inits": ("default", "mimetic", "impulse"), "over": ("default", "impulse"),
        "methods": METHODS, "images": 360, "corruptions": CORRUPTIONS, "severities": SEVERITIES,
    },
    "small": {
        "dataset": "cifar10", "limit": 2000, "width": 72, "depth": 4, "patch_size": 4, "passes": 5, "batch_size": 128,
        "crop": 4, "flip": True, "inits": ("default", "mimetic", "impulse"), "over": ("default", "impulse"),
        "methods": METHODS, "images": 500, "corruptions": CORRUPTIONS, "severities": SEVERITIES,
    },
    # For a GPU.
    "full": {
        "dataset": "cifar10", "limit": 0, "width": 192, "depth": 12, "patch_size": 4, "passes": 100, "batch_size": 512,
        "crop": 4, "flip": True, "inits": ("default", "mimetic", "impulse"), "over": ("default", "impulse"),
        "methods": METHODS, "images": 10_000, "corruptions": CORRUPTIONS, "severities": SEVERITIES,
    },
}  # fmt: skip
PROTOCOL = (
    "All arms are trained on clean images by one recipe: as many passes over the same images, in the same order at "
    "equal seed and augmented alike but for what the arm's method does. Nothing is chosen by the test images: each "
    "finished model is looked at once, on test images clean and corrupted, the same ones for all. Methods are at "
    "their defaults. Differences are paired by seed, to the same initialization without a method and to the first "
    "method (plain noise) over the same initialization, with 95 % intervals of Student's t, not corrected for how "
    "many there are. The methods that look at the image are our reading of 2204.12143, of which no code and no "
    "definition could be had."
)


def run(request: Request) -> dict[str, Any]:
    """Train every initialization, and every method over some, and corrupt all; write ``results.json`` and a picture.

    Settings: ``size`` (small, digits or full), ``inits`` (the first is what the others are compared to), ``over``
    (those of them that methods go with), ``methods`` (the first is the plain augmentation that the others are compared
    to), ``images`` of the test set to corrupt, ``corruptions``, ``severities`` and the recipe's ``dataset``, ``limit``
    (0: all images), ``width``, ``depth``, ``heads``, ``patch_size``, ``passes``, ``batch_size``, ``lr``, ``crop`` and
    ``flip``. Runs lie in ``runs``; finished ones are not repeated.

    Raises :class:`~headstart.errors.HeadstartError` for settings that do not fit.
    """
    size, chosen = settings(request)
    arms = arms_of(chosen)
    options = CorruptionOptions(
        limit=chosen["images"], corruptions=chosen["corruptions"], severities=chosen["severities"]
    )
    keys = ("dataset", "width", "depth", "heads", "patch_size", "passes", "batch_size", "lr", "crop", "flip")
    recipe = Recipe(**{key: chosen[key] for key in keys}, limit=chosen["limit"] or None, init="default")
    seeds = request.each_seed
    found = compare(recipe, list(arms), seeds, request.out / "runs", console=request.console)
    of_name = {arm["name"]: arm for arm in found["arms"]}
    places = corruption_runs([request.out / "runs"])
    summary = corruption_arms({arm: places[arm] for arm in arms}, options, on_cell=_teller(request))
    rows = [compared(arm, of_name, summary, *others) for arm, others in arms.items()]
    results = {
        "question": STUDY.question,
        "protocol": PROTOCOL,
        "command": request.command("corruptions"),
        **{key: found[key] for key in ("config", "config_hash", "hardware", "versions", "commit")},
        "corrupted": provenance(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "size": size,
        "settings": {**chosen, "dataset": spec_name(chosen["dataset"])},
        **{key: summary[key] for key in ("suite", "source", "frost", "images", "pixels", "severities", "corruptions")},
        "seeds": seeds,
        "n": len(seeds),
        "rows": [row_cells(row) for row in rows],
        "arms": rows,
    }
    if leading():
        write_json(request.out / "results.json", results)
        draw_robustness(results, request.out / "corruptions.png")
        request.show(shown(results["rows"]))
    return results


def settings(request: Request) -> tuple[str, dict[str, Any]]:
    """The size, and its settings as the request changes them."""
    rates = {name: 2e-3 if name == "digits" else 1e-3 for name in SIZES}
    return request.sized({name: {**keys, "heads": 3, "lr": rates[name]} for name, keys in SIZES.items()})


def arms_of(chosen: dict[str, Any]) -> dict[str, tuple[str | None, str | None]]:
    """Each arm with what it is compared to: the initialization alone, and the first method over it.

    An initialization alone is compared to the first one.
    """
    inits, over, methods = chosen["inits"], chosen["over"], chosen["methods"]
    for init in over:
        if init not in inits:
            raise unknown("initialization of over", init, inits)
    for key in ("inits", "over", "methods", "corruptions", "severities"):
        if len(set(chosen[key])) < len(chosen[key]):
            raise HeadstartError(f"expected different {key}, got {','.join(map(str, chosen[key]))}.")
    for name in chosen["corruptions"]:
        if name not in CORRUPTIONS:
            raise unknown("corruption", name, CORRUPTIONS)
    if chosen["images"] < 1 or not set(chosen["severities"]) <= set(SEVERITIES):
        raise HeadstartError(
            f"expected one or more images and severities from 1 to 5, got images={chosen['images']} and "
            f"severities={','.join(map(str, chosen['severities']))}."
        )
    resolve_methods(list(methods))
    arms: dict[str, tuple[str | None, str | None]] = {
        init: (None if init == inits[0] else inits[0], None) for init in inits
    }
    for init in over:
        for method in methods:
            arms[f"{init}+{method}"] = (init, None if method == methods[0] else f"{init}+{methods[0]}")
    return arms


def _teller(request: Request) -> Any:
    """Says which corruption is being measured, once for each."""
    last: list[str] = []

    def tell(name: str, _severity: int) -> None:
        if last[-1:] != [name]:
            last.append(name)
            request.console.print(f"corrupting: {name}", highlight=False)

    return tell


STUDY = register(
    Study(
        "corruptions",
        "Which head start keeps its accuracy under corruption, and does augmentation by the image's own measure help?",
        "three quarters of an hour on one CPU thread; size=digits ten minutes; size=full for a GPU",
        run,
    )
)
