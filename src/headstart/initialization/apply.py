"""``init_`` and ``measure``: apply a scheme to a model in place, and see what its heads look at."""

from __future__ import annotations

import copy
import time
import warnings

import torch
from torch import Tensor, nn

from headstart.attention import AttentionView, BlockView, attention_view, check_trainable, watch_frozen
from headstart.errors import HeadstartError, UnsupportedModel
from headstart.initialization.draw import Draw
from headstart.initialization.impulse import Impulse
from headstart.initialization.mimetic import Conditioned, Default, Mimetic, ReleasedMimetic
from headstart.initialization.norm_matched import NormMatched
from headstart.initialization.options import shift_mlp, whiten_patches
from headstart.initialization.pretrained import check_untrained
from headstart.initialization.report import InitReport, look
from headstart.initialization.scheme import Aim, Scheme
from headstart.initialization.spectrum import predicted_gain
from headstart.initialization.values import content_std
from headstart.specs import parse_spec

__all__ = ["init_", "measure", "names", "resolve"]

SCHEMES: dict[str, type[Scheme]] = {
    scheme.name: scheme for scheme in (Default, Mimetic, ReleasedMimetic, Conditioned, NormMatched, Impulse)
}
_TOLERANCE = 0.03  # a head further than this from the sharpness asked for is reported
_FAINT = 0.05  # a LayerScale below this is reported
_FAR = 10.0  # a frequency's gain beyond this factor is reported


def names() -> tuple[str, ...]:
    """The names of all schemes."""
    return tuple(SCHEMES)


def resolve(scheme: str | Scheme) -> Scheme:
    """The scheme itself, from its name, its text (``impulse:sharpness=0.8``) or itself."""
    if isinstance(scheme, Scheme):
        return scheme
    if not isinstance(scheme, str):
        raise HeadstartError(f"scheme must be a name or a Scheme, got {type(scheme).__name__}.")
    return parse_spec(scheme, "scheme", SCHEMES)


def init_(
    model: nn.Module | AttentionView,
    scheme: str | Scheme = "impulse",
    *,
    images: Tensor | None = None,
    generator: torch.Generator | None = None,
    overwrite: bool = False,
) -> InitReport:
    """Give a vision transformer its head start, in place.

    Args:
        model: a vision transformer of this library, timm, transformers or torchvision, untrained, any float type; or
            for any other of ``nn.MultiheadAttention`` its ``attention_view(model, grid=, position=)``.
        scheme: ``"impulse"``, ``"mimetic"``, ``"mimetic-released"``, ``"conditioned"``, ``"norm-matched"``,
            ``"default"``; with options as text (``"impulse:sharpness=0.8:kernel=5"``); or a scheme, such as
            ``Impulse(sharpness=0.8)``.
        images: a few hundred unlabelled images (B, C, height, width), normalised as for training. With them,
            ``impulse`` is solved on the real inputs of every block, else on LN(position embedding).
        generator: the only source of random numbers; the same state gives the same bits. By default one seeded with
            ``torch.initial_seed()``. Neither the global random state nor autograd's flags are touched.
        overwrite: start the model even if its weights look trained, which is refused otherwise.

    Returns:
        an :class:`~headstart.InitReport`: per head the offset, target mass and entropy; the gain of spatial
        frequencies.

    Raises:
        UnsupportedModel: the model's attention cannot be seen; it names the class and what was missing.
        HeadstartError: weights that look trained, and anything else that does not fit. The model is then as it was.

    Solvers compute in float64 on the model's device, then cast.

    >>> import torch, headstart
    >>> model = headstart.create_vit("tiny", depth=3, heads=3)
    >>> report = headstart.init_(model, "impulse:sharpness=0.8", generator=torch.Generator().manual_seed(0))
    >>> report.heads[1].offset, round(report.heads[1].target_mass, 2)
    ((-1, 0), 0.8)
    """
    start = time.perf_counter()
    chosen = resolve(scheme)
    view = attention_view(model)
    if not isinstance(chosen, Default):
        check_trainable(view)
    if not overwrite and chosen != Default():  # which alone writes nothing
        check_untrained(view.model)
    if chosen.uses_images and images is None:
        raise HeadstartError(f"scheme {chosen.spec!r} needs images: pass images=, a few hundred unlabelled ones.")
    if images is not None:
        view.check_images(images)
        images = images.to(view.device)
        if not torch.isfinite(images).all():
            raise HeadstartError("images: expected finite numbers, got NaN or infinity.")
    if view.source == "mixing" and not isinstance(chosen, (Default, Impulse)):
        raise UnsupportedModel(
            f"{type(view.model).__name__} mixes tokens without queries and keys, which {chosen.name!r} sets; use "
            "'impulse'."
        )
    if any(block.has_qk_norm for block in view.blocks) and not chosen.normalised_ok:
        raise UnsupportedModel(
            f"{type(view.model).__name__} normalises queries and keys (q_norm, k_norm), so that their size, which "
            f"{chosen.name!r} sets, has no effect; use 'impulse'."
        )
    if generator is None:
        generator = torch.Generator().manual_seed(torch.initial_seed())
    work = _single(view)
    restore = work.snapshot(mlp=bool(chosen.mlp_mean) or work.source in ("fixed", "rotary"))
    check_frozen = watch_frozen(work)
    try:
        with torch.no_grad():
            aim = _apply(chosen, work, Draw(generator, work.device), images)
            check_frozen()
            report = _report(work, chosen.spec, images, aim, generator)
    except BaseException:
        restore()
        raise
    if work is not view:
        view.model.load_state_dict(work.model.state_dict())
    report.seconds = time.perf_counter() - start
    for note in report.notes:
        if aim is None or note not in aim.remarks:
            warnings.warn(note, stacklevel=2)
    return report


