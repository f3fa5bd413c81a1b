"""Evaluation: what a model costs, and how well it does."""

from headstart.evaluation.cost import Cost, cost
from headstart.evaluation.side_by_side import side_by_side
from headstart.evaluation.timing import Timing

__all__ = ["Cost", "Timing", "cost", "side_by_side"]
