"""The first response against cost: computation, and time where it was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from ablate.analysis.findings import Analysis
from ablate.report.blocks import Illustration
from ablate.report.cells import (
    BEST,
    FULL,
    best_cells,
    marked_cells,
    reference_cell,
    value_range,
)
from ablate.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    VERMILLION,
    WIDE,
    Picture,
    finish,
)
from ablate.report.section import Content, ReportData
from ablate.report.wording import scale_of
from ablate.study.result import Status
from ablate.wording import one_line, tick_label

ORDER = 80
COSTS = {"macs": "Multiply-accumulates an image", "train_seconds": "Seconds to train a run"}
MOST_NUMBERS = 32


def content(data: ReportData) -> Content | None:
    """The figure; None where no cost is known."""
    picture = cost_picture(data.analysis, data.runs)
    if picture is None:
        return None
    return Content(f"Cost and {data.scale.title}", (Illustration(picture),), folded=True)


def cost_picture(analysis: Analysis, runs: pd.DataFrame) -> Picture | None:
    """One panel for each cost; None where none is known."""
    points_by_title = {
        title: points
        for key, title in COSTS.items()
        if (points := _cost_points(analysis, runs, key))
    }
    if not points_by_title:
        return None
    scale = scale_of(analysis.study)
    width = WIDE / 2 * max(1.25, len(points_by_title))
    figure = Figure(figsize=(width, 4.0), layout="constrained")
    panels = figure.subplots(1, len(points_by_title), sharey=True, squeeze=False)[0]
    for axes, (title, points) in zip(panels, points_by_title.items(), strict=True):
        _cost_panel(axes, analysis, points)
        axes.set_xlabel(title)
    unit = f", {scale.unit}" if scale.unit else ""
    panels[0].set_ylabel(f"{one_line(scale.title, 40)}{unit}")
    handles, words = panels[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper left", ncols=5, frameon=False)
    # Where a number has space depends on the final layout of the points.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes, points in zip(panels, points_by_title.values(), strict=True):
        _number_points(axes, _numbered_points(analysis, points))
    return finish(
        figure,
        name="cost",
        caption=(
            f"Mean {scale.title} against cost; numbers are those of the grid's rows. Vertical "
            "bars: 95 % intervals, cut at the frame. Horizontal bars: from the fastest to the "
            "slowest seed. Dashed steps: the Pareto front; no cell is both cheaper and better than "
            "a cell on it."
        ),
        alternative=f"Mean {scale.title} of the cells against "
        f"{' and '.join(title.lower() for title in points_by_title)}.",
    )


@dataclass(frozen=True, slots=True)
class _Point:
    """A cell in the plot against cost, in the units of the axes."""

    number: int
    cell: str
    x: float
    x_low: float
    x_high: float
    y: float
    y_low: float
    y_high: float
    away: str = ""

    def moved_inside(self, start: float, end: float) -> _Point:
        """The point, or, where it lies outside the limits, an arrow head at their edge."""
        if start <= self.y <= end:
            return self
        edge, away = (start, "v") if self.y < start else (end, "^")
        near = edge + (0.025 if away == "v" else -0.025) * (end - start)
        return replace(self, y=near, y_low=near, y_high=near, away=away)


def _cost_limits(analysis: Analysis) -> tuple[float, float]:
    """Limits of the response, in the unit shown."""
    factor = scale_of(analysis.study).factor
    start, end = (factor * value for value in value_range(analysis))
    pad = 0.08 * (end - start)
    return start - pad, end + pad


def _cost_points(analysis: Analysis, runs: pd.DataFrame, key: str) -> list[_Point]:
    """The cells whose response and cost are known; those far outside become an arrow head."""
    if key not in runs:
        return []
    limits = _cost_limits(analysis)
    name, factor = analysis.study.response.name, scale_of(analysis.study).factor
    known = runs[(runs["status"] == Status.COMPLETE) & runs[key].notna()]
    spread = known.groupby("cell")[key].agg(["min", "max"])
    points = []
    for number, row in enumerate(analysis.cells.to_dict("records"), start=1):
        if pd.isna(row[f"{name}_mean"]) or pd.isna(row[key]):
            continue
        y, low, high = (float(row[f"{name}_{end}"]) * factor for end in ("mean", "low", "high"))
        ends = [low if math.isfinite(low) else y, high if math.isfinite(high) else y]
        point = _Point(
            number=number,
            cell=str(row["cell"]),
            x=float(row[key]),
            x_low=float(spread["min"].get(row["cell"], row[key])),
            x_high=float(spread["max"].get(row["cell"], row[key])),
            y=y,
            y_low=ends[0],
            y_high=ends[1],
        )
        points.append(point.moved_inside(*limits))
    return points


def _cost_panel(axes: Axes, analysis: Analysis, points: Sequence[_Point]) -> None:
    higher = analysis.study.response.direction == "higher"
    for point in points:
        axes.plot([point.x] * 2, [point.y_low, point.y_high], color=GREY, lw=1, zorder=1)
        axes.plot([point.x_low, point.x_high], [point.y] * 2, color=GREY, lw=1, zorder=1)
    remaining = list(points)
    for label, fits, style in _kinds(analysis, worse="v" if higher else "^"):
        chosen = [point for point in remaining if fits(point)]
        remaining = [point for point in remaining if point not in chosen]
        if chosen:
            x, y = [point.x for point in chosen], [point.y for point in chosen]
            axes.plot(x, y, ls="none", ms=7, mew=1.4, zorder=3, label=label, **style)
    _pareto_front(axes, points, better=1 if higher else -1)
    _cost_axis(axes, [point.x for point in points])
    axes.set_ylim(*_cost_limits(analysis))
    axes.grid(color="#E2E2E2", lw=0.6, zorder=0)


def _kinds(
    analysis: Analysis, *, worse: str
) -> tuple[tuple[str, Callable[[_Point], bool], dict[str, Any]], ...]:
    """Label, rule and style of each kind of point; the first kind that fits is used."""
    best, reference = best_cells(analysis), reference_cell(analysis)
    return (
        (FULL, lambda point: point.cell == reference, {"marker": "s", "mfc": BLUE, "mec": BLUE}),
        (BEST, lambda point: point.cell in best, {"marker": "D", "mfc": ORANGE, "mec": VERMILLION}),
        ("worse than shown", lambda point: point.away == worse, {"marker": worse, "color": BLACK}),
        ("other cells", lambda _: True, {"marker": "o", "mfc": "white", "mec": BLACK}),
    )


def _cost_axis(axes: Axes, values: Sequence[float]) -> None:
    """Make the axis logarithmic if costs differ widely."""
    if min(values) > 0 and max(values) / min(values) > 5:
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_label(value)))
    axes.margins(x=0.1)


def _pareto_front(axes: Axes, points: Sequence[_Point], *, better: int) -> None:
    """Draw the Pareto front: the cells for which no other is both cheaper and better."""
    front: list[_Point] = []
    shown = [point for point in points if not point.away]
    for point in sorted(shown, key=lambda point: (point.x, -better * point.y)):
        if not front or better * point.y > better * front[-1].y:
            front.append(point)
    axes.step(
        [point.x for point in front],
        [point.y for point in front],
        where="post",
        color=GREEN,
        lw=1.2,
        ls=(0, (3, 2)),
        zorder=2,
        label="Pareto front",
    )


def _numbered_points(analysis: Analysis, points: Sequence[_Point]) -> list[_Point]:
    """The points that show their number: all, or the marked ones if all are too many."""
    marked = marked_cells(analysis)
    few = len(points) <= MOST_NUMBERS
    return [point for point in points if few or point.cell in marked]


def _number_points(axes: Axes, points: Sequence[_Point]) -> None:
    """Write each cell's number next to its point so that it covers no other number or point."""
    pixels = axes.transData.transform([(point.x, point.y) for point in points])
    taken = [tuple(pixel) for pixel in pixels]
    size = axes.figure.dpi / 72
    offsets = [
        (dx * reach * size, dy * reach * size)
        for reach in (10, 17, 25)
        for dx, dy in ((1, 0.7), (-1, 0.7), (1, -0.7), (-1, -0.7), (0, 1.1), (0, -1.1))
    ]
    for point, (x, y) in zip(points, pixels, strict=True):
        free = [
            (dx, dy)
            for dx, dy in offsets
            if all(
                abs(x + dx - other[0]) > 9 * size or abs(y + dy - other[1]) > 9 * size
                for other in taken
            )
        ]
        dx, dy = free[0] if free else offsets[0]
        taken.append((x + dx, y + dy))
        axes.annotate(
            str(point.number),
            (point.x, point.y),
            xytext=(dx / size, dy / size),
            textcoords="offset points",
            ha="center",
            va="center",
            zorder=4,
            bbox={"fc": "white", "ec": "none", "pad": 0.6, "alpha": 0.85},
        )
