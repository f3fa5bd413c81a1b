"""``headstart evaluate``: what a run recorded against what its weights give, and its size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    import torch

    from headstart.training.opening import Opened

__all__ = ["accuracy_section"]


def accuracy_section(shown: Console, document: dict[str, Any], opened: list[Opened], at: torch.device) -> list[str]:
    """An entry of the document for each run: accuracy as recorded and as the weights give it, and its size.

    Returns the names of runs where the two differ by more than half a per cent of the images (and one image): rounding
    on other hardware or in another precision moves fewer.
    """
    import torch

    from headstart.evaluation import cost
    from headstart.training import accuracy

    wrong = []
    for one in opened:
        run, recorded = one.run, one.recorded
        size = cost(run.model, run.dataset.train.image_shape)
        found: dict[str, Any] = {"mean": one.mean, "sd": one.sd, "n": one.n}
        # The test images are for finished runs.
        splits = {"test": run.dataset.test, "val": run.dataset.val} if run.finished else {"val": run.dataset.val}
        model = run.model.to(at)
        with torch.no_grad():
            for name, split in splits.items():
                share = accuracy(model, split.to(at), run.dataset, run.recipe.eval_batch)
                told = recorded.get(f"{name}_accuracy")
                agrees = told is None or abs(share - told) * len(split) <= max(1.01, 0.005 * len(split))
                found[name] = {"recorded": told, "from_weights": share, "images": len(split), "agrees": agrees}
                if not agrees:
                    wrong.append(f"{one.name}, {name}: {told:.1%} recorded, {share:.1%} now")
        model.cpu()
        entry: dict[str, Any] = {
            "name": one.name,
            "dataset": run.recipe.dataset_name,
            "config_hash": run.recipe.config_hash,
        }
        entry |= {"title": run.title, "model": type(run.model).__name__, "accuracy": found}
        document["runs"].append(entry | {"parameters": size.parameters, "flops": size.flops})
        shown.print(f"{one.name} ({run.title}): {size}", markup=False, highlight=False, soft_wrap=True)
        for name in splits:
            told = found[name]["recorded"]
            words = "nothing recorded yet" if told is None else f"{told:.2%} recorded"
            line = f"  {name}: {words}, {found[name]['from_weights']:.2%} from the weights"
            shown.print(line, style="" if found[name]["agrees"] else "red", highlight=False)
    return wrong