def _single(view: AttentionView) -> AttentionView:
    """The view, or for half precision one of a float32 copy of its model.

    Half precision's forward pass is too coarse to calibrate on, and not every CPU has one.
    """
    half = view.dtype in (torch.float16, torch.bfloat16)
    return attention_view(copy.deepcopy(view.model).float(), **view.named) if half else view


def _apply(scheme: Scheme, view: AttentionView, draw: Draw, images: Tensor | None) -> Aim | None:
    if scheme.whiten and images is not None:
        whiten_patches(view, images, draw)
    if scheme.mlp_mean:
        shift_mlp(view, scheme.mlp_mean)
    return scheme.apply(view, draw, images)


def _report(
    view: AttentionView, spec: str, images: Tensor | None, aim: Aim | None, generator: torch.Generator | None
) -> InitReport:
    alone = "position embedding" if view.source in ("learned", "fixed") else "position alone"
    measured_on = alone if images is None else f"{len(images)} images"
    heads, maps, gain = look(view, images, aim)
    report = InitReport(spec, heads, measured_on, gain=gain)
    if gain is None and generator is not None and images is None and view.uniform and view.source != "mixing":
        report.gain = predicted_gain(view, maps, content_std(view), generator)
    if aim is not None:
        report.asked, report.bias_error = aim.sharpness, aim.bias_error
        report.notes = [*aim.notes, *aim.remarks, *_shortfalls(report, view)]
    scale = min((float(b.layer_scale.abs().max()) for b in view.blocks if b.layer_scale is not None), default=1.0)
    if aim is not None and scale < _FAINT:
        report.notes.append(
            f"LayerScale multiplies what heads add by {scale:.0e}: they look at their targets, and say little until it "
            "has grown; build the model with init_values nearer one to feel their start at once."
        )
    # Only of a start: a trained network may well have learned such a filter.
    if (
        generator is not None
        and report.gain is not None
        and not 1 / _FAR <= min(report.gain) <= max(report.gain) <= _FAR
    ):
        report.notes.append(
            f"the untrained network multiplies spatial frequencies by {report.gain[0]:.3g} to {report.gain[1]:.3g}; "
            "value='balanced' keeps this near one."
        )
    return report


def _shortfalls(report: InitReport, view: AttentionView) -> list[str]:
    if report.asked is None:
        return []
    # Above is no shortfall: with few images, heads solved on them see these a little better than others.
    off = [h for h in report.heads if h.aimed and h.target_mass < report.asked[h.block] - _TOLERANCE]
    if not off:
        return []
    worst = max(off, key=lambda h: report.asked[h.block] - h.target_mass)  # type: ignore[index]
    return [
        f"{len(off)} of {len(report.heads)} heads are more than {_TOLERANCE} below the sharpness asked for; furthest "
        f"is block {worst.block} head {worst.head}, {worst.target_mass:.2f} instead of "
        f"{report.asked[worst.block]:.2f}: {_reason(report, view.blocks[worst.block])}."
    ]


def _reason(report: InitReport, block: BlockView) -> str:
    if block.has_qk_norm and block.source != "relative":
        if all(getattr(norm, "weight", None) is None for norm in (block.q_norm, block.k_norm)):
            return "queries and keys are normalised, by norms without a scale that could make them larger"
        return "queries and keys are normalised, so that all heads of a block share one gain, fitted to their mean"
    return f"on {report.measured_on} other patches beat the target in too many rows"


def measure(model: nn.Module | AttentionView, images: Tensor | None = None) -> InitReport:
    """What the heads of any model look at, trained or not: for each the offset it attends to most, and its mass.

    With ``images`` (B, C, height, width), on the real inputs of every block; without, each block is given
    LN(position embedding).
    """
    start = time.perf_counter()
    view = attention_view(model)
    if images is not None:
        view.check_images(images)
    with torch.no_grad():
        report = _report(_single(view), "measured", images, None, None)
    report.seconds = time.perf_counter() - start
    return report
