"""What a section of a report is, and the sections that there are."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Protocol, cast

import pandas as pd

from ablate.analysis.findings import Analysis
from ablate.report import sections, wording
from ablate.report.blocks import Block
from ablate.report.wording import Scale
from ablate.study.record import FITTING_COLUMNS, StudyRecord
from ablate.study.study import Study


@dataclass(frozen=True, slots=True)
class ReportData:
    """What a section writes about.

    Attributes:
        record: The study, its runs, and what else is known of them.
        analysis: What the runs say.
        commands: How to make the report again.
        paper_columns: Columns of the grid in `report.tex`.
    """

    record: StudyRecord
    analysis: Analysis
    commands: tuple[str, ...] = ()
    paper_columns: tuple[str, ...] = FITTING_COLUMNS

    @property
    def study(self) -> Study:
        """The study."""
        return self.analysis.study

    @property
    def runs(self) -> pd.DataFrame:
        """One row for each run, complete or not."""
        return self.record.runs

    @property
    def scale(self) -> Scale:
        """How values of the study's first response are written."""
        return wording.scale_of(self.study)


@dataclass(frozen=True, slots=True)
class Content:
    """What a section shows.

    Attributes:
        title: Its heading; a section without one continues the section before it.
        blocks: What stands below the heading, in order.
        level: 2 for a section of its own, 3 for a part of the section before it.
        boxed: Whether the page highlights it with a box.
        folded: Whether the page shows its heading only, until the reader unfolds it.
    """

    title: str
    blocks: tuple[Block, ...]
    level: int = 2
    boxed: bool = False
    folded: bool = False


class Section(Protocol):
    """A module in `sections/`."""

    ORDER: int
    """Where the section stands in a report; lower numbers come first."""

    def content(self, data: ReportData) -> Content | None:
        """What the section shows; None where the data have nothing for it."""


def all_sections() -> dict[str, Section]:
    """Every section by its name, in the order of a report."""
    found = {
        module.name: cast(Section, importlib.import_module(f"{sections.__name__}.{module.name}"))
        for module in pkgutil.iter_modules(sections.__path__)
    }
    return dict(sorted(found.items(), key=lambda item: (item[1].ORDER, item[0])))
