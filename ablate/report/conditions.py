"""That the answer is about the full model, where a part's effect depends on the others."""

from __future__ import annotations

import math

from ablate.analysis.findings import Analysis, Component, Setting
from ablate.analysis.parts import is_alternative
from ablate.analysis.warnings import RunsAtChance
from ablate.report.cells import levels_of, number, records
from ablate.report.decisions import answered_components
from ablate.report.losses import ends_text
from ablate.report.wording import amount, describe, scale_of
from ablate.study.record import interval_columns
from ablate.wording import quantity


def condition_sentence(analysis: Analysis) -> str:
    """Return that the answer holds with the other parts in place; empty where none depends.

    It names the setting of another part that changes an effect most, and the worst cell.
    """
    found = [
        (component, setting)
        for component in answered_components(analysis)
        if component.full is not None and math.isfinite(component.full.estimate)
        for setting in component.settings
        if math.isfinite(setting.estimate)
        and any(analysis.study.reference[name] != level for name, level in setting.where)
    ]
    if not found:
        return ""
    component, setting = max(found, key=lambda pair: pair[1].estimate)
    if setting.estimate < analysis.study.margin:
        component, setting = max(found, key=lambda pair: abs(pair[1].estimate))
    worst = _worst_cell(analysis)
    return (
        f"This holds with all other parts in place: {_change_text(analysis, component, setting)}"
        f"{f'; worst: {worst}' if worst else ''}."
    )


def _change_text(analysis: Analysis, component: Component, setting: Setting) -> str:
    study = analysis.study
    where = " and ".join(_with_level(name, level) for name, level in setting.where)
    change = (
        f"using {component.factor}={component.level}"
        if is_alternative(component.level)
        else f"removing {component.factor}"
    )
    sign = 1.0 if setting.estimate >= 0 else -1.0
    ends = sorted((sign * setting.low, sign * setting.high))
    shown = ends_text(ends[0], ends[1], study=study)
    verb = "costs" if sign > 0 else "gains"
    average = " on average" if len(study.factors) > 1 + len(setting.where) else ""
    size = amount(study, abs(setting.estimate))
    return f"{where}, {change} {verb} {size}{average} ({shown})"


def _with_level(factor: str, level: str) -> str:
    if level == "present":
        return f"with {factor}"
    return f"with {factor}={level}" if is_alternative(level) else f"without {factor}"


def _worst_cell(analysis: Analysis) -> str:
    """The cell with the worst mean, and how many of its runs did not learn."""
    study = analysis.study
    column = interval_columns(study.response.name)[0]
    rows = [row for row in records(analysis.cells) if math.isfinite(number(row[column]))]
    if not rows:
        return ""
    choose = max if study.response.direction == "lower" else min
    row = choose(rows, key=lambda row: number(row[column]))
    mean = scale_of(study).value(number(row[column]))
    label = describe(study, levels_of(study, row))
    return f"[{label}] with {mean}{_did_not_learn(analysis, str(row['cell']))}"


def _did_not_learn(analysis: Analysis, cell: str) -> str:
    for warning in analysis.warnings:
        for rate in warning.rates if isinstance(warning, RunsAtChance) else ():
            if rate.cell.slug == cell:
                return f" ({rate.failed} of {quantity(rate.runs, 'run')} did not learn)"
    return ""
