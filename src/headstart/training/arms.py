"""The arms of a comparison: an initialization, perhaps of another model, and the methods that go with it."""

from __future__ import annotations

from dataclasses import dataclass

from headstart.errors import HeadstartError
from headstart.initialization import resolve
from headstart.methods import resolve_methods
from headstart.training.recipe import Recipe

__all__ = ["Matrix", "of_arm"]


def of_arm(recipe: Recipe, arm: str) -> Recipe:
    """``recipe`` as ``arm`` has it: ``impulse:sharpness=0.8+drloc+life`` is an initialization and two methods.

    The methods of an arm come after those that the recipe names for all arms. Behind an ``@`` the initialization names
    a model in place of the recipe's: ``default@edgevit_xxs``, ``impulse@tiny:heads=12``, ``default@timm/resnet18``.

    Raises :class:`~headstart.errors.HeadstartError` for unknown names and options.

    >>> of_arm(Recipe(width=96), "impulse@tiny:heads=12+drloc").portable()["model"]
    'tiny:heads=12'
    """
    first, *methods = (part.strip() for part in arm.split("+"))
    init, at, model = first.partition("@")
    resolve(init)
    chosen = (*recipe.methods, *methods)
    resolve_methods(chosen)
    arm_recipe = recipe.model_copy(update={"init": init, "methods": chosen})
    return arm_recipe.override([f"model={model}"]) if at else arm_recipe


@dataclass(frozen=True)
class Matrix:
    """Every initialization with every choice of methods; ``none`` is no method, ``drloc+life`` two.

    The first of each is what gains are counted from.

    >>> Matrix.parse("init=default,impulse", "with=none,drloc").arms
    ['default', 'default+drloc', 'impulse', 'impulse+drloc']
    """

    inits: tuple[str, ...]
    choices: tuple[str, ...]

    @staticmethod
    def parse(*texts: str) -> Matrix:
        """From ``init=A,B`` and ``with=none,C``, in either order.

        Raises :class:`~headstart.errors.HeadstartError` for anything else, and when ``with`` does not begin with none.
        """
        found = dict(text.partition("=")[::2] for text in texts)
        if set(found) != {"init", "with"}:
            raise HeadstartError(f"expected --matrix init=A,B with=none,C, got {' '.join(texts)!r}.")
        inits, choices = (tuple(part.strip() for part in found[key].split(",")) for key in ("init", "with"))
        if choices[0] != "none":
            raise HeadstartError(
                f"expected with=none,…, so that gains can be counted from it, got with={','.join(choices)}."
            )
        return Matrix(inits, choices)

    def arm(self, init: str, choice: str) -> str:
        """The arm of an initialization and a choice of methods."""
        return init if choice == "none" else f"{init}+{choice}"

    @property
    def arms(self) -> list[str]:
        """All arms, the methods of an initialization together."""
        return [self.arm(init, choice) for init in self.inits for choice in self.choices]

    def alone(self, arm: str) -> str | None:
        """The arm of the same initialization without methods; None for that arm itself."""
        return next((init for init in self.inits for choice in self.choices[1:] if arm == self.arm(init, choice)), None)

    def corners(self, arm: str) -> tuple[str, str, str] | None:
        """The arms that an interaction takes ``arm`` apart into: its init alone, its methods alone, and neither.

        None for an arm that has nothing added to one of the two.
        """
        for init in self.inits[1:]:
            for choice in self.choices[1:]:
                if arm == self.arm(init, choice):
                    return init, self.arm(self.inits[0], choice), self.inits[0]
        return None

    def __str__(self) -> str:
        return f"init={','.join(self.inits)} with={','.join(self.choices)}"
