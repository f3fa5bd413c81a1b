"""Do the middle layers of a CNN and of a ViT know different things of strangers, more than two seeds of one do?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.data import load_dataset, spec_name
from headstart.data.choosing import class_numbers
from headstart.evaluation.verification import Contender, Entry, People, check_disjoint, det_curve, enter, fuse, people
from headstart.evaluation.verification.features import Pool
from headstart.leading import leading
from headstart.reporting.verification import draw_det, draw_layers
from headstart.studies.study import Request, Study, provenance, register, shown
from headstart.studies.verification_rows import cells, fused_row, single_row
from headstart.training import Recipe, compare, folder_of, load_run
from headstart.training.build import initialize
from headstart.training.files import write_json
from headstart.training.inspection import Run
from headstart.training.recipe import config_hash
from headstart.training.start import has_heads
from headstart.training.trainee import build_trainee

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["run"]

PROTOCOL = (
    "Models are trained on the seen classes alone. Layer, pooling and distance are chosen on the development "
    "identities, where fusions are learned as well; the test identities decide nothing. All three groups are disjoint. "
    "Pairs are all pairs of images of the test identities; mean ± standard deviation is over the seeds of the training."
)
POOLINGS = ("mean", "flatten")
SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "dataset": "digits", "seen": "0-3", "development": "4-6", "test": "7-9", "per_identity": 12, "pools": POOLINGS,
        "arms": ("default", "default@convmixer:width=16:depth=2:kernel=3:patch_size=2"), "image_size": 0, "limit": 200,
        "width": 24, "depth": 2, "heads": 3, "patch_size": 2, "passes": 1, "batch_size": 50, "lr": 2e-3,
    },
    "small": {
        "dataset": "digits", "seen": "0-3", "development": "4-6", "test": "7-9", "per_identity": 100, "pools": POOLINGS,
        "arms": ("default", "impulse", "default@convmixer:width=64:depth=4:kernel=3:patch_size=1"), "image_size": 0,
        "limit": 0, "width": 96, "depth": 4, "heads": 3, "patch_size": 2, "passes": 10, "batch_size": 64, "lr": 2e-3,
    },
    # The smallest experiment that says something of many identities; for a GPU.
    "full": {
        "dataset": "cifar100", "seen": "0-69", "development": "70-79", "test": "80-99", "per_identity": 20,
        "pools": POOLINGS,
        "arms": ("default", "impulse", "default@convmixer:width=256:depth=8:kernel=5:patch_size=2"), "image_size": 0,
        "limit": 0, "width": 192, "depth": 12, "heads": 3, "patch_size": 4, "passes": 100, "batch_size": 512,
        "lr": 1e-3,
    },
}  # fmt: skip
AUGMENTED = {"digits": {}, "cifar10": {"crop": 4, "flip": True}, "cifar100": {"crop": 4, "flip": True}}


def run(request: Request) -> dict[str, Any]:
    """Train each arm on the seen classes, then ask it about strangers; write ``results.json`` and two pictures.

    Settings: ``size`` (small or full), ``dataset``, its ``seen``, ``development`` and ``test`` classes (as for
    :func:`~headstart.data.choosing.class_numbers`), ``per_identity`` images of each, ``pools``, ``arms``,
    ``image_size`` (0: the dataset's own), ``limit`` (0: all images) and the recipe's ``width``, ``depth``, ``heads``,
    ``patch_size``, ``passes``, ``batch_size`` and ``lr``. Runs lie in ``runs``; finished ones are not repeated.

    Rows: the pixels themselves, each arm, each arm untrained (the same start, no step), the fusion of every two arms at
    equal seeds, and as a control the fusion of two seeds of each arm (seed i with the next one, the last with the
    first). Each seed is in two of these, so that their gain has no interval: see
    :func:`~headstart.studies.verification_rows.fused_row`.

    Raises :class:`~headstart.errors.HeadstartError` for unknown settings, and groups that share a class.
    """
    size, chosen = settings(request)
    seeds = request.each_seed
    development, test, seen = groups(chosen)
    found = compare(recipe(chosen), list(chosen["arms"]), seeds, request.out / "runs", console=request.console)
    entries: dict[str, list[Entry]] = {"pixels": [pixels(development, test)]}
    names, pools = short_names(chosen["arms"]), chosen["pools"]
    folders = {name: [folder_of(request.out / "runs", arm, seed) for seed in seeds] for arm, name in names.items()}
    for name, places in folders.items():
        entries[name] = [asked(name, load_run(place), development, test, pools) for place in places]
    for name, places in folders.items():
        entries[f"{name}, untrained"] = [asked(name, untrained(place), development, test, pools) for place in places]
    rows = [single_row(name, of_seeds, test) for name, of_seeds in entries.items()]
    fused: dict[str, list[Tensor]] = {}
    for name, pairs in fusions(entries, list(folders), len(seeds)).items():
        fused[name] = [fuse(pair, development, test)[1] for pair in pairs]
        rows.append(fused_row(name, fused[name], pairs, test))
    results = {
        "question": STUDY.question,
        "protocol": PROTOCOL,
        "command": request.command("verification"),
        "config": found["config"],
        "config_hash": config_hash({**found["config"], "groups": [development.names, test.names]}),
        **{key: found[key] for key in ("hardware", "versions", "commit")},
        "verified": provenance(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "size": size,
        "settings": {**chosen, "dataset": spec_name(chosen["dataset"])},
        "identities": {"seen": seen, "development": list(development.names), "test": list(test.names)},
        "seeds": seeds,
        "n": len(seeds),
        "rows": [cells(row) for row in rows],
        "arms": rows,
        "models": {name: arm for arm, name in names.items()},
        "accuracy": {names[row["name"]]: [made["test"] for made in row["runs"]] for row in found["arms"]},
    }
    if leading():
        write_json(request.out / "results.json", results)
        draw(request.out, results, entries, fused, test)
        request.show(shown(results["rows"]))
    return results


def settings(request: Request) -> tuple[str, dict[str, Any]]:
    """The size, and its settings as the request changes them."""
    return request.sized(SIZES)


def recipe(chosen: dict[str, Any]) -> Recipe:
    """What all arms are trained by: the seen classes alone."""
    keys = ("dataset", "width", "depth", "heads", "patch_size", "passes", "batch_size", "lr")
    optional = {key: chosen[key] or None for key in ("limit", "image_size")}
    more = AUGMENTED.get(spec_name(chosen["dataset"]), {})
    return Recipe(classes=chosen["seen"], **{key: chosen[key] for key in keys}, **optional, **more)


def groups(chosen: dict[str, Any]) -> tuple[People, People, list[str]]:
    """Development and test identities with their images, and the names of the seen classes."""
    everyone = load_dataset(chosen["dataset"], image_size=chosen["image_size"] or None)
    names = {
        key: [everyone.classes[k] for k in class_numbers(chosen[key], everyone.classes)]
        for key in ("seen", "development", "test")
    }
    check_disjoint(names)
    by, strangers = (people(everyone, names[key], chosen["per_identity"]) for key in ("development", "test"))
    return by, strangers, names["seen"]


def short_names(arms: Sequence[str]) -> dict[str, str]:
    """What each arm is called in tables: without the options of its model, where that leaves different names.

    >>> list(short_names(["impulse", "default@convmixer:width=64"]).values())
    ['impulse', 'default@convmixer']
    """
    short = {arm: f"{arm.split('@')[0]}@{arm.split('@')[1].split(':')[0]}" if "@" in arm else arm for arm in arms}
    return short if len(set(short.values())) == len(arms) else {arm: arm for arm in arms}


def asked(name: str, one: Run, development: People, test: People, pools: Sequence[Pool]) -> Entry:
    """A run with the layer, pooling and distance that are best for it on the development identities."""
    return enter(Contender(name, one.model, one.normalize), test, development, pools=pools)


def untrained(folder: Path) -> Run:
    """The run in ``folder`` as it was before its first step."""
    one = load_run(folder)
    model = build_trainee(one.recipe, one.dataset, training=False).model
    if has_heads(model, one.recipe):
        initialize(model, one.recipe, one.dataset)
    return replace(one, model=model.eval())


def pixels(development: People, test: People) -> Entry:
    """The images themselves as features, scaled to [0, 1]: what any model has to beat."""
    from torch import nn

    as_they_are = nn.Sequential(nn.Flatten())
    return enter(Contender("pixels", as_they_are, lambda x: x / 255), test, development, layer="0")


def fusions(entries: dict[str, list[Entry]], arms: Sequence[str], seeds: int) -> dict[str, list[tuple[Entry, Entry]]]:
    """What is fused, for each seed: every two arms, and each arm with its own next seed."""
    made = {
        f"{one} + {other}": list(zip(entries[one], entries[other], strict=True)) for one, other in combinations(arms, 2)
    }
    if seeds > 1:
        # Of two seeds there is one pair; of three or more, as many different pairs as seeds.
        turns = range(seeds if seeds > 2 else 1)
        for arm in arms:
            made[f"two seeds of {arm}"] = [(entries[arm][i], entries[arm][(i + 1) % seeds]) for i in turns]
    return made


def draw(
    out: Path, results: dict[str, Any], entries: dict[str, list[Entry]], fused: dict[str, list[Tensor]], test: People
) -> None:
    """The DET curves of the first seed, and the sweep over layers of all seeds."""
    genuine, dataset = test.pairs.genuine, results["settings"]["dataset"]
    curves = {name: det_curve(entries[name][0].test, genuine) for name in ("pixels", *results["models"])}
    curves |= {name: det_curve(scores[0], genuine) for name, scores in fused.items() if " + " in name}
    strangers = f"{len(test.names)} unseen identities of {dataset}"
    draw_det(curves, out / "det.png", f"Telling {strangers} apart: the first seed")
    swept = {name: [entry.swept for entry in entries[name]] for name in entries if name != "pixels"}
    seeds = "one seed" if results["n"] == 1 else f"mean and range of {results['n']} seeds"
    count = len(results["identities"]["development"])
    draw_layers(swept, out / "layers.png", f"Error on {count} development identities of {dataset}: {seeds}")


STUDY = register(
    Study(
        "verification",
        "Do a CNN and a ViT know different things of identities that neither has seen?",
        "three minutes of one CPU thread; size=full for a GPU",
        run,
    )
)
