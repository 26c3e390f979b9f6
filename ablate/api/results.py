"""The results of a study for Python: tables, figures, and the report as a notebook shows it."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ablate.analysis.analyse import analyse_record
from ablate.analysis.findings import Analysis, Component
from ablate.api.load_model import load_model
from ablate.errors import RequestError, nearest
from ablate.report.decisions import decisive_effect, verdict_of
from ablate.report.drawing import Picture
from ablate.report.files import effect_row
from ablate.report.page import html_page, pictures, report_data, section_contents
from ablate.report.section import ReportData
from ablate.report.terminal import end_lines
from ablate.report.wording import FULL_MODEL
from ablate.study.record import EFFECT_COLUMNS, StudyRecord

if TYPE_CHECKING:
    import keras

NOTEBOOK_HEIGHT = 720
"""Height of the report in a notebook, in pixels; it scrolls."""


@dataclass(frozen=True)
class StudyResults:
    """What a study found; in a notebook it shows its report.

    Attributes:
        record: The study, its runs, and what else is known of them.
        commands: How to make the report again; those of a study run by this program if empty.
        folder: Where the study was run; None for results of other programs.
        analysis: What the runs say.
    """

    record: StudyRecord
    commands: tuple[str, ...] = ()
    folder: Path | None = None
    analysis: Analysis = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "analysis", analyse_record(self.record))

    @property
    def runs(self) -> pd.DataFrame:
        """A row a run: `cell`, a column a factor, `seed`, `status`, responses and costs."""
        return self.record.runs.copy()

    @property
    def cells(self) -> pd.DataFrame:
        """A row a cell: its levels, n, the mean of each response with its interval, and costs."""
        return self.analysis.cells.copy()

    @property
    def effects(self) -> pd.DataFrame:
        """A row an effect, with the columns of `effects.csv`; fractions, not percent."""
        rows = [effect_row(effect) for effect in self.analysis.effects]
        return pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))

    @property
    def verdicts(self) -> pd.DataFrame:
        """A row a part: its verdict, with the effect that decides it and its interval.

        `verdict` is None where the runs allow none; `further_low` and `further_high` say how many
        further seeds a cell would likely decide what is undecided.
        """
        return pd.DataFrame([self._verdict(item) for item in self.analysis.components])

    @property
    def answer(self) -> str:
        """The answer, and the command that settles what is open, as a terminal shows them."""
        return "\n".join(end_lines(self._data))

    def figure(self, name: str) -> Picture:
        """Return a figure of the report, such as ``grid``; it has `svg` and `png`.

        Raises:
            RequestError: The report has no such figure.
        """
        # A figure has the name of its section, so that only this one is drawn.
        if isinstance(name, str) and (found := pictures(section_contents(self._data, [name]))):
            return found[0]
        known = sorted(picture.name for picture in pictures(section_contents(self._data)))
        raise RequestError(
            f"Expected a figure of the report: {', '.join(known)}; received {name!r}."
            f"{nearest(str(name), known)}"
        )

    def load_model(self, *, cell: str = FULL_MODEL, seed: int | None = None) -> keras.Model:
        """Load a trained model that the study kept; see `ablate.load_model`.

        Raises:
            RequestError: No such model was kept.
        """
        if self.folder is None:
            raise RequestError("Results of other programs hold no trained models.")
        return load_model(self.record.study.name, cell=cell, seed=seed, folder=self.folder)

    def save_page(self, path: str | Path) -> None:
        """Write the report as one HTML file that needs no other."""
        Path(path).write_text(html_page(self._data), encoding="utf-8")

    @property
    def _data(self) -> ReportData:
        return report_data(self.record, self.analysis, commands=self.commands)

    def _verdict(self, component: Component) -> dict[str, object]:
        effect = decisive_effect(component)
        verdict = verdict_of(component)
        further = asdict(component.further) if component.further else {}
        return {
            "part": component.factor,
            "without": component.level,
            "verdict": None if verdict is None else str(verdict),
            "estimate": None if effect is None else effect.estimate,
            "low": None if effect is None else effect.low,
            "high": None if effect is None else effect.high,
            "p_adjusted": None if effect is None else effect.p_adjusted,
            "n": None if effect is None else effect.n,
            "further_low": further.get("low"),
            "further_high": further.get("high"),
        }

    def __repr__(self) -> str:
        return f"<StudyResults {self.record.study.name!r}>\n{self.answer}"

    def _repr_html_(self) -> str:
        # A frame keeps the styles of the page and of the notebook apart.
        page = html.escape(html_page(self._data), quote=True)
        style = f"width: 100%; height: {NOTEBOOK_HEIGHT}px; border: 1px solid #ccc"
        return f'<iframe srcdoc="{page}" style="{style}"></iframe>'
