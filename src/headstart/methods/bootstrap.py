"""Bootstrapping ViTs (2112.03552): a ViT trains beside a CNN, whose maps its tokens are to agree with.

Shapes: ``B`` images, ``P`` prefix tokens, ``N`` the rest, ``D`` width, ``K`` classes.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from headstart.attention import AttentionView, attention_view
from headstart.errors import HeadstartError, UnsupportedModel, unknown
from headstart.methods.agents import NAMES, make_agent
from headstart.methods.alignment import Twins
from headstart.methods.distillation import distilled, feature_loss
from headstart.methods.method import Method, Step
from headstart.methods.registry import register
from headstart.methods.shared_weights import Shared, as_agent, shared_parameters
from headstart.methods.teachers import LIBRARIES, StagedCNN, matched, read_weights
from headstart.models.agent import STEMS, AgentCNN
from headstart.specs import write_value

__all__ = ["Bootstrap"]


@register
class Bootstrap(Method):
    """Co-training with a CNN, the agent, which is not kept (2112.03552, CVPR 2022).

    With z_V, z_A the logits of ViT and agent, CE the recipe's loss, and for each matched pair of a block and a map the
    feature loss F of :func:`~headstart.methods.distillation.feature_loss`, the whole loss is ::

        CE(z_V) + CE(z_A) + β · T² · [KL(z_A → z_V) + KL(z_V → z_A)] + α · (1 − progress) · Σ_pairs F

    where each KL moves the second alone, and F the ViT alone. ``shared`` halves all of it; ``frozen`` leaves out
    CE(z_A) and KL(z_V → z_A).

    Args:
        mode: ``joint``, an agent with weights of its own; ``shared``, an agent whose taps and MLPs are the ViT's, and
            only stem, norms and classifier its own.
        agent: ``mirror``, made after the ViT: its width, depth, heads and MLP; ``agent_s`` and ``agent_b``, those of
            the paper; ``timm/NAME`` and ``torchvision/NAME``, any CNN, the last maps of its resolutions matched with
            evenly spread blocks.
        weights: a safetensors file, or the folder of a run, that the agent starts from; ``none``: at random.
        frozen: the agent stays as it is, in evaluation mode. Without ``weights`` that is a negative control.
        features: α, of the feature loss; 0 for none.
        mutual: β, of the logits; 0 for none.
        temperature: T.
        decay: the feature loss falls to nought; False keeps it at α.
        stem: of an agent that mirrors, ``res-like`` (twice the ViT's grid, pooled twice) or ``base`` (the ViT's grid).
        align: in ``shared``, what opposes the ViT's gradient is taken out of the agent's, over all shared weights as
            one; False adds both, as the released code does.

    The defaults are the released code's: α = 10, β = 1 (and half of each where shared); the paper states them the
    other way round, and studies them this way.

    Where channels differ from D, a learned linear map takes tokens to the agent's channels (1412.6550, and as an option
    of the released code); the other way round a map could agree by becoming constant.

    Differs from the released code: gradients are aligned, as the paper has it; LayerNorm in the feature loss has no
    weights (there it has, untrained); lengths that do not divide are averaged in overlapping windows.

    Raises :class:`~headstart.errors.HeadstartError` for options that do not suit or contradict each other, unknown
    agents, weights that do not fit, and models that it can't work on.
    """

    name, has_loss = "bootstrap", True
    wants_features: ClassVar[bool] = True
    agent: AgentCNN | StagedCNN
    share: Tensor  # 1 − progress, in a buffer: a compiled loss reads it, and is not compiled again when it changes

    def __init__(
        self,
        mode: str = "joint",
        agent: Any = "mirror",
        weights: Any = "none",
        frozen: bool = False,
        features: float = 10.0,
        mutual: float = 1.0,
        temperature: float = 4.0,
        decay: bool = True,
        stem: str = "res-like",
        align: bool = True,
    ) -> None:
        super().__init__()
        named, path = write_value(agent), write_value(weights)  # names with / in them come in pieces
        for option, value, choices in (("mode", mode, ("joint", "shared")), ("stem", stem, STEMS)):
            if value not in choices:
                raise unknown(f"{option} of bootstrap", value, choices)
        if named.partition("/")[0] not in (*NAMES, *LIBRARIES) or (named in LIBRARIES):
            raise unknown("agent of bootstrap", named, [*NAMES, *(f"{library}/NAME" for library in LIBRARIES)])
        for option, number in (("features", features), ("mutual", mutual)):
            if not 0 <= number < math.inf:
                raise HeadstartError(f"bootstrap: {option} must be a number from 0 on, got {number}.")
        if not 0 < temperature < math.inf:
            raise HeadstartError(
                f"bootstrap: temperature must be a number above 0, got {temperature}; the paper's is 4."
            )
        if features == mutual == 0:
            raise HeadstartError("bootstrap: features=0 and mutual=0 leave nothing to learn from the agent.")
        if mode == "shared" and (named != "mirror" or path != "none" or frozen):
            raise HeadstartError(
                "bootstrap: mode=shared trains an agent=mirror that has the ViT's weights; leave agent, weights and "
                "frozen out, or use mode=joint."
            )
        if "/" in named and stem != "res-like":
            raise HeadstartError(f"bootstrap: stem is for agents that mirror a ViT, and {named} has its own.")
        self.mode, self.agent_name, self.path, self.frozen = mode, named, path, frozen
        self.features, self.mutual, self.temperature = features, mutual, temperature
        self.decay, self.stem, self.align = decay, stem, align
        self.wants_features = features > 0  # type: ignore[misc]  # logits alone suit models that don't tell features
        self.register_buffer("share", torch.ones(()), persistent=False)

    def attach(self, model: nn.Module, view: AttentionView) -> nn.Module:
        if not view.uniform:
            raise UnsupportedModel(
                f"bootstrap matches maps with tokens on the grid of the patches, and not all blocks of this "
                f"{type(model).__name__} attend over that whole grid (stages, windows); use it with a plain ViT."
            )
        self.prefix, self.patches, self.width = view.prefix, view.patches, view.width
        self.heads = [block.heads for block in view.blocks]
        agent = make_agent(self.agent_name, model, view, self.stem, own=self.mode == "joint")
        self.agent = agent.to(view.device, view.dtype)
        channels = agent.channels
        self.pairs = matched(len(channels), len(view.blocks)) if self.features else []
        self.maps = nn.ModuleList(
            nn.Identity() if channels[stage] == view.width else nn.Linear(view.width, channels[stage])
            for stage, _ in self.pairs
        ).to(view.device, view.dtype)
        if self.frozen:
            self.agent.requires_grad_(False).eval()
        self._share(view)
        return model

    def _share(self, view: AttentionView) -> None:
        """Find what is shared; in lists, so that PyTorch does not take it for the method's."""
        self.shared = shared_parameters(view) if self.mode == "shared" else []
        main = [parameter for block in self.shared for parameter in block if parameter is not None]
        self.twins = Twins(main) if main and self.align else None  # type: ignore[arg-type]

    def begin(self, model: nn.Module) -> None:
        if self.mode == "shared":
            self._share(attention_view(model))  # another method may have replaced a layer
        if self.path != "none":
            agent = self.agent
            read_weights(self.path, agent.model if isinstance(agent, StagedCNN) else agent, self.agent_name)

    def train(self, mode: bool = True) -> Bootstrap:
        """As ever, but for a frozen agent, which stays in evaluation mode."""
        super().train(mode)
        if self.frozen and "agent" in self._modules:
            self.agent.eval()
        return self

    def update(self, progress: float) -> None:
        if self.decay:
            self.share.fill_(1 - progress)
        if self.twins is not None:
            self.twins.refresh()

    def gradients(self) -> None:
        if self.twins is not None:
            self.twins.combine()

    def loss(self, step: Step) -> Tensor:
        """What is added to the ViT's own loss."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            logits, maps = self._taught(step.images)
        loss = step.logits.new_zeros((), dtype=torch.float32)
        if self.mutual:
            loss = loss + self.mutual * distilled(step.logits, logits, self.temperature)
        if self.pairs:
            loss = loss + self.features * self.share * self._features(step, maps)
        if not self.frozen:
            loss = loss + step.criterion(logits)
            if self.mutual:
                loss = loss + self.mutual * distilled(logits, step.logits, self.temperature)
        if self.mode == "shared":
            return 0.5 * loss - 0.5 * step.criterion(step.logits)  # which is in the loss once already
        return loss

    def _taught(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The agent's logits and maps."""
        if self.mode == "joint":
            return self.agent.forward_maps(images)
        assert isinstance(self.agent, AgentCNN)
        blocks = self.shared if self.twins is None else self._twin_blocks(self.twins)
        return self.agent.forward_maps(images, [as_agent(*each) for each in zip(blocks, self.heads, strict=True)])

    def _twin_blocks(self, twins: Twins) -> list[Shared]:
        """The shared weights, each by its twin."""
        each = iter(twins.twins)
        return [Shared(*(None if mine is None else next(each) for mine in block)) for block in self.shared]  # type: ignore[arg-type]

    def _features(self, step: Step, maps: list[Tensor]) -> Tensor:
        """Σ over pairs of the feature loss."""
        wanted = (self.prefix + self.patches, self.width)
        wrong = [tuple(each.shape) for each in step.features if tuple(each.shape[1:]) != wanted]
        if len(step.features) != len(self.heads) or wrong:
            got = f"one of {wrong[0]}" if wrong else f"{len(step.features)} of them"
            raise HeadstartError(
                f"bootstrap was attached to a model with {len(self.heads)} blocks that give (B, {wanted[0]}, "
                f"{wanted[1]}), got {got}; it can't be used with a method that drops or reshapes tokens."
            )
        losses = [
            feature_loss(project(step.features[block][:, self.prefix :]), maps[stage])
            for (stage, block), project in zip(self.pairs, self.maps, strict=True)
        ]
        return torch.stack(losses).sum()
