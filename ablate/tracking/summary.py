"""What a study found, as its run in MLflow's tables shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ablate.analysis.findings import Analysis
from ablate.report.cells import best_cells, records, reference_cell
from ablate.report.decisions import decisive_effect
from ablate.report.headline import headline
from ablate.report.names import component_names
from ablate.study.record import interval_columns


@dataclass(frozen=True, slots=True)
class StudySummary:
    """What a study found.

    Attributes:
        answer: The answer in a few sentences.
        numbers: The effect of each part with its interval, and mean responses, by name.
        verdicts: The verdict on each part, by name; why there is none where there is none.
        complete: Number of complete runs.
    """

    answer: str
    numbers: Mapping[str, float]
    verdicts: Mapping[str, str]
    complete: int


def summary_of(analysis: Analysis) -> StudySummary:
    """The summary of an analysis: for each part the effect that decides on it."""
    names = component_names(analysis.study)
    numbers: dict[str, float] = _means(analysis)
    verdicts: dict[str, str] = {}
    for component in analysis.components:
        effect, name = decisive_effect(component), names[component.name]
        if effect is None:
            continue
        numbers |= {
            f"effect/{name}": effect.estimate,
            f"effect_low/{name}": effect.low,
            f"effect_high/{name}": effect.high,
        }
        verdicts[f"verdict/{name}"] = str(effect.verdict or f"none: {effect.withheld}")
    complete = int(analysis.cells["n"].sum())
    return StudySummary(headline(analysis), numbers, verdicts, complete)


def _means(analysis: Analysis) -> dict[str, float]:
    """The mean response of the full model, the best cell and the simplest model."""
    response = analysis.study.response.name
    column = interval_columns(response)[0]
    means = {str(row["cell"]): row for row in records(analysis.cells)}
    simplest = analysis.simplest.cell if analysis.simplest is not None else None
    named = {
        "full_model": reference_cell(analysis),
        "best_cell": next(iter(sorted(best_cells(analysis))), None),
        "simplest_model": simplest,
    }
    return {
        f"{name}/{response}": float(str(means[cell][column]))
        for name, cell in named.items()
        if cell is not None
    }
