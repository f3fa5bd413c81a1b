"""What is done when training has gone wrong: stop and say where, or go back and go on more slowly."""

from __future__ import annotations

from headstart.errors import HeadstartError
from headstart.training.divergence import Diverged
from headstart.training.kept import Kept
from headstart.training.state import STEP_BACK, RunState

__all__ = ["step_back"]


def step_back(state: RunState, kept: Kept, wrong: Diverged) -> str:
    """Go back to the last finished pass with a third of the learning rate; returns what happened, in words.

    Always to the end of a pass (or the start of the run), although there may be a later moment inside one: when
    those are saved is a matter of time, and equal recipes have to give equal runs.

    Raises :class:`~headstart.errors.HeadstartError` with the step, the learning rate and the last good checkpoint
    when the recipe's ``step_back`` is used up.
    """
    recipe, index = state.recipe, len(state.history) * state.steps_per_pass + wrong.index
    rate = state.rate(index)
    where = f"step {index + 1} of {state.steps} (pass {state.number}, learning rate {rate:.2g})"
    found = kept.newest(inside=False)
    if len(state.backs) >= recipe.step_back or found is None:
        lower = recipe.lr * STEP_BACK ** (len(state.backs) + 1)
        raise HeadstartError(
            f"training went wrong at {where}: {wrong.what}. The last good checkpoint is {kept.last_good()}. "
            f"Try --set lr={lower:.1g} with another --out; --set step_back={recipe.step_back + 3} there goes back "
            "and lowers it by itself."
        )
    backs = [*state.backs, {"step": index + 1, "pass": state.number, "lr": rate, "what": wrong.what}]
    state.restore(*found)
    state.backs = backs
    return f"{where}: {wrong.what}; back to step {state.step} with a third of the learning rate"
