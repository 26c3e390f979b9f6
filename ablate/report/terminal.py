"""The end of a report on a terminal: the sentence of the first screen, and the next command."""

from __future__ import annotations

import textwrap

from ablate.report.headline import headline
from ablate.report.next_step import next_step
from ablate.report.section import ReportData
from ablate.wording import printable

LINE = 80


def end_lines(data: ReportData, *, width: int = LINE) -> list[str]:
    """The answer and the next step; words do not break, and a command stays on one line."""
    step = next_step(data)
    lines = [*_wrap(headline(data.analysis), width), *_wrap(step.reason, width)]
    lines += [f"  {step.command}"] if step.command else []
    return [printable(line) for line in lines]


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
