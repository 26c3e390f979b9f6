"""The warnings of a study as a reader sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ablate.analysis.warnings import StudyWarning
from ablate.report.warning_words import evidence, runs, training
from ablate.report.warning_words.words import words
from ablate.study.study import Study

KINDS = (evidence, runs, training)
"""The modules that register the kinds of warnings."""


@dataclass(frozen=True, slots=True)
class WarningText:
    """A warning as a reader sees it.

    Attributes:
        title: A few words, such as ``Not converged``.
        evidence: One or two sentences with the numbers.
        serious: Whether it is shown above the tables.
    """

    title: str
    evidence: str
    serious: bool


def warning_texts(found: Sequence[StudyWarning], study: Study) -> list[WarningText]:
    """Return the warnings of a study as text, in the same order."""
    return [WarningText(*words(warning, study), warning.serious) for warning in found]
