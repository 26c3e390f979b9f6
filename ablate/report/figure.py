"""The report's figures: drawn by matplotlib without a display, equal bytes for equal input.

Colours are those of Okabe and Ito (2008), told apart by all common kinds of colour blindness;
shape, fill and line style say the same again for a black-and-white print.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import matplotlib
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ablate.analysis.findings import Analysis, Effect
from ablate.report import wording
from ablate.report.table import (
    BEST,
    COMPLETE,
    FULL,
    Grid,
    GridRow,
    best_cells,
    component_names,
    effect_name,
    grid,
    reference_cell,
    value_range,
)
from ablate.report.wording import Scale, one_line

BLACK, BLUE, VERMILLION, GREEN, GREY = "#000000", "#0072B2", "#D55E00", "#009E73", "#8A8A8A"
ORANGE, SKY = "#E69F00", "#56B4E9"
LABEL_LIMIT = 44
MOST_ROWS = 40
MOST_PANELS = 24
MOST_INTERACTIONS = 12
WIDE = 8.0

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.5,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#444444",
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "lines.linewidth": 1.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "ablate",
    "text.parse_math": False,
    "figure.facecolor": "white",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, drawn.

    Attributes:
        name: Names its files.
        title: What it shows, in a few words.
        caption: How to read it.
        alternative: What it shows, for those who cannot see it.
        svg: The drawing as an SVG element, to stand in a page.
        png: The drawing as a PNG file, to stand in a README.
    """

    name: str
    title: str
    caption: str
    alternative: str
    svg: str
    png: bytes


def pictures(
    analysis: Analysis, *, runs: pd.DataFrame, histories: pd.DataFrame | None
) -> tuple[Picture, ...]:
    """All figures that the data allow: grid, effects, learning curves, accuracy against cost."""
    drawn: list[Picture | None] = []
    # The settings are matplotlib's only global state that is touched, and are put back.
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A name in a script that the font lacks still shows in SVG, as a box in PNG.
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        drawn.append(_grid_picture(analysis))
        drawn.append(_effects_picture(analysis))
        drawn.append(_curves_picture(analysis, histories))
        drawn.append(_cost_picture(analysis, runs))
    return tuple(picture for picture in drawn if picture is not None)


def chosen_cells(analysis: Analysis, most: int) -> list[str]:
    """Cells to draw where all are too many: full model, best, simplest, then by the design."""
    cells = [str(cell) for cell in analysis.cells["cell"]]
    first = {reference_cell(analysis), *best_cells(analysis)}
    if analysis.simplest is not None:
        first.add(analysis.simplest.cell)
    ranked = sorted(cells, key=lambda cell: cell not in first)[:most]
    return [cell for cell in cells if cell in set(ranked)]


