"""Finished runs on corrupted images: all arms and seeds, each run's numbers kept in its folder, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from headstart.data.disk import data_root
from headstart.data.spec import spec_name
from headstart.errors import HeadstartError
from headstart.evaluation.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    CorruptionResult,
    evaluate_corruptions_of,
    open_published,
    read_frost,
    suite_for,
)
from headstart.training.comparison import folder_of
from headstart.training.corruption_kept import check_same, data_of, keep, kept_entry
from headstart.training.corruption_summary import corruption_summary
from headstart.training.inspection import Run, load_run
from headstart.training.run_folder import read_json

__all__ = ["CorruptionOptions", "corruption_arms", "corruption_runs"]

EDITION = 1  # of the corruptions; numbers of an earlier one are measured anew
PUBLISHED = {"cifar10": "CIFAR-10-C", "cifar100": "CIFAR-100-C", "imagenet": "ImageNet-C"}


@dataclass(frozen=True)
class CorruptionOptions:
    """What is measured: see :func:`~headstart.evaluation.corruptions.evaluate_corruptions_of`.

    Args:
        limit: test images, spread evenly; all when None.
        published: the folder of CIFAR-10-C or ImageNet-C. When None it is looked for among the data
            (``$HEADSTART_DATA/CIFAR-10-C``, …), and if it is not there corruptions are generated.
        frost: the folder of the published photographs of frost; looked for in ``$HEADSTART_DATA/frost`` when None.
        seed: of the corruptions.
        corruptions: which.
        severities: which.
    """

    limit: int | None = None
    published: Path | None = None
    frost: Path | None = None
    seed: int = 0
    corruptions: tuple[str, ...] = CORRUPTIONS
    severities: tuple[int, ...] = SEVERITIES

    def found(self, dataset: str) -> CorruptionOptions:
        """The same with the folders that are at hand among the data filled in."""
        root, values = data_root(), asdict(self)
        if self.published is None and dataset in PUBLISHED and (root / PUBLISHED[dataset]).is_dir():
            values["published"] = root / PUBLISHED[dataset]
        if self.frost is None and (root / "frost").is_dir():
            values["frost"] = root / "frost"
        return CorruptionOptions(**values)

    def settings(self) -> dict[str, Any]:
        """What a number depends on beside the model, as JSON values."""
        return {
            "edition": EDITION,
            "limit": self.limit,
            "source": "generated" if self.published is None else "published",
            "photographs": self.published is None and self.frost is not None and "frost" in self.corruptions,
            "seed": self.seed if self.published is None else None,
            "corruptions": list(self.corruptions),
            "severities": list(self.severities),
        }


def corruption_runs(folders: Sequence[str | Path]) -> dict[str, dict[int, Path]]:
    """The run folders by arm and seed: those of ``headstart train``, and all of a comparison.

    Raises:
        HeadstartError: if a folder holds no run, or a run is not finished: the test images are for finished ones.
    """
    found: dict[str, dict[int, Path]] = {}
    for folder in map(Path, folders):
        if (folder / "results.json").exists():
            for arm in read_json(folder / "results.json")["arms"]:
                seeds = [run["seed"] for run in arm["runs"]]
                places = {seed: folder_of(folder, arm["name"], seed) for seed in seeds}
                found[_free(arm["name"], folder, found)] = places
        else:
            seed = read_json(folder / "config.json")["config"]["seed"]
            found[_free(folder.resolve().name, folder, found)] = {seed: folder}
    for places in found.values():
        for place in places.values():
            if not (place / "result.json").exists() or not (place / "model.safetensors").exists():
                raise HeadstartError(
                    f"the run in {place} is not finished: expected its result.json and model.safetensors. Run its "
                    "command again to finish it; the test images are for finished runs."
                )
    return found


def corruption_arms(
    runs: Mapping[str, Mapping[int, Path]],
    options: CorruptionOptions | None = None,
    *,
    device: torch.device | str = "cpu",
    on_cell: Callable[[str, int], object] | None = None,
) -> dict[str, Any]:
    """Measure the ``runs`` of :func:`corruption_runs`, those that their folders have no numbers of yet.

    Corruptions are made once for all of them. Each run's numbers are kept as ``corruptions.json`` in its folder.

    Returns:
        See :func:`~headstart.training.corruption_summary.corruption_summary`.

    Raises:
        HeadstartError: if the runs are of different test images, or as evaluation does.
    """
    options = options or CorruptionOptions()
    places = [place for arm in runs.values() for place in arm.values()]
    if not places:
        raise HeadstartError("expected one or more runs to evaluate, got none.")
    stored = read_json(places[0] / "config.json")["config"]["dataset"]
    options = options.found(spec_name(stored))
    kept = {place: found for place in places if (found := kept_entry(place, options.settings())) is not None}
    results = {place: CorruptionResult.from_dict(entry["result"]) for place, entry in kept.items()}
    data = {place: entry["data"] for place, entry in kept.items() if "data" in entry}  # older entries do not tell
    missing = [place for place in places if place not in results]
    opened = [load_run(place) for place in missing]
    data.update({place: data_of(one) for place, one in zip(missing, opened, strict=True)})
    check_same(data)
    if missing:
        measured = _measure(opened, options, device, on_cell)
        for place, result in zip(missing, measured, strict=True):
            keep(place, options.settings(), data[place], result)
        results.update(zip(missing, measured, strict=True))
    sizes = {(result.images, result.pixels, result.suite) for result in results.values()}
    if len(sizes) > 1:
        raise HeadstartError(f"expected runs of one test set, got test images of {len(sizes)} kinds; name them apart.")
    return corruption_summary({arm: {seed: results[place] for seed, place in of.items()} for arm, of in runs.items()})


def _measure(
    opened: Sequence[Run],
    options: CorruptionOptions,
    device: torch.device | str,
    on_cell: Callable[[str, int], object] | None,
) -> list[CorruptionResult]:
    data = opened[0].dataset
    published, photographs = None, None
    if options.published is not None:
        published = open_published(options.published, data.test, data.classes, options.corruptions)
    elif options.settings()["photographs"]:
        assert options.frost is not None
        photographs = read_frost(options.frost, suite_for(*data.test.image_shape[1:]).frost_scale)
    models = [one.classifier.to(device) for one in opened]
    return evaluate_corruptions_of(
        models,
        data.test,
        data.mean,
        data.std,
        corruptions=options.corruptions,
        severities=options.severities,
        limit=options.limit,
        seed=options.seed,
        published=published,
        frost_photographs=photographs,
        on_cell=on_cell,
    )


def _free(name: str, folder: Path, taken: Mapping[str, object]) -> str:
    """``name``, or with the folder in front where another has it."""
    if name not in taken:
        return name
    longer = f"{folder.as_posix()}: {name}"
    if longer in taken:
        raise HeadstartError(f"{folder} is named twice; once is enough.")
    return longer
