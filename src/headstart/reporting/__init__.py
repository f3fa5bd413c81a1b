"""Reporting: tables and pictures made from result files and reports, never from a training loop."""

from headstart.reporting.before_after import draw_before_after
from headstart.reporting.curves import draw_curves
from headstart.reporting.heads import draw_attention, draw_heads, inspect_model
from headstart.reporting.latency import draw_latency, speed_table
from headstart.reporting.looking import Drawn, Sight, draw_all
from headstart.reporting.offsets import draw_offsets
from headstart.reporting.over_image import draw_attention_over
from headstart.reporting.positions import draw_positions, position_similarity
from headstart.reporting.style import save_figure
from headstart.reporting.tables import gains, markdown_table, measured, rich_table

__all__ = [
    "Drawn", "Sight", "draw_all", "draw_attention", "draw_attention_over", "draw_before_after", "draw_curves",
    "draw_heads", "draw_latency", "draw_offsets", "draw_positions", "gains", "inspect_model", "markdown_table",
    "measured", "position_similarity", "rich_table", "save_figure", "speed_table",
]  # fmt: skip