def _grid_picture(analysis: Analysis) -> Picture | None:
    """The X/Y/Z grid as one picture: parts as signs, the response as a dot with its interval."""
    table, scale = grid(analysis), wording.scale_of(analysis.study)
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
    for place, row in enumerate(rows):
        _grid_line(axes, row, place, widths=widths, dots=(left, dots))
    _grid_ticks(axes, table, len(rows) - 0.5, dots=(left, dots), scale=scale)
    if table.zero is not None:
        x = left + dots * (0.05 + 0.9 * table.zero / 100)
        axes.plot([x, x], [-0.6, len(rows) - 0.5], color=GREY, lw=0.9, ls=(0, (4, 3)), zorder=1)
    some = "" if len(rows) == len(table.rows) else f" {len(rows)} of {len(table.rows)} cells."
    return _finish(
        figure,
        name="grid",
        title="The grid",
        caption=(
            f"A row a cell. Dot: mean {scale.title}; line: 95 % interval, an arrow where it goes "
            f"on outside the picture; dashed: the full model.{some}"
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
    bold = {"fontweight": "bold", "va": "center"}
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
            said = f"{value:.6g}".replace("-", wording.MINUS)
            axes.text(x, bottom + 0.55, said, ha="center", va="center", fontsize=9)


def _grid_line(
    axes: Axes,
    row: GridRow,
    place: int,
    *,
    widths: Sequence[float],
    dots: tuple[float, float],
) -> None:
    left, span = dots
    reference, best = FULL in row.tags, BEST in row.tags
    weight = "bold" if reference or best else "normal"
    if place % 2:
        axes.axhspan(place - 0.5, place + 0.5, color="#F4F4F4", lw=0, zorder=0)
    axes.text(0.3, place, str(row.number), ha="right", va="center", color="#555555")
    x = 0.35
    for mark, width in zip(row.marks, widths, strict=True):
        said = f"{mark.sign} {one_line(mark.level, 18)}" if mark.named else mark.sign
        axes.text(x + width / 2, place, said, ha="center", va="center")
        x += width
    if row.whisker is not None:
        low, mean, high = (
            left + span * (0.05 + 0.9 * end / 100)
            for end in (row.whisker.low, row.whisker.mean, row.whisker.high)
        )
        colour = VERMILLION if best else BLUE
        axes.plot([low, high], [place, place], color=colour, lw=1.6, zorder=2)
        for end, cut, arrow in (
            (low, row.whisker.low_cut, "<"),
            (high, row.whisker.high_cut, ">"),
        ):
            if cut:
                axes.plot([end], [place], arrow, color=colour, ms=5.5, zorder=2)
        face = colour if reference or best else "white"
        shape = "D" if best else "o"
        if row.whisker.inside:
            axes.plot([mean], [place], shape, ms=6, mec=colour, mfc=face, mew=1.5, zorder=3)
    edge = left + span
    axes.text(edge + 0.75, place, row.mean, ha="right", va="center", fontweight=weight)
    axes.text(edge + 1.55, place, row.difference, ha="right", va="center")
    axes.text(edge + 2.0, place, row.n + ("†" if row.short else ""), ha="right", va="center")
    axes.text(edge + 2.15, place, ", ".join(row.tags), va="center", color="#333333")


def _grid_in_words(rows: Sequence[GridRow], scale: Scale) -> str:
    said = [
        f"{row.label} {row.mean} {scale.unit}".rstrip() for row in rows if row.whisker is not None
    ]
    return f"Mean {scale.title} by cell: {'; '.join(said[:12])}{'; …' if len(said) > 12 else ''}."


def _effects_picture(analysis: Analysis) -> Picture | None:
    """Forest plot: what every part is worth, with the margin as a band."""
    drawn = _forest_effects(analysis.effects)
    if not drawn:
        return None
    scale = wording.scale_of(analysis.study)
    names = component_names(analysis.study)
    figure = Figure(figsize=(WIDE, 0.9 + 0.32 * len(drawn)), layout="constrained")
    axes = figure.add_subplot()
    limit = _forest_limit(drawn, analysis.study.margin)
    margin = analysis.study.margin * scale.factor
    axes.axvspan(-margin, margin, color="#E6E6E6", lw=0, zorder=0)
    axes.axvline(0, color=BLACK, lw=0.8, zorder=1)
    for place, effect in enumerate(drawn):
        _forest_line(axes, effect, place, limit=limit * scale.factor, factor=scale.factor)
        _forest_note(axes, scale.signed(effect.estimate), place, indent=50, align="right")
        _forest_note(axes, effect.verdict or "", place, indent=58, align="left")
    axes.set_yticks(range(len(drawn)), [_forest_label(effect, names) for effect in drawn])
    axes.set_ylim(len(drawn) - 0.4, -0.6)
    axes.set_xlim(-limit * scale.factor, limit * scale.factor)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    unit = f", {scale.difference_unit}" if scale.difference_unit else ""
    axes.set_xlabel(f"Effect on {one_line(scale.title, 40)}{unit}  (right of 0: the part helps)")
    return _finish(
        figure,
        name="effects",
        title="Effects",
        caption=(
            "Filled circle: in the full model. Open square: on average over the other parts. "
            "Diamond: interaction. Line: 95 % interval, an arrow where it goes on outside the "
            f"picture. Grey band: differences up to the margin of "
            f"{scale.size(analysis.study.margin)}."
        ),
        alternative="Effects with intervals: "
        + "; ".join(
            f"{_forest_label(effect, names)} {scale.signed(effect.estimate)} "
            f"{scale.signed_interval(effect.low, effect.high)}"
            for effect in drawn
        )
        + ".",
    )


def _forest_effects(effects: Sequence[Effect]) -> list[Effect]:
    known = [effect for effect in effects if math.isfinite(effect.estimate)]
    order = list(dict.fromkeys(effect.name for effect in known))
    single = [effect for effect in known if effect.kind != "interaction"]
    single.sort(key=lambda effect: (order.index(effect.name), effect.kind != "simple"))
    joint = [effect for effect in known if effect.kind == "interaction"]
    largest = sorted(joint, key=lambda effect: -abs(effect.estimate))[:MOST_INTERACTIONS]
    return [*single[:MOST_ROWS], *(effect for effect in joint if effect in largest)]


def _forest_limit(effects: Sequence[Effect], margin: float) -> float:
    """Half the width of the plot: a wild interval must not squeeze the others into a line."""
    reaches = [
        max(abs(end) for end in (effect.low, effect.high, effect.estimate) if math.isfinite(end))
        for effect in effects
    ]
    middle = sorted(reaches)[len(reaches) // 2]
    largest = max(abs(effect.estimate) for effect in effects)
    return min(1.08 * max(*reaches, 2 * margin), max(4 * margin, 1.3 * largest, 2 * middle))


def _forest_line(axes: Axes, effect: Effect, place: int, *, limit: float, factor: float) -> None:
    colour, shape, face = {
        "simple": (BLUE, "o", BLUE),
        "main": (VERMILLION, "s", "white"),
        "interaction": (GREEN, "D", "white"),
    }[effect.kind]
    ends = [factor * end for end in (effect.low, effect.high)]
    if all(math.isfinite(end) for end in ends):
        low, high = (min(limit, max(-limit, end)) for end in ends)
        style = "-" if effect.kind == "simple" else (0, (5, 1.5))
        axes.plot([low, high], [place, place], color=colour, lw=1.6, ls=style, zorder=2)
        for end, cut, arrow in ((low, ends[0] < -limit, "<"), (high, ends[1] > limit, ">")):
            shown = {"marker": arrow, "ms": 6} if cut else {"marker": "|", "ms": 7}
            axes.plot([end], [place], color=colour, clip_on=False, zorder=2, **shown)
    estimate = factor * effect.estimate
    axes.plot([estimate], [place], shape, ms=6.5, mec=colour, mfc=face, mew=1.5, zorder=3)


def _forest_note(axes: Axes, text: str, place: int, *, indent: float, align: str) -> None:
    """Text in a column right of the plot, a number of points from its edge."""
    axes.annotate(
        text,
        (1, place),
        xycoords=("axes fraction", "data"),
        xytext=(indent, 0),
        textcoords="offset points",
        ha=align,
        va="center",
        annotation_clip=False,
    )


def _forest_label(effect: Effect, names: dict[str, str]) -> str:
    name = one_line(effect_name(effect.name, names), LABEL_LIMIT)
    place = {"simple": ", full model", "main": ", on average", "interaction": ""}[effect.kind]
    return name + place


def _curves_picture(analysis: Analysis, histories: pd.DataFrame | None) -> Picture | None:
    """Learning curves: a panel a cell, mean over seeds and the range between them."""
    if histories is None or histories.empty:
        return None
    names = [
        name
        for name in ("val_accuracy", "accuracy")
        if name in histories and histories[name].notna().any()
    ]
    present = set(histories["cell"])
    cells = [cell for cell in chosen_cells(analysis, MOST_PANELS) if cell in present]
    if not names or not cells:
        return None
    columns = min(4, len(cells))
    lines = math.ceil(len(cells) / columns)
    figure = Figure(figsize=(max(WIDE, 2.35 * columns), 0.7 + 1.75 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(cells) :]:
        axes.axis("off")
    labels = {row.cell: f"{row.number} · {row.label}" for row in grid(analysis).rows}
    reference = histories[histories["cell"] == reference_cell(analysis)]
    for axes, cell in zip(panels.flat, cells, strict=False):
        own = histories[histories["cell"] == cell]
        _curve_panel(axes, own, reference=reference, names=names)
        axes.set_title(_two_lines(labels[cell]), loc="left")
    panels[0][0].set_ylim(*_curve_limits(histories[histories["cell"].isin(cells)], names))
    panels[0][0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}"))
    figure.supxlabel("Epoch", fontsize=9.5)
    figure.supylabel("Accuracy, %", fontsize=9.5)
    handles, words = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper left", ncols=3, frameon=False)
    return _finish(
        figure,
        name="learning_curves",
        title="Learning curves",
        caption=(
            "Mean over the seeds of a cell; the band reaches from the lowest to the highest seed. "
            "Thin black: validation accuracy of the full model, for comparison. Numbers are those "
            "of the grid's rows. The first epochs may lie below the frame."
            + (f" {len(cells)} of {len(present)} cells." if len(cells) < len(present) else "")
        ),
        alternative=_curves_in_words(histories, cells, labels, names[0]),
    )


def _curve_panel(
    axes: Axes, own: pd.DataFrame, *, reference: pd.DataFrame, names: Sequence[str]
) -> None:
    styles = {
        "val_accuracy": (BLUE, "-", "validation"),
        "accuracy": (ORANGE, (0, (4, 1.5)), "training"),
    }
    for name in names:
        colour, style, word = styles[name]
        by_epoch = own.groupby("epoch")[name]
        mean = by_epoch.mean()
        axes.fill_between(
            mean.index, by_epoch.min(), by_epoch.max(), color=colour, alpha=0.22, lw=0
        )
        axes.plot(mean.index, mean, color=colour, ls=style, label=word)
    if names[0] == "val_accuracy" and not reference.empty:
        mean = reference.groupby("epoch")["val_accuracy"].mean()
        axes.plot(mean.index, mean, color=BLACK, lw=0.8, label="validation, full model")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.grid(axis="y", color="#DDDDDD", lw=0.6)


def _curve_limits(histories: pd.DataFrame, names: Sequence[str]) -> tuple[float, float]:
    """Limits that show how cells differ at the end, not how all rise at the start."""
    late = histories[histories["epoch"] > histories["epoch"].max() / 3]
    low = float(late.groupby(["cell", "epoch"])[names[0]].mean().min())
    high = max(float(histories[name].max()) for name in names)
    pad = 0.06 * (high - low) or 0.01
    return low - pad, high + pad


def _curves_in_words(
    histories: pd.DataFrame, cells: Sequence[str], labels: dict[str, str], name: str
) -> str:
    last = histories.sort_values("epoch").groupby(["cell", "seed"], dropna=False)[name].last()
    means = last.groupby("cell").mean()
    said = [f"{labels[cell]} {100 * means[cell]:.1f} %" for cell in cells[:12]]
    more = "; …" if len(cells) > 12 else ""
    return f"Learning curves; {name.replace('_', ' ')} at the last epoch: {'; '.join(said)}{more}."


def _two_lines(label: str, width: int = 28) -> str:
    """A panel's title in at most two lines."""
    if len(label) <= width:
        return label
    cut = label.rfind(" ", 0, width + 1)
    cut = cut if cut > width // 3 else width
    return f"{label[:cut]}\n{one_line(label[cut:], width)}"


def _cost_picture(analysis: Analysis, runs: pd.DataFrame) -> Picture | None:
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
    return _finish(
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
        matplotlib.ticker.LogLocator(subs=(1, 2, 5))
        if axes.get_xscale() == "log"
        else MaxNLocator(5)
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


def _finish(figure: Figure, *, name: str, title: str, caption: str, alternative: str) -> Picture:
    vector, pixels = io.StringIO(), io.BytesIO()
    figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(pixels, format="png", dpi=160, metadata={"Software": None})
    return Picture(
        name,
        title,
        wording.sentence(caption),
        wording.sentence(alternative),
        _as_element(vector.getvalue(), name),
        pixels.getvalue(),
    )


def _as_element(drawing: str, name: str) -> str:
    """The drawing without XML's prologue, its identifiers unique among several in one page."""

    def rename(tag: re.Match[str]) -> str:
        named = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", tag[0])
        # Verdana is as wide as DejaVu Sans, which few readers have.
        return named.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")

    # Between tags stand labels, which are the user's own words.
    return re.sub(r"<[^>]*>", rename, drawing[drawing.index("<svg") :])
