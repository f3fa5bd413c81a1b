"""Self-slimmed ViT (2111.12624): fewer tokens in the later blocks, learned from the same network with all of them.

Shapes: ``B`` images, ``P`` prefix tokens first, ``N`` patch tokens of the teacher, ``D`` width, ``K`` classes.
"""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.attention import AttentionView
from headstart.errors import HeadstartError, unknown
from headstart.methods.method import Method, Step
from headstart.methods.registry import register
from headstart.methods.reverse import ReverseSlim
from headstart.models.slimming import slim_vit

__all__ = ["Slim", "write_path"]


@register
class Slim(Method):
    """A slim ViT that learns from the un-slimmed run it starts from: token slimming and dense distillation, FRD.

    Behind the blocks ``after`` the patch tokens become fewer; class and register tokens stay. With c_i(·) the patch
    tokens behind block i of L, R_i the reverse module of that block (the identity where all N tokens are still there),
    and logits z::

        loss = CE + tokens · (1/L) Σ_i mean (R_i(c_i(student)) − c_i(teacher))²
                  + logits · τ² · KL(softmax(z(teacher)/τ) ‖ softmax(z(student)/τ))

    The KL is the sum over the classes and the mean over the images.

    The teacher sees the same images as the student, augmented alike, in evaluation mode. It and the reverse modules
    are there in training alone; what is kept is the slim ViT, which opens again without the teacher's file.

    Args:
        keep: the share of the grid's tokens left behind each place, ``0.5/0.25``.
        after: how many blocks come before each place, ``4/8``; the depth evenly split unless given.
        how: ``merge``, the paper's token slimming module; or what it is compared with: ``topk``, ``pool``, ``random``.
        distill: ``frd`` as above, ``logits`` without the middle term, or ``none``: cross-entropy alone.
        tokens: weight of the middle term.
        logits: weight of the last term.
        temperature: τ.
        rate: the reverse modules' learning rate, as a multiple of the recipe's.
        start: from the ``teacher``'s weights, or from ``scratch``.
        teacher: the un-slimmed run's folder or its model.safetensors, of the same recipe without ``slim``. Characters
            that end an option can be written as in web addresses: ``%3A`` for a colon.

    Differs from the paper: any number of places, and any shares; no hard labels of a CNN through a distillation token;
    the whole model learns at the recipe's rate. As in the released code and unlike the text's formula, the middle term
    is the mean over all blocks, and behind a slimmed block the tokens are compared after they have become fewer.

    Raises :class:`~headstart.errors.HeadstartError` for options out of range, a model without one flat list of blocks,
    shares and places that do not suit its depth, and a teacher that is missing or does not fit.
    """

    name = "slim"

    def __init__(
        self,
        keep: Any = (0.5, 0.25),
        after: Any = None,
        how: str = "merge",
        distill: str = "frd",
        tokens: float = 2.0,
        logits: float = 2.0,
        temperature: float = 1.0,
        rate: float = 5.0,
        start: str = "teacher",
        teacher: Any = None,
    ) -> None:
        super().__init__()
        for option, value, choices in (
            ("distill", distill, ("frd", "logits", "none")),
            ("start", start, ("teacher", "scratch")),
        ):
            if value not in choices:
                raise unknown(f"{option} of slim", value, choices)
        for option, number in (("tokens", tokens), ("logits", logits)):
            if not 0 <= number < math.inf:
                raise HeadstartError(f"slim: {option} is a weight from 0 on, got {number}; the paper takes 2.")
        for option, number in (("temperature", temperature), ("rate", rate)):
            if not 0 < number < math.inf:
                raise HeadstartError(f"slim: {option} must be a number above 0, got {number}.")
        if teacher is None and (distill != "none" or start == "teacher"):
            raise HeadstartError(
                "slim starts and learns from the un-slimmed run, and none is named: slim:teacher=runs/NAME, or "
                "`headstart slim runs/NAME`. Without one: slim:distill=none:start=scratch."
            )
        self.keep, self.after = _several(keep), None if after is None else _several(after)
        self.how, self.distill, self.start = how, distill, start
        self.weights, self.temperature, self.rate = (tokens, logits), temperature, rate
        self.path = None if teacher is None else Path(unquote("/".join(map(str, _several(teacher)))))
        self.has_loss = distill != "none"  # type: ignore[misc]
        self.wants_features = distill == "frd"  # type: ignore[misc]

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        teacher = copy.deepcopy(model)
        slim_vit(model, self.keep, self.after, self.how)
        self.prefix = view.prefix
        if self.has_loss:
            self.teacher: Any = teacher.requires_grad_(False).eval()
            self.seen: list[Tensor] = []  # what each block of the teacher gives
            theirs: Any = self.teacher.blocks
            for block in theirs:
                block.register_forward_hook(lambda _block, _inputs, output: self.seen.append(output))
        if self.distill == "frd":
            self.reverse = nn.ModuleList()
            blocks: Any = model.blocks
            reducer: Any = None
            for block in blocks:
                reducer = getattr(block, "slim", reducer)
                whole = reducer is None  # nothing has been taken away yet
                self.reverse.append(nn.Identity() if whole else ReverseSlim(reducer.kept, view.patches, view.width))
            self.reverse.to(view.device)
        return model

    def begin(self, model: nn.Module) -> None:
        """Read the teacher's weights, and start from them if the student is to."""
        if self.path is None:
            return
        weights = _read(self.path)
        if self.start == "teacher":
            own = {name for name in model.state_dict() if ".slim." in name}
            _load(model, weights, self.path, own)
        if self.has_loss:
            _load(self.teacher, weights, self.path, set())

    def train(self, mode: bool = True) -> Slim:
        """The teacher stays in evaluation mode."""
        super().train(mode)
        if self.has_loss and hasattr(self, "teacher"):
            self.teacher.eval()
        return self

    def loss(self, step: Step) -> Tensor | None:
        if not self.has_loss:
            return None
        with torch.no_grad():
            self.seen.clear()
            logits = self.teacher.forward_head(self.teacher.forward_features(step.images))
        soft, wanted = (F.log_softmax(z.float() / self.temperature, dim=1) for z in (step.logits, logits))
        divergence = F.kl_div(soft, wanted, reduction="batchmean", log_target=True)
        loss = self.weights[1] * self.temperature**2 * divergence
        if self.distill == "logits":
            return loss
        pairs = zip(self.reverse, step.features, self.seen, strict=True)
        wrong = [F.mse_loss(back(mine[:, self.prefix :]), its[:, self.prefix :]) for back, mine, its in pairs]
        self.seen.clear()
        return loss + self.weights[0] * torch.stack(wrong).mean()


