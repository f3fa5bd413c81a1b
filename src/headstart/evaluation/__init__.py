"""Evaluation: what a model costs, and how well it does."""

from headstart.evaluation.calibration import expected_calibration_error
from headstart.evaluation.cost import Cost, cost
from headstart.evaluation.onnx_session import OnnxSession, onnx_bytes
from headstart.evaluation.side_by_side import side_by_side
from headstart.evaluation.throughput import throughput
from headstart.evaluation.timing import Timing

__all__ = [
    "Cost",
    "OnnxSession",
    "Timing",
    "cost",
    "expected_calibration_error",
    "onnx_bytes",
    "side_by_side",
    "throughput",
]
