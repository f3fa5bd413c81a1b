"""A model as ONNX, run by onnxruntime: the same logits without PyTorch."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from headstart.attention.hooks import evaluating
from headstart.errors import HeadstartError, first_line
from headstart.evaluation.timing import where

__all__ = ["OnnxSession", "need_onnx", "onnx_bytes", "traced"]

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def need_onnx() -> None:
    """Raises :class:`~headstart.errors.HeadstartError`, naming the extra, where a package for ONNX is missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise HeadstartError(f'ONNX needs {", ".join(missing)}; pip install "headstart[onnx]".')


def onnx_bytes(
    model: nn.Module,
    image_shape: tuple[int, int, int],
    *,
    dtype: torch.dtype = torch.float32,
    outputs: Sequence[str] = ("logits",),
) -> bytes:
    """``model`` in evaluation mode as an ONNX file's content: ``images`` (batch, C, H, W) to ``logits`` (batch, K).

    The batch is of any size. ``dtype`` is that of the images, ``outputs`` names what the model returns. Raises
    :class:`~headstart.errors.HeadstartError` where a package is missing, and for a model that PyTorch can't export,
    with PyTorch's reason.
    """
    need_onnx()
    # Three images: of one or two, an exporter may take what holds for that number to hold for all.
    images = torch.zeros(3, *image_shape, dtype=dtype, device=where(model))
    with warnings.catch_warnings(), _silent(), evaluating(model), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            traced(model, images), dynamo=True, input_names=["images"], output_names=list(outputs), verbose=False
        )
    assert program is not None
    return program.model_proto.SerializeToString()


def traced(model: nn.Module, images: Tensor, target: str = "ONNX") -> torch.export.ExportedProgram:
    """The graph for any number of images, by running the model or, where that fixes the number, by reading its code.

    ``images`` are three or more, ``target`` is what the graph is for. Raises
    :class:`~headstart.errors.HeadstartError` for a model that PyTorch can't export, with PyTorch's reason.
    """
    # torch.onnx.export, left to itself, would fix the number without a word.
    first: Exception | None = None
    for strict in (False, True):
        try:
            return torch.export.export(
                model, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},), strict=strict
            )
        except Exception as error:  # the exporter's own classes differ from version to version
            first = first or error
    raise HeadstartError(f"{type(model).__name__} can't be exported to {target}: {_reason(first)}") from first


class OnnxSession:
    """A model that onnxruntime runs on the CPU, called like the model it was made from.

    Args:
        model: what to export.
        image_shape: (C, H, W).
        threads: of onnxruntime; as many as PyTorch uses, unless given.

    Raises what :func:`onnx_bytes` does.
    """

    def __init__(self, model: nn.Module, image_shape: tuple[int, int, int], threads: int | None = None) -> None:
        content = onnx_bytes(model, image_shape)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or torch.get_num_threads()
        options.log_severity_level = 3  # errors
        self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (B, K) of images (B, C, H, W) on the CPU."""
        (logits,) = self.session.run(["logits"], {"images": images.numpy()})
        return torch.from_numpy(logits)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Without the exporter's progress and its logger's warnings."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _reason(error: BaseException | None) -> str:
    """The innermost cause, in a line."""
    while error is not None and error.__cause__ is not None:
        error = error.__cause__
    assert error is not None
    return f"{type(error).__name__}: {first_line(error)}"
