"""What all figures share: their look, and how a drawing becomes files.

Colours are those of Okabe and Ito (2008), told apart by all common kinds of colour blindness;
shape, fill and line style say the same again for a black-and-white print.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from ablate.analysis.findings import Analysis
from ablate.report import wording
from ablate.report.table import best_cells, reference_cell

BLACK, BLUE, VERMILLION, GREEN, GREY = "#000000", "#0072B2", "#D55E00", "#009E73", "#8A8A8A"
ORANGE = "#E69F00"
WIDE = 8.0

STYLE: dict[Any, Any] = {
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


def marked_cells(analysis: Analysis) -> set[str | None]:
    """The full model, the best and the simplest that does the job."""
    simplest = {analysis.simplest.cell} if analysis.simplest is not None else set()
    return {reference_cell(analysis), *best_cells(analysis), *simplest}


def chosen_cells(analysis: Analysis, most: int) -> list[str]:
    """Cells to draw where all are too many: those that are marked, then by the design."""
    cells = [str(cell) for cell in analysis.cells["cell"]]
    first = marked_cells(analysis)
    ranked = sorted(cells, key=lambda cell: cell not in first)[:most]
    return [cell for cell in cells if cell in set(ranked)]


def finish(figure: Figure, *, name: str, title: str, caption: str, alternative: str) -> Picture:
    """The figure as SVG and PNG, without a date, so that equal figures are equal files."""
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
