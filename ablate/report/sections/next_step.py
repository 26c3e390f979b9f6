"""What to do next, with the command to type."""

from __future__ import annotations

from ablate.report.blocks import Block, Commands, Paragraph
from ablate.report.next_step import next_step
from ablate.report.section import Content, ReportData
from ablate.wording import one_line

ORDER = 15


def content(data: ReportData) -> Content:
    """The reason and the command."""
    step = next_step(data)
    blocks: list[Block] = [Paragraph(step.reason)]
    if step.command:
        blocks.append(Commands((one_line(step.command),)))
    return Content("Next step", tuple(blocks), level=3)
