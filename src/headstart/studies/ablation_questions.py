"""What the ablation asks, one choice at a time: which arms answer each question, and beside what they stand."""

from __future__ import annotations

from headstart.initialization.values import VALUES
from headstart.studies.questions import RELEASED, Arm, Question

__all__ = ["QUESTIONS", "questions"]

WIDER = "impulse:kernel=5:offsets=random"


def _plain(*inits: str) -> tuple[Arm, ...]:
    return tuple(Arm(init) for init in inits)


def _crossed(changes: tuple[str, ...], *inits: str) -> tuple[Arm, ...]:
    return tuple(Arm(init, () if change == "" else (change,)) for change in changes for init in inits)


def _valued(start: str, usual: str = "contrast") -> tuple[str, ...]:
    """A start with each start of the values; ``usual`` is the one that it has anyway."""
    return tuple(start if value == usual else f"{start}:value={value}" for value in VALUES)


def _slope(high: float, low: float, depth: int) -> str:
    """Sharpness block by block from ``high`` to ``low``, as a scheme's option takes it."""
    steps = [high + (low - high) * block / max(1, depth - 1) for block in range(depth)]
    return "/".join(f"{step:.3g}" for step in steps)


def questions(width: int, depth: int, depths: tuple[int, ...], gradient: bool) -> dict[str, Question]:
    """All questions.

    Args:
        width: of the recipe, which numbers of heads have to divide.
        depth: of the recipe.
        depths: that value starts are crossed with, the recipe's first.
        gradient: whether to solve by 10,000 steps of Adam for each block too (2404.01139).
    """
    at_depths = tuple("" if each == depth else f"depth={each}" for each in depths)
    starts = ("default", "mimetic", RELEASED, "impulse")
    heads = ("", *(f"heads={count}" for count in (6, 9, 12) if width % count == 0))
    found = [
        Question(
            "start",
            "Which start, and is it the structure that helps, or only the size of the weights, or any sharp pattern?",
            _plain(
                "default", "norm-matched", "mimetic", "mimetic-released", "conditioned", RELEASED,
                "impulse:solver=pseudoinverse", *(["impulse:solver=gradient"] if gradient else []),
                "impulse:solver=decoder", "impulse", "impulse:control=scrambled",
            ),
        ),
        Question(
            "sharpness",
            "How sharp should heads begin, and the same in all blocks?",
            (
                *_plain(*(f"impulse:sharpness={s}" for s in (0.1, 0.2, 0.35)), "impulse"),
                *_plain(*(f"impulse:sharpness={s}" for s in (0.65, 0.8, 0.95))),
                *_plain(*(f"impulse:sharpness={_slope(*ends, depth)}" for ends in ((0.8, 0.2), (0.2, 0.8)))),
            ),
        ),
        Question(
            "offsets",
            "Which window do offsets come from, and in which order?",
            _plain("impulse", "impulse:offsets=random", "impulse:offsets=released", "impulse:kernel=5",
                   "impulse:kernel=7", WIDER),
        ),
        Question(
            "heads",
            "How many heads, at equal width?",
            _crossed(heads, *starts),
            reference="default",
        ),
        Question(
            "values",
            "What should heads do with what they look at, in shallow and in deep networks?",
            _crossed(at_depths, *_valued("impulse")),
        ),
        Question(
            "crossed",
            "Is it where heads look or what they do with it? Starts of Q and K crossed with starts of V and O.",
            _plain(
                *_valued("default", "default"),
                *_valued("mimetic", "mimetic"),
                *_valued("impulse:solver=pseudoinverse:offsets=released"),
                *_valued("impulse"),
                *_valued("impulse:solver=decoder"),
            ),
        ),
        Question(
            "position",
            "How large should the position embedding be, and of which code?",
            (
                *_plain(*(f"impulse:position_std={s}" for s in (0.1, 0.2, 0.36)), "impulse"),
                *_plain(*(f"impulse:position_std={s}" for s in (1.0, 1.4))),
                *_crossed(("position=sincos", "position=harmonic"), "default", "impulse"),
                *_plain("default"),
            ),
        ),
        Question(
            "content",
            "Should some heads begin by looking at content, and how many?",
            (
                *_plain("impulse", *(f"impulse:content_heads={count}" for count in (1, 2))),
                *_plain("impulse:control=scrambled", "impulse:control=scrambled:content_heads=1"),
                *(_crossed(("heads=12",), "impulse", "impulse:content_heads=4") if width % 12 == 0 else ()),
                *_crossed(at_depths[1:2], "impulse", "impulse:content_heads=1"),
            ),
        ),
        Question(
            "candidates",
            "Do the best of window, order and size of position hold together, and with more seeds?",
            _plain("impulse", WIDER, f"{WIDER}:solver=decoder", f"{WIDER}:position_std=1.0",
                   f"{WIDER}:position_std=0.36", "impulse:position_std=0.36"),
        ),
        Question(
            "images",
            "Does it help to solve heads on real images, or to whiten the patch embedding on them?",
            # Whitening shows the scheme images, with which its solver would be decoder if none were named.
            _plain("default", "default:whiten=True", "mimetic", "mimetic:whiten=True", "impulse",
                   "impulse:solver=rotation:whiten=True", "impulse:solver=decoder",
                   "impulse:solver=decoder:whiten=True"),
        ),
        Question(
            "mlp",
            "Does a shifted mean of the MLPs' first layers help (2602.07156)?",
            _plain("impulse:mlp_mean=-0.05", "impulse", "impulse:mlp_mean=0.05"),
        ),
        Question(
            "pooling", "Class token or mean?", _crossed(("", "pool=class"), "default", "impulse"), reference="default"
        ),
        Question(
            "rate",
            "Are the others held back by the learning rate? Each start at five of them.",
            _crossed(
                ("lr=0.0003", "lr=0.0005", "", "lr=0.002", "lr=0.004"),
                "default", "norm-matched", "mimetic", RELEASED, "impulse:control=scrambled", "impulse",
            ),
            reference="default",
        ),
    ]  # fmt: skip
    return {question.name: question for question in found}


QUESTIONS = tuple(questions(72, 4, (4,), False))
