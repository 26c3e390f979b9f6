"""The grid as a figure: parts as signs, the response as a dot with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ablate.analysis.findings import Analysis
from ablate.report.blocks import Illustration
from ablate.report.cells import BEST, FULL, chosen_cells
from ablate.report.drawing import BLACK, BLUE, GREY, VERMILLION, Picture, finish
from ablate.report.section import Content, ReportData
from ablate.report.sections.grid_table import Grid, GridRow, Whisker, grid_of
from ablate.report.wording import Scale, scale_of
from ablate.wording import MINUS, one_line

ORDER = 40
MOST_ROWS = 40


def content(data: ReportData) -> Content:
    """The figure; the page shows the table instead, which says the same."""
    picture = grid_picture(data.analysis)
    return Content("The grid", () if picture is None else (Illustration(picture, in_page=False),))


def grid_picture(analysis: Analysis) -> Picture | None:
    """The grid as one picture; None where no cell has a mean."""
    table, scale = grid_of(analysis), scale_of(analysis.study)
    chosen = set(chosen_cells(analysis, MOST_ROWS))
    rows = [row for row in table.rows if row.cell in chosen]
    if not any(row.whisker for row in rows):
        return None
    # Widths in inches: signs or words of the factors, the dots, the numbers.
    widths = [_factor_width(table, index) for index in range(len(table.factors))]
    left, dots, right = 0.35 + sum(widths), 2.9, 3.6
    figure = Figure(figsize=(left + dots + right, 0.9 + 0.29 * len(rows)))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, left + dots + right)
    axes.set_ylim(len(rows) + 0.55, -1.75)
    axes.axis("off")
    _grid_headings(axes, table, widths=widths, dots=(left, dots), scale=scale)
    for y, row in enumerate(rows):
        _grid_line(axes, row, y, widths=widths, dots=(left, dots))
    _grid_ticks(axes, table, len(rows) - 0.5, dots=(left, dots), scale=scale)
    if table.zero is not None:
        x = left + dots * (0.05 + 0.9 * table.zero / 100)
        axes.plot([x, x], [-0.6, len(rows) - 0.5], color=GREY, lw=0.9, ls=(0, (4, 3)), zorder=1)
    some = "" if len(rows) == len(table.rows) else f" {len(rows)} of {len(table.rows)} cells."
    return finish(
        figure,
        name="grid",
        caption=(
            f"One row for each cell. Dot: mean {scale.title}; line: 95 % interval, with an arrow "
            f"if it extends outside the picture; dashed: the full model.{some}"
        ),
        alternative=_grid_in_words(rows, scale),
    )


def _factor_width(table: Grid, index: int) -> float:
    words = [row.marks[index].level for row in table.rows if row.marks[index].named]
    longest = max([len(table.factors[index][:18]), *(len(word[:18]) + 2 for word in words)])
    return max(0.8, 0.085 * longest + 0.2)


def _grid_headings(
    axes: Axes, table: Grid, *, widths: Sequence[float], dots: tuple[float, float], scale: Scale
) -> None:
    left, x = dots[0], 0.35
    bold: dict[str, Any] = {"fontweight": "bold", "va": "center"}
    for name, width in zip(table.factors, widths, strict=True):
        axes.text(x + width / 2, -1, one_line(name, 18), ha="center", **bold)
        x += width
    unit = f", {scale.unit}" if scale.unit else ""
    axes.text(left + dots[1] / 2, -1, f"{one_line(scale.title, 30)}{unit}", ha="center", **bold)
    edge = left + dots[1]
    axes.text(edge + 0.75, -1, "mean", ha="right", **bold)
    axes.text(edge + 1.55, -1, "change", ha="right", **bold)
    axes.text(edge + 2.0, -1, "runs", ha="right", **bold)
    axes.plot([0.1, edge + 3.5], [-0.6, -0.6], color=BLACK, lw=0.8)


def _grid_ticks(
    axes: Axes, table: Grid, bottom: float, *, dots: tuple[float, float], scale: Scale
) -> None:
    start, end = (value * scale.factor for value in table.span)
    axes.plot([dots[0], sum(dots)], [bottom, bottom], color="#444444", lw=0.8)
    for value in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(start, end):
        if start <= value <= end:
            x = dots[0] + dots[1] * (0.05 + 0.9 * (value - start) / (end - start))
            axes.plot([x, x], [bottom, bottom + 0.12], color="#444444", lw=0.8)
            text = f"{value:.6g}".replace("-", MINUS)
            axes.text(x, bottom + 0.55, text, ha="center", va="center", fontsize=9)


def _grid_line(
    axes: Axes,
    row: GridRow,
    y: int,
    *,
    widths: Sequence[float],
    dots: tuple[float, float],
) -> None:
    left, span = dots
    weight = "bold" if {FULL, BEST} & set(row.tags) else "normal"
    if y % 2:
        axes.axhspan(y - 0.5, y + 0.5, color="#F4F4F4", lw=0, zorder=0)
    axes.text(0.3, y, str(row.number), ha="right", va="center", color="#555555")
    x = 0.35
    for mark, width in zip(row.marks, widths, strict=True):
        text = f"{mark.sign} {one_line(mark.level, 18)}" if mark.named else mark.sign
        axes.text(x + width / 2, y, text, ha="center", va="center")
        x += width
    if row.whisker is not None:
        _grid_dot(axes, row, row.whisker, y, dots=dots)
    edge = left + span
    axes.text(edge + 0.75, y, row.mean, ha="right", va="center", fontweight=weight)
    axes.text(edge + 1.55, y, row.difference, ha="right", va="center")
    axes.text(edge + 2.0, y, row.n + ("†" if row.short else ""), ha="right", va="center")
    axes.text(edge + 2.15, y, ", ".join(row.tags), va="center", color="#333333")


def _grid_dot(
    axes: Axes, row: GridRow, whisker: Whisker, y: int, *, dots: tuple[float, float]
) -> None:
    low, mean, high = (
        dots[0] + dots[1] * (0.05 + 0.9 * end / 100)
        for end in (whisker.low, whisker.mean, whisker.high)
    )
    best = BEST in row.tags
    colour, shape = (VERMILLION, "D") if best else (BLUE, "o")
    axes.plot([low, high], [y, y], color=colour, lw=1.6, zorder=2)
    for end, cut, arrow in ((low, whisker.low_cut, "<"), (high, whisker.high_cut, ">")):
        if cut:
            axes.plot([end], [y], arrow, color=colour, ms=5.5, zorder=2)
    if whisker.inside:
        face = colour if best or FULL in row.tags else "white"
        axes.plot([mean], [y], shape, ms=6, mec=colour, mfc=face, mew=1.5, zorder=3)


def _grid_in_words(rows: Sequence[GridRow], scale: Scale) -> str:
    means = [
        f"{row.label} {row.mean} {scale.unit}".rstrip() for row in rows if row.whisker is not None
    ]
    return f"Mean {scale.title} by cell: {'; '.join(means[:12])}{'; …' if len(means) > 12 else ''}."
