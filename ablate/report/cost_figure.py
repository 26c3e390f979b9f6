"""The first response against what it costs: computation, and time where it was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from ablate.analysis.findings import Analysis
from ablate.report import wording
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
from ablate.report.table import BEST, COMPLETE, FULL, best_cells, reference_cell, value_range
from ablate.report.wording import one_line


def cost_picture(analysis: Analysis, runs: pd.DataFrame) -> Picture | None:
    """The response against what it costs: computation, and time where it was measured."""
    name = analysis.study.response.name
    scored = analysis.cells[analysis.cells[f"{name}_mean"].notna()]
    costs = [
        (key, title)
        for key, title in (
            ("macs", "Multiply-accumulates an image"),
            ("train_seconds", "Training time of a run, seconds"),
        )
        if key in scored and key in runs and scored[key].notna().any()
    ]
    if not costs or scored.empty:
        return None
    scale = wording.scale_of(analysis.study)
    figure = Figure(figsize=(max(WIDE / 1.6, WIDE * len(costs) / 2), 4.0), layout="constrained")
    panels = figure.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    for axes, (key, title) in zip(panels, costs, strict=True):
        _cost_panel(axes, analysis, _cost_points(analysis, runs, key), wide=key == "macs")
        axes.set_xlabel(title)
    unit = f", {scale.unit}" if scale.unit else ""
    panels[0].set_ylabel(f"{one_line(scale.title, 40)}{unit}")
    handles, words = panels[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper left", ncols=5, frameon=False)
    # Places of the numbers depend on where the points have come to lie.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes, (key, _) in zip(panels, costs, strict=True):
        inside = _cost_limits(analysis)
        points = _cost_points(analysis, runs, key)
        _number_points(axes, [point.moved_inside(*inside) for point in points])
    return finish(
        figure,
        name="cost",
        title="What it costs",
        caption=(
            f"Mean {scale.title} against cost; numbers are those of the grid's rows. Upright "
            "lines: 95 % intervals, cut at the frame. Level lines: from the fastest to the "
            "slowest seed. Stepped line: no cell is both cheaper and better than those on it."
        ),
        alternative=f"Mean {scale.title} of {len(scored)} cells against "
        + " and ".join(title.lower() for _, title in costs)
        + ".",
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
    factor = wording.scale_of(analysis.study).factor
    start, end = (factor * value for value in value_range(analysis))
    pad = 0.08 * (end - start)
    return start - pad, end + pad


def _cost_points(analysis: Analysis, runs: pd.DataFrame, key: str) -> list[_Point]:
    name, factor = analysis.study.response.name, wording.scale_of(analysis.study).factor
    known = runs[(runs["status"] == COMPLETE) & runs[key].notna()]
    spread = known.groupby("cell")[key].agg(["min", "max"])
    points = []
    for number, row in enumerate(analysis.cells.to_dict("records"), start=1):
        if pd.isna(row[f"{name}_mean"]) or pd.isna(row[key]):
            continue
        y, low, high = (float(row[f"{name}_{end}"]) * factor for end in ("mean", "low", "high"))
        ends = [low if math.isfinite(low) else y, high if math.isfinite(high) else y]
        points.append(
            _Point(
                number=number,
                cell=str(row["cell"]),
                x=float(row[key]),
                x_low=float(spread["min"].get(row["cell"], row[key])),
                x_high=float(spread["max"].get(row["cell"], row[key])),
                y=y,
                y_low=ends[0],
                y_high=ends[1],
            )
        )
    return points


def _cost_panel(axes: Axes, analysis: Analysis, points: Sequence[_Point], *, wide: bool) -> None:
    limits = _cost_limits(analysis)
    points = [point.moved_inside(*limits) for point in points]
    best, reference = best_cells(analysis), reference_cell(analysis)
    higher = analysis.study.response.direction == "higher"
    worse = "v" if higher else "^"
    for point in points:
        axes.plot([point.x] * 2, [point.y_low, point.y_high], color=GREY, lw=1, zorder=1)
        axes.plot([point.x_low, point.x_high], [point.y] * 2, color=GREY, lw=1, zorder=1)
    kinds: tuple[tuple[str, Callable[[_Point], bool], dict[str, object]], ...] = (
        (FULL, lambda point: point.cell == reference, {"marker": "s", "mfc": BLUE, "mec": BLUE}),
        (BEST, lambda point: point.cell in best, {"marker": "D", "mfc": ORANGE, "mec": VERMILLION}),
        (
            "worse than shown",
            lambda point: point.away == worse,
            {"marker": worse, "mfc": BLACK, "mec": BLACK},
        ),
        ("other cells", lambda _: True, {"marker": "o", "mfc": "white", "mec": BLACK}),
    )
    left = list(points)
    for word, belongs, look in kinds:
        mine = [point for point in left if belongs(point)]
        left = [point for point in left if point not in mine]
        if mine:
            axes.plot(
                [point.x for point in mine],
                [point.y for point in mine],
                ls="none",
                ms=7,
                mew=1.4,
                zorder=3,
                label=word,
                **look,
            )
    _front(axes, points, better=1 if higher else -1)
    values = [point.x for point in points]
    if min(values) > 0 and max(values) / min(values) > 5:
        axes.set_xscale("log")
        axes.minorticks_off()
    axes.xaxis.set_major_locator(
        LogLocator(subs=(1, 2, 5)) if axes.get_xscale() == "log" else MaxNLocator(5)
    )
    shown = wording.tick_count if wide else lambda value: f"{value:.4g}"
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value)))
    axes.margins(x=0.1)
    axes.set_ylim(*limits)
    axes.grid(color="#E2E2E2", lw=0.6, zorder=0)


def _front(axes: Axes, points: Sequence[_Point], *, better: int) -> None:
    """The line of those cells than which none is both cheaper and better."""
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
        label="best for its cost",
    )


def _number_points(axes: Axes, points: Sequence[_Point]) -> None:
    """Write each cell's number beside its point, where it covers no other number or point."""
    places = axes.transData.transform([(point.x, point.y) for point in points])
    taken = [tuple(place) for place in places]
    size = axes.figure.dpi / 72
    offsets = [
        (dx * reach * size, dy * reach * size)
        for reach in (10, 17, 25)
        for dx, dy in ((1, 0.7), (-1, 0.7), (1, -0.7), (-1, -0.7), (0, 1.1), (0, -1.1))
    ]
    for point, (x, y) in zip(points, places, strict=True):
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
