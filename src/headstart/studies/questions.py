"""What a study of starts asks: a choice, the arms that it is made between, and what they stand beside."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RELEASED", "Arm", "Question"]

RELEASED = "impulse:solver=pseudoinverse:offsets=released:value=mimetic"  # 2505.19985 as it was released


@dataclass(frozen=True)
class Arm:
    """An initialization, and what is changed in the recipe for it: ``("depth=12",)``."""

    init: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """A choice, and the arms that it is made between.

    Args:
        name: for ``--set questions=``.
        text: the question.
        arms: what answers it.
        reference: the initialization that differences are taken to, at the same changes of the recipe where it stands
            among the arms with them, else without changes.
        of_recipe: changes of the recipe are what is asked about, so that differences are taken to none.
    """

    name: str
    text: str
    arms: tuple[Arm, ...]
    reference: str = "impulse"
    of_recipe: bool = False

    def beside(self, arm: Arm) -> Arm:
        """The arm that ``arm`` is compared to."""
        here = Arm(self.reference, arm.changes)
        return here if here in self.arms and not self.of_recipe else Arm(self.reference)
