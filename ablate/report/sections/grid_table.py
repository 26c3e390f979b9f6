"""The grid as a table: one row for each cell, with marks and the response."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ablate.analysis.findings import Analysis
from ablate.analysis.parts import is_switch
from ablate.report.blocks import INTERVAL, Column, Link, N, Paragraph, Strong, Table, Text
from ablate.report.cells import (
    BEST,
    FULL,
    SIMPLEST,
    best_cells,
    cell_label,
    cell_texts,
    number,
    records,
    reference_cell,
    value_range,
)
from ablate.report.names import NAME_LIMIT
from ablate.report.paper_grid import paper_grid
from ablate.report.section import Content, ReportData
from ablate.report.wording import Scale, scale_of
from ablate.study.study import Factor, Study
from ablate.wording import MISSING, one_line

ORDER = 41


@dataclass(frozen=True, slots=True)
class Mark:
    """A factor's level in one cell of the grid.

    Attributes:
        sign: ``✓`` or ``–`` for a part that is present or absent; ``●`` for the full model's level
            of any other factor, ``○`` for another level of it.
        level: The level's name.
        named: Whether the name is needed next to the sign.
    """

    sign: str
    level: str
    named: bool

    @property
    def text(self) -> str:
        """The sign, with the level's name where it is needed."""
        return f"{self.sign} {self.level}" if self.named else self.sign


@dataclass(frozen=True, slots=True)
class Whisker:
    """A mean and its interval as positions from 0 to 100 along a row's picture.

    Attributes:
        mean: Position of the mean.
        low: Position of the lower end, cut at 0.
        high: Position of the upper end, cut at 100.
        low_cut: Whether the lower end was cut.
        high_cut: Whether the upper end was cut.
        inside: Whether the mean itself is inside the picture.
    """

    mean: float
    low: float
    high: float
    low_cut: bool
    high_cut: bool
    inside: bool


@dataclass(frozen=True, slots=True)
class GridRow:
    """A cell of the study as a row of the grid.

    Attributes:
        number: Its index in the design from 1, by which figures refer to it.
        cell: Its slug.
        label: How it differs from the full model.
        marks: One mark for each factor.
        mean: Mean of the first response.
        interval: Its interval.
        whisker: Both as a picture; None where there is no mean.
        n: Complete runs.
        short: Whether planned runs are missing.
        difference: Difference from the full model.
        difference_interval: Its interval.
        others: Means of the further responses.
        costs: Parameters, MACs and training seconds.
        tags: ``full model``, ``best mean``, ``fewest parts``, as far as they apply.
    """

    number: int
    cell: str
    label: str
    marks: tuple[Mark, ...]
    mean: str
    interval: str
    whisker: Whisker | None
    n: str
    short: bool
    difference: str
    difference_interval: str
    others: tuple[str, ...]
    costs: tuple[str, str, str]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid of a study: one row for each cell.

    Attributes:
        factors: Headings of the factors' columns.
        others: Headings of the further responses, with their unit.
        rows: The cells in the order of the design.
        zero: Position of the full model's mean along the rows' pictures; None if it has none.
        span: Values of the response at both ends of the rows' pictures.
        has_costs: Whether parameters, MACs or seconds are known of any cell.
        has_switches: Whether any factor is a part that is present or absent.
        has_words: Whether any factor shows the names of its levels.
    """

    factors: tuple[str, ...]
    others: tuple[str, ...]
    rows: tuple[GridRow, ...]
    zero: float | None
    span: tuple[float, float]
    has_costs: bool
    has_switches: bool
    has_words: bool

    @property
    def has_simplest(self) -> bool:
        """Whether a row is the simplest model that does the job, and not the full model."""
        return any(SIMPLEST in row.tags for row in self.rows)

    @property
    def has_missing_runs(self) -> bool:
        """Whether planned runs of any cell are missing."""
        return any(row.short for row in self.rows)


def content(data: ReportData) -> Content:
    """The table and how to read its signs."""
    grid = grid_of(data.analysis)
    costs = ("parameters", "MACs", "training,\u00a0s") if grid.has_costs else ()
    columns = (
        Column("", "right", "number", in_paper=False),
        *(Column(name, "center") for name in grid.factors),
        Column(_heading(data.scale), "right"),
        Column(INTERVAL, "right", "soft"),
        Column(N, "right"),
        Column("change", "right"),
        Column(INTERVAL, "right", "soft"),
        *(Column(name, "right") for name in (*grid.others, *costs)),
        Column("", in_paper=False),
    )
    table = Table(
        columns,
        tuple(_texts(row, with_costs=grid.has_costs) for row in grid.rows),
        label="grid",
        paper=paper_grid(
            data,
            factors=tuple(Column(name, "center") for name in grid.factors),
            marks=[tuple(mark.text for mark in row.marks) for row in grid.rows],
            signs=_signs(grid),
        ),
        template="grid_table.html",
        content={
            "grid": grid,
            "response": _heading(data.scale),
            "costs": costs,
            "linked": "runs" not in data.record.provenance,
        },
    )
    numbers = Paragraph(("With all digits: ", Link("cells.csv"), "."), "note")
    return Content("", (table, Paragraph(_note(grid), "note"), numbers))


def grid_of(analysis: Analysis) -> Grid:
    """The grid of an analysis."""
    study, cells = analysis.study, records(analysis.cells)
    axis = _Axis.around(analysis)
    tags = _tags(analysis)
    rows = tuple(
        _grid_row(analysis, row, index=index, axis=axis, tags=tags[str(row["cell"])])
        for index, row in enumerate(cells, start=1)
    )
    means = {row["cell"]: number(row[f"{study.response.name}_mean"]) for row in cells}
    reference = means.get(reference_cell(analysis), math.nan)
    return Grid(
        factors=tuple(one_line(factor.name, NAME_LIMIT) for factor in study.factors),
        others=tuple(_heading(scale_of(study, index)) for index in _further_responses(study)),
        rows=rows,
        zero=axis.position(reference) if math.isfinite(reference) else None,
        span=(axis.start, axis.end),
        has_costs=any(value != MISSING for row in rows for value in row.costs),
        has_switches=any(is_switch(factor) for factor in study.factors),
        has_words=not all(is_switch(factor) for factor in study.factors),
    )


def _texts(row: GridRow, *, with_costs: bool) -> tuple[Text, ...]:
    return (
        str(row.number),
        *(mark.text for mark in row.marks),
        Strong(row.mean) if {FULL, BEST} & set(row.tags) else row.mean,
        row.interval,
        f"{row.n}†" if row.short else row.n,
        row.difference,
        row.difference_interval,
        *row.others,
        *(row.costs if with_costs else ()),
        ", ".join(row.tags),
    )


def _signs(grid: Grid) -> str:
    switches = "✓ the part is present, – it is absent. " if grid.has_switches else ""
    words = "● the full model’s level, ○ another level. " if grid.has_words else ""
    return f"{switches}{words}"


def _note(grid: Grid) -> str:
    simplest = (
        "Fewest parts: of the models shown to be less than the margin worse than the full model. "
        if grid.has_simplest
        else ""
    )
    missing = " † Planned runs are missing, for the reasons below." if grid.has_missing_runs else ""
    return (
        f"{_signs(grid)}Change: from the full model, with runs of the same seed compared in pairs "
        f"if there are such runs. {simplest}— not known.{missing}"
    )


def _heading(scale: Scale) -> str:
    return f"{scale.title},\u00a0{scale.unit}" if scale.unit else scale.title


@dataclass(frozen=True, slots=True)
class _Axis:
    """The range of values that the rows' pictures span."""

    start: float
    end: float

    @staticmethod
    def around(analysis: Analysis) -> _Axis:
        start, end = value_range(analysis)
        pad = (end - start) * 0.04
        return _Axis(start - pad, end + pad)

    def position(self, value: float) -> float:
        """Position from 0 to 100, cut at both ends."""
        share = (value - self.start) / (self.end - self.start)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def whisker(self, mean: float, *, low: float, high: float) -> Whisker | None:
        if not math.isfinite(mean):
            return None
        ends = [end if math.isfinite(end) else mean for end in (low, high)]
        return Whisker(
            self.position(mean),
            self.position(ends[0]),
            self.position(ends[1]),
            low_cut=ends[0] < self.start,
            high_cut=ends[1] > self.end,
            inside=self.start <= mean <= self.end,
        )


