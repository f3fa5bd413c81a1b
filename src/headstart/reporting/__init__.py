"""Reporting: tables and pictures made from result files and reports, never from a training loop."""

from headstart.reporting.curves import draw_curves
from headstart.reporting.heads import draw_attention, inspect_model
from headstart.reporting.latency import draw_latency, speed_table
from headstart.reporting.style import save_figure
from headstart.reporting.tables import gains, markdown_table, measured, rich_table

__all__ = [
    "draw_attention",
    "draw_curves",
    "draw_latency",
    "gains",
    "inspect_model",
    "markdown_table",
    "measured",
    "rich_table",
    "save_figure",
    "speed_table",
]
