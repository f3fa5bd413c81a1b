"""The report page: one self-contained HTML file of a run or a comparison, with an explorer of its attention."""

from headstart.reporting.page.explorer import Head, Seen, explore
from headstart.reporting.page.page import Arm, write_page
from headstart.reporting.page.plan import Plan, Size, plan_maps

__all__ = ["Arm", "Head", "Plan", "Seen", "Size", "explore", "plan_maps", "write_page"]
