"""Learning curves: one panel for each cell, with mean and range over its seeds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ablate.analysis.findings import Analysis
from ablate.report.blocks import Illustration
from ablate.report.cells import cell_label, cell_numbers, chosen_cells, records, reference_cell
from ablate.report.drawing import BLACK, BLUE, ORANGE, WIDE, Picture, finish
from ablate.report.section import Content, ReportData
from ablate.report.wording import Scale, response_scale
from ablate.study.record import StudyRecord
from ablate.study.response import Response
from ablate.wording import one_line

ORDER = 70
MOST_PANELS = 24
MOST_WORDS = 12


def content(data: ReportData) -> Content | None:
    """The figure; None where no run has a history."""
    picture = curves_picture(data.analysis, data.record)
    return None if picture is None else Content("Learning curves", (Illustration(picture),))


@dataclass(frozen=True, slots=True)
class _Curves:
    """The measure that the curves show.

    Attributes:
        scale: How its values are written.
        validation: Its column for validation images.
        training: Its column for training images.
        columns: Those of the two that the histories have.
        lower_is_better: Whether a lower value is better.
    """

    scale: Scale
    validation: str
    training: str
    columns: tuple[str, ...]
    lower_is_better: bool

    @staticmethod
    def of(measure: Response, histories: pd.DataFrame) -> _Curves:
        both = (f"val_{measure.name}", measure.name)
        known = tuple(name for name in both if name in histories and histories[name].notna().any())
        scale = response_scale(measure, digits=1)
        return _Curves(scale, *both, known, lower_is_better=measure.direction == "lower")


def curves_picture(analysis: Analysis, record: StudyRecord) -> Picture | None:
    """The curves of the measure that the study is judged by; None where there are none."""
    measure, histories = curve_measure(record), record.histories
    if measure is None or histories is None or histories.empty:
        return None
    curves = _Curves.of(measure, histories)
    present = set(histories["cell"])
    cells = [cell for cell in chosen_cells(analysis, MOST_PANELS) if cell in present]
    if not curves.columns or not cells:
        return None
    labels = _labels(analysis)
    figure, panels = _panels(len(cells), curves.scale)
    reference = histories[histories["cell"] == reference_cell(analysis)]
    for axes, cell in zip(panels, cells, strict=True):
        _draw_panel(axes, histories[histories["cell"] == cell], reference=reference, curves=curves)
        axes.set_title(_two_lines(labels[cell]), loc="left")
    panels[0].set_ylim(*_limits(histories[histories["cell"].isin(cells)], curves))
    handles, words = panels[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper left", ncols=3, frameon=False)
    some = f" {len(cells)} of {len(present)} cells." if len(cells) < len(present) else ""
    return finish(
        figure,
        name="learning_curves",
        caption=(
            f"Mean over the seeds of a cell; the band reaches from the lowest to the highest seed. "
            f"Thin black: validation {curves.scale.title} of the full model, for comparison. "
            f"Numbers are those of the grid's rows. The first epochs may lie outside the frame."
            f"{some}"
        ),
        alternative=_in_words(histories, cells, labels=labels, curves=curves),
    )


def curve_measure(record: StudyRecord) -> Response | None:
    """The measure behind the study's response, else the first one; None where none is known."""
    name = re.sub("^(train|val|test)_", "", record.study.response.name)
    judged = [measure for measure in record.measures if measure.name == name]
    return next(iter([*judged, *record.measures]), None)


def _labels(analysis: Analysis) -> dict[str, str]:
    numbers = cell_numbers(analysis)
    return {
        str(row["cell"]): f"{numbers[str(row['cell'])]} · {cell_label(analysis, row)}"
        for row in records(analysis.cells)
    }


def _panels(count: int, scale: Scale) -> tuple[Figure, list[Axes]]:
    """A figure with a number of panels that share their axes."""
    columns = min(4, count)
    lines = math.ceil(count / columns)
    figure = Figure(figsize=(max(WIDE, 2.35 * columns), 0.7 + 1.75 * lines), layout="constrained")
    panels = list(figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes in panels[count:]:
        axes.axis("off")
    panels[0].yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{scale.factor * value:.4g}")
    )
    unit = f", {scale.unit}" if scale.unit else ""
    figure.supxlabel("Epoch", fontsize=9.5)
    figure.supylabel(f"{scale.title}{unit}", fontsize=9.5)
    return figure, panels[:count]


def _draw_panel(axes: Axes, own: pd.DataFrame, *, reference: pd.DataFrame, curves: _Curves) -> None:
    styles = {
        curves.validation: (BLUE, "-", "validation"),
        curves.training: (ORANGE, (0, (4, 1.5)), "training"),
    }
    for name in curves.columns:
        colour, style, word = styles[name]
        by_epoch = own.groupby("epoch")[name]
        mean = by_epoch.mean()
        axes.fill_between(
            mean.index, by_epoch.min(), by_epoch.max(), color=colour, alpha=0.22, lw=0
        )
        axes.plot(mean.index, mean, color=colour, ls=style, label=word)
    if curves.validation in curves.columns and not reference.empty:
        mean = reference.groupby("epoch")[curves.validation].mean()
        axes.plot(mean.index, mean, color=BLACK, lw=0.8, label="validation, full model")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.grid(axis="y", color="#DDDDDD", lw=0.6)


def _limits(histories: pd.DataFrame, curves: _Curves) -> tuple[float, float]:
    """Limits that show how the cells differ at the end, not how all improve at the start."""
    late = histories[histories["epoch"] > histories["epoch"].max() / 3]
    means = late.groupby(["cell", "epoch"])[curves.columns[0]].mean()
    if curves.lower_is_better:
        low = min(float(histories[name].min()) for name in curves.columns)
        high = float(means.max())
    else:
        low = float(means.min())
        high = max(float(histories[name].max()) for name in curves.columns)
    pad = 0.06 * (high - low) or 0.01
    return low - pad, high + pad


def _in_words(
    histories: pd.DataFrame, cells: Sequence[str], *, labels: Mapping[str, str], curves: _Curves
) -> str:
    name = curves.columns[0]
    last = histories.sort_values("epoch").groupby(["cell", "seed"], dropna=False)[name].last()
    means = last.groupby("cell").mean()
    ends = [
        f"{labels[cell]} {curves.scale.value(float(means[cell]))}" for cell in cells[:MOST_WORDS]
    ]
    more = "; …" if len(cells) > MOST_WORDS else ""
    return f"Learning curves; {name.replace('_', ' ')} at the last epoch: {'; '.join(ends)}{more}."


def _two_lines(label: str, width: int = 28) -> str:
    """A panel's title in at most two lines."""
    if len(label) <= width:
        return label
    cut = label.rfind(" ", 0, width + 1)
    cut = cut if cut > width // 3 else width
    return f"{label[:cut]}\n{one_line(label[cut:], width - 3)}"