def write_path(path: str | Path) -> str:
    """A path as ``slim:teacher=`` takes it: parts that would end an option, or be read as numbers, in %-signs.

    >>> write_path("runs/a,b/0.50")
    'runs/a%2Cb/%30.50'
    """
    parts = [quote(part, safe="") for part in Path(path).as_posix().split("/")]
    return "/".join(f"%{ord(p[0]):02X}{p[1:]}" if p.lstrip("-.")[:1].isdigit() else p for p in parts)


def _several(value: Any) -> list[Any]:
    """One or several values of an option."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _read(path: Path) -> dict[str, Tensor]:
    """The weights of a run's folder, or of its file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = path / "model.safetensors" if path.is_dir() else path
    if not file.is_file():
        raise HeadstartError(
            f"slim: there is no {file} to learn from; name the folder of a finished run, which has a model.safetensors."
        )
    try:
        return load_file(file)
    except SafetensorError as error:
        raise HeadstartError(f"slim: {file} cannot be read ({error}); name the folder of a finished run.") from None


def _load(model: nn.Module, weights: dict[str, Tensor], path: Path, own: set[str]) -> None:
    """``weights`` into ``model``, all but its ``own``; raises for those that do not fit."""
    wanted = {name: tensor for name, tensor in model.state_dict().items() if name not in own}
    odd = [name for name in {**wanted, **weights} if (name in wanted) != (name in weights)]
    odd += [name for name in wanted if name in weights and wanted[name].shape != weights[name].shape]
    if odd:
        raise HeadstartError(
            f"slim: the weights in {path} are not those of the un-slimmed model ({odd[0]} is missing on one side or of "
            "another shape); name a run of the same recipe without slim."
        )
    model.load_state_dict(weights, strict=False)
