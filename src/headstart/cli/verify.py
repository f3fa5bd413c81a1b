"""Verification: whether a trained model tells strangers apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headstart.cli.common import UsageError, command
from headstart.cli.completion import dataset_names
from headstart.cli.evaluate import Device, chosen_device
from headstart.cli.speaking import answer, console, print_json, show_paths
from headstart.cli.verify_groups import verified_groups

if TYPE_CHECKING:
    from headstart.evaluation.verification import Entry, People
    from headstart.reporting.fitted import Fitted
    from headstart.training.opening import Opened


@command("headstart verify runs/digits-impulse --dataset photos-of-others/")
def verify(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Folders of `headstart train` or `headstart compare`.")
    ],
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", metavar="SPEC", help="Its classes are the identities.", autocompletion=dataset_names),
    ] = None,
    development: Annotated[
        str | None, typer.Option("--development", metavar="CLASSES", help="Identities to choose by (default: a third).")
    ] = None,
    layer: Annotated[str, typer.Option("--layer", metavar="NAME", help="One, or the best of all blocks.")] = "all",
    distance: Annotated[
        str | None, typer.Option("--distance", metavar="NAME", help="cosine or chi2 (default: the better).")
    ] = None,
    pool: Annotated[
        str, typer.Option("--pool", metavar="NAME", help="mean, flatten, class, or all (the better).")
    ] = "mean",
    fuse: Annotated[bool, typer.Option("--fuse", help="Also fuse the scores of all runs.")] = False,
    per_identity: Annotated[
        int | None, typer.Option("--per-identity", min=2, metavar="N", help="Images of each (default: at most 200).")
    ] = None,
    device: Device = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="For verification.json and pictures.")
    ] = None,
) -> None:
    """Ask models whether two images show the same identity, one of a class that they were not trained on."""
    from headstart.evaluation.verification import Contender, enter
    from headstart.evaluation.verification import fuse as fuse_entries
    from headstart.training.opening import open_runs

    at = chosen_device(device)
    opened = open_runs(runs)
    if fuse and len(opened) < 2:
        raise UsageError("--fuse takes two runs or more; name another run.")
    choosing = "all" in (layer, pool) or distance is None or fuse
    pools = ["mean", "flatten"] if pool == "all" else [pool]
    chosen_by, test = verified_groups(opened, dataset, development, choosing, per_identity)
    entries = [
        enter(
            Contender(one.name, one.run.model.to(at), one.run.normalize),
            test,
            chosen_by,
            layer=None if layer == "all" else layer,
            distance=distance,
            pools=pools,  # type: ignore[arg-type]  # checked where features are made
        )
        for one in opened
    ]
    scores = {entry.name: entry.test for entry in entries}
    fusion = None
    if fuse:
        assert chosen_by is not None
        fusion, scores["fusion"] = fuse_entries(entries, chosen_by, test)
    document = _document(opened, entries, scores, chosen_by, test, dataset)
    if fusion is not None:
        document["fusion"] = {"offset": fusion.offset, "weights": dict(zip(scores, fusion.weights, strict=False))}
    pairs = f"{document['genuine']:,} genuine and {document['impostor']:,} impostor pairs"
    names = ", ".join(document["test"])
    answer().print(f"{document['dataset']}: {pairs} of {names}", markup=False, highlight=False)
    answer().print(_table(document))
    written = [] if out is None else _written(out, document, entries, scores, test)
    print_json({**document, "files": show_paths(console(), written)})


def _document(
    opened: Sequence[Opened],
    entries: Sequence[Entry],
    scores: dict[str, Any],
    chosen_by: People | None,
    test: People,
    spec: str | None,
) -> dict[str, Any]:
    from headstart.data import spec_name
    from headstart.evaluation.verification import measure

    genuine = test.pairs.genuine
    rows = []
    for name, values in scores.items():
        found = measure(values, genuine)
        entry = next((one for one in entries if one.name == name), None)
        rows.append(
            {
                "name": name,
                "layer": entry.layer if entry else None,
                "pool": entry.pool if entry else None,
                "distance": entry.distance if entry else None,
                "eer": found.eer,
                "frr_at_far": {f"{far:g}": rate for far, rate in found.frr.items()},
                "layers": [
                    {
                        "layer": one.layer,
                        "pool": one.pool,
                        "distance": one.distance,
                        "development_eer": one.found.eer,
                    }
                    for one in (entry.swept if entry else ())
                ],
            }
        )
    return {
        "dataset": spec_name(spec) if spec else opened[0].run.recipe.dataset_name,
        "development": list(chosen_by.names) if chosen_by else [],
        "test": list(test.names),
        "images": len(test.labels),
        "genuine": int(genuine.sum()),
        "impostor": int((~genuine).sum()),
        "runs": rows,
    }


def _table(document: dict[str, Any]) -> Fitted:
    from headstart.reporting.fitted import Fitted

    header = ["run", "layer", "pool", "distance", "EER, %", "FRR at 1 % FAR", "at 0.1 % FAR"]
    rows = []
    for row in document["runs"]:
        rates = [
            "cannot be told" if rate is None else f"{100 * rate:.1f}"
            for rate in (row["eer"], *row["frr_at_far"].values())
        ]
        rows.append([row["name"], *(row[key] or "–" for key in ("layer", "pool", "distance")), *rates])
    return Fitted(header, rows, left=[1, 2, 3])


def _written(
    out: Path, document: dict[str, Any], entries: Sequence[Entry], scores: dict[str, Any], test: People
) -> list[Path]:
    from headstart.evaluation.verification import det_curve
    from headstart.reporting.verification import draw_det, draw_layers

    out.mkdir(parents=True, exist_ok=True)
    path = out / "verification.json"
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    genuine = test.pairs.genuine
    title = f"Telling {len(test.names)} unseen identities of {document['dataset']} apart"
    paths = [
        path,
        draw_det({name: det_curve(values, genuine) for name, values in scores.items()}, out / "det.png", title),
    ]
    swept = {entry.name: [entry.swept] for entry in entries if len(entry.swept) > 2}
    if swept:
        words = f"Error on {len(document['development'])} development identities of {document['dataset']}, by layer"
        paths.append(draw_layers(swept, out / "layers.png", words))
    return paths