def _tags(analysis: Analysis) -> dict[str, tuple[str, ...]]:
    best, reference = best_cells(analysis), reference_cell(analysis)
    simplest = analysis.simplest.cell if analysis.simplest else None
    return {
        str(cell): tuple(
            tag
            for tag, holds in (
                (FULL, cell == reference),
                (BEST, cell in best),
                (SIMPLEST, cell == simplest and cell != reference),
            )
            if holds
        )
        for cell in analysis.cells["cell"]
    }


def _grid_row(
    analysis: Analysis,
    row: Mapping[str, object],
    *,
    index: int,
    axis: _Axis,
    tags: tuple[str, ...],
) -> GridRow:
    study, name = analysis.study, analysis.study.response.name
    mean, low, high = (number(row[f"{name}_{end}"]) for end in ("mean", "low", "high"))
    texts = cell_texts(analysis, row)
    return GridRow(
        number=index,
        cell=str(row["cell"]),
        label=cell_label(analysis, row),
        marks=tuple(_mark(factor, str(row[factor.name])) for factor in study.factors),
        mean=texts["mean"],
        interval=texts["interval"],
        whisker=axis.whisker(mean, low=low, high=high),
        n=texts["n"],
        short=number(row["n"]) < number(row.get("n_planned")),
        difference=texts["change"],
        difference_interval=texts["change_interval"],
        others=tuple(_further_mean(study, row, index) for index in _further_responses(study)),
        costs=(texts["parameters"], texts["macs"], texts["train_seconds"]),
        tags=tags,
    )


def _mark(factor: Factor, level: str) -> Mark:
    if is_switch(factor):
        return Mark("✓" if level == "present" else "–", level, named=False)
    reference = level == factor.reference.name
    return Mark("●" if reference else "○", one_line(level, NAME_LIMIT), named=True)


def _further_responses(study: Study) -> Sequence[int]:
    """Indices of the further responses that the grid does not show as a cost already."""
    names = [response.name for response in study.responses]
    return [index for index in range(1, len(names)) if names[index] != "train_seconds"]


def _further_mean(study: Study, row: Mapping[str, object], index: int) -> str:
    mean = number(row.get(f"{study.responses[index].name}_mean"))
    return scale_of(study, index).number(mean)
