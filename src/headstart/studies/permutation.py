"""Who minds when the patches of all images are put in another order? The same, fixed one for every image.

A plain ViT has no idea of which patch lies where and should not notice (2210.09221 trains it so); a CNN, and heads that
start as shifts, count on neighbours.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from headstart.errors import HeadstartError
from headstart.reporting.permutation import draw_permutation, permutation_rows
from headstart.reporting.watched import draw_watched
from headstart.studies.study import Request, Study, register, shown
from headstart.training import Recipe, compare
from headstart.training.build import build_dataset
from headstart.training.comparison import folder_of
from headstart.training.files import write_json
from headstart.training.gathering import made_with
from headstart.training.recipe import config_hash
from headstart.training.statistics import mean_and_sd, paired_difference

__all__ = ["run"]

ARMS = ("default", "impulse", "default@convmixer:width=96:depth=4:kernel=5:patch_size=4")
QUICK = ("default", "impulse", "default@convmixer:width=24:depth=1:kernel=3:patch_size=2")
ORDERS = ("stored", "permuted")
SMALL = {
    "dataset": "digits", "limit": 200, "width": 24, "depth": 1, "patch_size": 2, "passes": 1, "crop": 0, "flip": False,
    "arms": QUICK,
}  # fmt: skip
LARGE = {
    "dataset": "cifar10", "limit": 2000, "width": 72, "depth": 4, "patch_size": 4, "passes": 5, "crop": 4, "flip": True,
    "arms": ARMS,
}  # fmt: skip

PROTOCOL = (
    "Each arm is trained on the images as they are stored and on the same with their patches in one random order, the "
    "same for every image of training, validation and test set. Images are augmented first and permuted last, and runs "
    "at equal seed see the same images in the same order and start from the same weights. The test set is used once, "
    "after the last pass; differences are paired by seed, with 95 % intervals of Student's t."
)


def run(request: Request) -> dict[str, Any]:
    """Train every arm on images as stored and permuted; write ``results.json`` and two pictures.

    Settings: ``dataset``, ``limit``, ``width``, ``depth``, ``heads``, ``patch_size``, ``passes``, ``batch_size``,
    ``lr``, ``crop``, ``flip``, ``arms`` (the first is what the others are compared to) and ``order``, the number of the
    random order. A model in ``arms`` brings its own sizes.
    """
    options = request.options(**(SMALL if request.quick else LARGE), heads=3, batch_size=128, lr=1e-3, order=0)
    arms, order = list(options.pop("arms")), options.pop("order")
    if order < 0:
        raise HeadstartError(f"order must be 0 or more, the number of a random order of the patches; got {order}.")
    base = Recipe(**options, init="default")
    recipes = {"stored": base, "permuted": base.override([f"permute_patches={order}"])}
    build_dataset(recipes["permuted"])  # patches that can't be permuted are told before anything is trained
    seeds = request.each_seed
    found: dict[str, dict[str, Any]] = {}
    for count in range(1, request.seeds + 1):  # cut early, there are as many runs of one order as of the other
        for name in ORDERS:
            out = request.out / name
            found[name] = compare(recipes[name], arms, seeds[:count], out, console=request.console, watch=True)
    results = {
        "question": STUDY.question,
        "protocol": PROTOCOL,
        "command": request.command("permutation"),
        "config": recipes["permuted"].portable(),
        "config_hash": config_hash(recipes["permuted"].portable()),
        **made_with(folder_of(request.out / name, arm, seed) for name in ORDERS for arm in arms for seed in seeds),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "seeds": seeds,
        "n": len(seeds),
        "arms": _arms(found, arms),
    }
    results["rows"] = permutation_rows(results)
    write_json(request.out / "results.json", results)
    request.show(shown(results["rows"]))
    draw_permutation(results, request.out / "permutation.png")
    for name in ORDERS:
        draw_watched(found[name], request.out / f"heads-{name}.png")
    return results


def _arms(found: dict[str, Any], arms: list[str]) -> list[dict[str, Any]]:
    """For each arm its accuracies under both orders, what permuting costs, and that beyond the first arm's cost."""
    tests = {
        (arm["name"], name): [made["test"] for made in arm["runs"]] for name in ORDERS for arm in found[name]["arms"]
    }
    costs = {arm: [p - s for p, s in zip(tests[arm, "permuted"], tests[arm, "stored"], strict=True)] for arm in arms}
    rows = []
    for index, arm in enumerate(arms):
        row: dict[str, Any] = {"name": arm}
        for name in ORDERS:
            mean, sd = mean_and_sd(tests[arm, name])
            runs = found[name]["arms"][index]["runs"]
            gain, interval = (None, None) if index == 0 else paired_difference(tests[arm, name], tests[arms[0], name])
            row[name] = {
                "mean": mean, "sd": sd, "n": len(runs), "over_first": gain, "interval": interval, "runs": runs
            }  # fmt: skip
        row["cost"], row["cost_interval"] = paired_difference(tests[arm, "permuted"], tests[arm, "stored"])
        row["beyond_first"], row["beyond_interval"] = (
            (None, None) if index == 0 else paired_difference(costs[arm], costs[arms[0]])
        )
        rows.append(row)
    return rows


STUDY = register(
    Study(
        "permutation",
        "Who minds when the patches of all images are put in another order?",
        "20 minutes on one CPU thread",
        run,
    )
)
