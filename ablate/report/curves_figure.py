"""Learning curves: a panel a cell, the mean over its seeds and the range between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ablate.analysis.findings import Analysis
from ablate.report.drawing import BLACK, BLUE, ORANGE, WIDE, Picture, chosen_cells, finish
from ablate.report.table import grid, reference_cell
from ablate.report.wording import one_line

MOST_PANELS = 24


def curves_picture(analysis: Analysis, histories: pd.DataFrame | None) -> Picture | None:
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
    labels = {row.cell: f"{row.number} · {row.label}" for row in grid(analysis).rows}
    figure, panels = _panels(len(cells))
    reference = histories[histories["cell"] == reference_cell(analysis)]
    for axes, cell in zip(panels, cells, strict=True):
        own = histories[histories["cell"] == cell]
        _curve_panel(axes, own, reference=reference, names=names)
        axes.set_title(_two_lines(labels[cell]), loc="left")
    panels[0].set_ylim(*_curve_limits(histories[histories["cell"].isin(cells)], names))
    handles, words = panels[0].get_legend_handles_labels()
    figure.legend(handles, words, loc="outside upper left", ncols=3, frameon=False)
    return finish(
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


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels with common axes."""
    columns = min(4, count)
    lines = math.ceil(count / columns)
    figure = Figure(figsize=(max(WIDE, 2.35 * columns), 0.7 + 1.75 * lines), layout="constrained")
    panels = list(figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).flat)
    for axes in panels[count:]:
        axes.axis("off")
    panels[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}"))
    figure.supxlabel("Epoch", fontsize=9.5)
    figure.supylabel("Accuracy, %", fontsize=9.5)
    return figure, panels[:count]


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
    return f"{label[:cut]}\n{one_line(label[cut:], width - 3)}"
