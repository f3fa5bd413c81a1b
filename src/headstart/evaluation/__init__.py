"""Evaluation: what a model costs, and how well it does."""

from headstart.evaluation.cost import Cost, cost

__all__ = ["Cost", "cost"]
