"""What all figures share: their style, and how a drawing becomes files.

The colours can be distinguished with all common kinds of colour blindness; shape, fill and line
style carry the same information for a black-and-white print.

Source: Okabe and Ito 2008, Color Universal Design.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from ablate.report.wording import sentence

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
        name: Name of its files; equals the name of its section.
        caption: How to read it.
        alternative: What it shows, for readers who cannot see it.
        svg: The drawing as an SVG element, for the page.
        png: The drawing as a PNG file, for a README.
    """

    name: str
    caption: str
    alternative: str
    svg: str = field(repr=False)
    png: bytes = field(repr=False)

    def _repr_svg_(self) -> str:
        """The drawing, for a notebook."""
        return self.svg


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw in the style of the reports; matplotlib's settings are restored afterwards."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A name in a script that the font lacks is still shown in SVG, and as a box in PNG.
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        yield


def finish(figure: Figure, *, name: str, caption: str, alternative: str) -> Picture:
    """The figure as SVG and PNG, without a date, so that equal figures are equal files."""
    vector, pixels = io.StringIO(), io.BytesIO()
    figure.savefig(vector, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(pixels, format="png", dpi=160, metadata={"Software": None})
    return Picture(
        name,
        sentence(caption),
        sentence(alternative),
        _as_element(vector.getvalue(), name),
        pixels.getvalue(),
    )


def _as_element(drawing: str, name: str) -> str:
    """The drawing without the XML prologue, with identifiers that are unique in a page."""

    def rename(tag: re.Match[str]) -> str:
        named = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", tag[0])
        # Few readers have DejaVu Sans; Verdana is as wide.
        return named.replace("'DejaVu Sans'", "'DejaVu Sans', Verdana, sans-serif")

    # The text between tags is the user's own: only tags are changed.
    return re.sub(r"<[^>]*>", rename, drawing[drawing.index("<svg") :])
