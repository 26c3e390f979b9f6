"""From an analysis to tables ready to be shown: every number a text, every mark a word too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ablate.analysis.findings import Analysis, Effect, Verdict
from ablate.analysis.parts import is_switch
from ablate.report import wording
from ablate.report.sentences import component_sentence, effect_method
from ablate.report.wording import MISSING, Scale, describe, one_line
from ablate.study.result import Status
from ablate.study.study import Factor, Study

NAME_LIMIT = 48
LABEL_LIMIT = 120
REASON_LIMIT = 300
FULL, BEST, SIMPLEST = "full model", "best mean", "simplest"


@dataclass(frozen=True, slots=True)
class Mark:
    """A factor's level in one cell of the grid.

    Attributes:
        sign: ``✓`` or ``–`` for a part that is present or absent; ``●`` for the full model's level
            of any other factor, ``○`` for another level of it.
        level: The level's name.
        named: Whether the name is needed beside the sign.
    """

    sign: str
    level: str
    named: bool


@dataclass(frozen=True, slots=True)
class Whisker:
    """A mean and its interval as positions from 0 to 100 along a row's picture.

    Attributes:
        mean: Position of the mean.
        low: Position of the lower end, cut at 0.
        high: Position of the upper end, cut at 100.
        low_cut: Whether the lower end was cut.
        high_cut: Whether the upper end was cut.
        inside: Whether the mean itself is inside the picture.
    """

    mean: float
    low: float
    high: float
    low_cut: bool
    high_cut: bool
    inside: bool


@dataclass(frozen=True, slots=True)
class GridRow:
    """A cell of the study as a row of the grid.

    Attributes:
        number: Its place in the design from 1, by which figures refer to it.
        cell: Its slug.
        label: How it differs from the full model.
        marks: A mark a factor.
        mean: Mean of the first response.
        interval: Its interval.
        whisker: Both as a picture; None where there is no mean.
        n: Complete runs.
        short: Whether runs that were planned are missing.
        difference: Difference from the full model.
        difference_interval: Its interval.
        others: Means of the further responses.
        parameters: Weights of its model.
        macs: Multiply-accumulates of its model for one image.
        seconds: Mean training time.
        tags: ``full model``, ``best mean``, ``simplest``, as far as they apply.
    """

    number: int
    cell: str
    label: str
    marks: tuple[Mark, ...]
    mean: str
    interval: str
    whisker: Whisker | None
    n: str
    short: bool
    difference: str
    difference_interval: str
    others: tuple[str, ...]
    parameters: str
    macs: str
    seconds: str
    tags: tuple[str, ...]

    @property
    def simplest(self) -> bool:
        """Whether this is the simplest model that does the job, and not the full one."""
        return SIMPLEST in self.tags


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid of a study: a row a cell.

    Attributes:
        factors: Headings of the factors' columns.
        others: Headings of the further responses, with their unit.
        rows: The cells in the order of the design.
        zero: Position of the full model's mean along the rows' pictures; None if it has none.
        span: Values of the response at both ends of the rows' pictures.
        costs: Whether parameters, MACs or seconds are known of any cell.
        parted: Whether any factor is a part that is present or absent.
        worded: Whether any factor shows the names of its levels.
    """

    factors: tuple[str, ...]
    others: tuple[str, ...]
    rows: tuple[GridRow, ...]
    zero: float | None
    span: tuple[float, float]
    costs: bool
    parted: bool
    worded: bool


@dataclass(frozen=True, slots=True)
class EffectRow:
    """An effect as a row of a table; `reading` says in which model it holds."""

    name: str
    reading: str
    estimate: str
    interval: str
    p: str
    p_adjusted: str
    n: str
    verdict: Verdict | None
    method: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A component at the top of the report: its verdicts and the sentence that states them."""

    name: str
    full: Verdict | None
    average: Verdict | None
    sentence: str


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Runs of one cell that gave no result, for one reason."""

    number: int
    label: str
    seeds: str
    status: str
    reason: str


def best_cells(analysis: Analysis) -> set[str]:
    """Slugs of the cells with the best mean of the first response; several where they tie."""
    response = analysis.study.response
    means = analysis.cells.set_index("cell")[f"{response.name}_mean"].dropna()
    if means.empty:
        return set()
    best = means.max() if response.direction == "higher" else means.min()
    return {str(cell) for cell in means.index[means == best]}


def reference_cell(analysis: Analysis) -> str | None:
    """Slug of the full model's cell, None if it is not among the cells."""
    reference = analysis.study.reference
    for row in records(analysis.cells):
        if all(row[name] == level for name, level in reference.items()):
            return str(row["cell"])
    return None


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """The rows of a frame as dicts; pandas' missing values as NaN."""
    plain = frame.astype(object).where(frame.notna(), math.nan)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]


def value_range(analysis: Analysis) -> tuple[float, float]:
    """The range of the first response worth drawing.

    One cell that never learnt, or that swings wildly over its seeds, must not squeeze all others
    into a dot: means further out than three times the middle half of all, and intervals further
    out than half the range of the means, are left to an arrow. The full model is always inside.
    """
    name, margin = analysis.study.response.name, analysis.study.margin
    cells = analysis.cells.set_index("cell")[[f"{name}_{end}" for end in ("mean", "low", "high")]]
    cells = cells.astype(float).set_axis(["mean", "low", "high"], axis=1).dropna(subset="mean")
    if cells.empty:
        return 0.0, 1.0
    first, third = (float(cells["mean"].quantile(share)) for share in (0.25, 0.75))
    reach = 3 * max(third - first, margin)
    inside = cells["mean"].between(first - reach, third + reach)
    cells = cells[inside | (cells.index == reference_cell(analysis))]
    least, most = float(cells["mean"].min()), float(cells["mean"].max())
    spread = max(most - least, 4 * margin)
    low = float(cells["low"].fillna(cells["mean"]).min())
    high = float(cells["high"].fillna(cells["mean"]).max())
    start, end = max(least - spread / 2, low), min(most + spread / 2, high)
    return (start, end) if start < end else (start - margin, end + margin)


def grid(analysis: Analysis) -> Grid:
    """The X/Y/Z grid."""
    study, cells = analysis.study, records(analysis.cells)
    axis = _Axis.around(analysis)
    tags = _tags(analysis)
    rows = tuple(
        _grid_row(number, row, study=study, axis=axis, tags=tags)
        for number, row in enumerate(cells, start=1)
    )
    means = {row["cell"]: _float(row[f"{study.response.name}_mean"]) for row in cells}
    reference = means.get(reference_cell(analysis), math.nan)
    return Grid(
        factors=tuple(one_line(factor.name, NAME_LIMIT) for factor in study.factors),
        others=tuple(_heading(wording.scale_of(study, index)) for index in _others(study)),
        rows=rows,
        zero=axis.place(reference) if math.isfinite(reference) else None,
        span=(axis.start, axis.end),
        costs=any(
            value != MISSING for row in rows for value in (row.parameters, row.macs, row.seconds)
        ),
        parted=any(is_switch(factor) for factor in study.factors),
        worded=not all(is_switch(factor) for factor in study.factors),
    )


def effect_rows(analysis: Analysis, *, interactions: bool) -> tuple[EffectRow, ...]:
    """Simple and main effects, or the interactions."""
    names = component_names(analysis.study)
    return tuple(
        _effect_row(effect, study=analysis.study, names=names)
        for effect in analysis.effects
        if (effect.kind == "interaction") == interactions
    )


def claims(analysis: Analysis) -> tuple[Claim, ...]:
    """A line a component for the top of the report."""
    names = component_names(analysis.study)
    return tuple(
        Claim(
            name=effect_name(component.name, names),
            full=component.full.verdict if component.full else None,
            average=component.average.verdict if component.average else None,
            sentence=wording.sentence(component_sentence(component, analysis.study)),
        )
        for component in analysis.components
    )


READINGS: Mapping[str, str] = {
    "simple": "in the full model",
    "main": "on average",
    "interaction": "interaction",
}


def component_names(study: Study) -> dict[str, str]:
    """What an effect is called in a report, by the name that the analysis gives it."""
    names: dict[str, str] = {}
    for factor in study.factors:
        for level in factor.level_names[1:]:
            key = factor.name if len(factor.levels) == 2 else f"{factor.name}={level}"
            names[key] = one_line(
                factor.name
                if is_switch(factor)
                else f"{factor.name}: {factor.reference.name} vs {level}",
                NAME_LIMIT,
            )
    return names


def effect_name(name: str, names: Mapping[str, str]) -> str:
    """An effect's name in a report; interactions with a cross between their parts."""
    if name in names:
        return names[name]
    return " × ".join(one_line(part, NAME_LIMIT) for part in name.split(":"))


def unfinished(analysis: Analysis, runs: pd.DataFrame) -> tuple[Unfinished, ...]:
    """Runs without a result, those of one cell with the same end and reason in one row."""
    study = analysis.study
    numbers = {cell: number for number, cell in enumerate(analysis.cells["cell"], start=1)}
    groups: dict[tuple[str, str, str], list[dict[str, object]]] = {}
    for row in records(runs[runs["status"] != Status.COMPLETE]):
        key = (str(row["cell"]), str(row["status"]), _text(row.get("error")))
        groups.setdefault(key, []).append(row)
    return tuple(
        Unfinished(
            number=numbers.get(cell, 0),
            label=one_line(
                describe(study, {key: str(value) for key, value in rows[0].items()}), LABEL_LIMIT
            ),
            seeds=", ".join(wording.count(_float(row["seed"])) for row in rows),
            status=one_line(status),
            reason=one_line(error, REASON_LIMIT) or "no result yet",
        )
        for (cell, status, error), rows in groups.items()
    )


def ranked_parts(analysis: Analysis) -> tuple[tuple[str, str, str, str], ...]:
    """Attribution: part, kind in words, estimate, interval."""
    scale = wording.scale_of(analysis.study)
    names = component_names(analysis.study)
    kinds = {"value": "share of the part", "interaction": "interaction of the pair"}
    return tuple(
        (
            effect_name(str(row["part"]), names),
            kinds.get(str(row["kind"]), one_line(row["kind"])),
            scale.signed(_float(row["estimate"])),
            scale.signed_interval(_float(row["low"]), _float(row["high"])),
        )
        for row in records(analysis.attribution)
    )


def path_steps(analysis: Analysis) -> tuple[tuple[str, str, str, str, str], ...]:
    """Ablation path: direction in words, step, part, mean, interval."""
    scale = wording.scale_of(analysis.study)
    names = component_names(analysis.study)
    directions = {"remove": "taking parts away", "add": "adding parts"}
    return tuple(
        (
            directions.get(str(row["direction"]), one_line(row["direction"])),
            wording.count(_float(row["step"])),
            effect_name(_text(row["part"]), names) or "start",
            scale.value(_float(row["mean"])),
            scale.interval(_float(row["low"]), _float(row["high"])),
        )
        for row in records(analysis.path)
    )


def limits(analysis: Analysis) -> tuple[str, ...]:
    """What the study cannot claim, a sentence each."""
    scale = wording.scale_of(analysis.study)
    said = []
    smallest = analysis.smallest_detectable
    if math.isfinite(smallest):
        said.append(
            f"For a typical part, an effect in the full model smaller than "
            f"{scale.size(smallest)} would have gone unnoticed more than one time in five, at this "
            f"spread and number of seeds."
        )
    names = component_names(analysis.study)
    for component in analysis.components:
        if component.further_seeds:
            said.append(
                f"{effect_name(component.name, names)}: undecided; about "
                f"{component.further_seeds} further seeds would likely decide it."
            )
    if not any(component.average for component in analysis.components):
        said.append("The design cannot tell what a part does on average, only in the full model.")
    return tuple(said)


@dataclass(frozen=True, slots=True)
class _Axis:
    """The range of values that the rows' pictures span."""

    start: float
    end: float

    @staticmethod
    def around(analysis: Analysis) -> _Axis:
        start, end = value_range(analysis)
        pad = (end - start) * 0.04
        return _Axis(start - pad, end + pad)

    def place(self, value: float) -> float:
        """Position from 0 to 100, cut at both ends."""
        share = (value - self.start) / (self.end - self.start)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def whisker(self, mean: float, *, low: float, high: float) -> Whisker | None:
        if not math.isfinite(mean):
            return None
        ends = [end if math.isfinite(end) else mean for end in (low, high)]
        return Whisker(
            self.place(mean),
            self.place(ends[0]),
            self.place(ends[1]),
            low_cut=ends[0] < self.start,
            high_cut=ends[1] > self.end,
            inside=self.start <= mean <= self.end,
        )


def _tags(analysis: Analysis) -> dict[str, tuple[str, ...]]:
    best, reference = best_cells(analysis), reference_cell(analysis)
    simplest = analysis.simplest.cell if analysis.simplest else None
    return {
        str(cell): tuple(
            tag
            for tag, holds in (
                (FULL, cell == reference),
                (BEST, cell in best),
                (SIMPLEST, cell == simplest and cell != reference),
            )
            if holds
        )
        for cell in analysis.cells["cell"]
    }


def _grid_row(
    number: int,
    row: Mapping[str, object],
    *,
    study: Study,
    axis: _Axis,
    tags: Mapping[str, tuple[str, ...]],
) -> GridRow:
    scale, name = wording.scale_of(study), study.response.name
    mean, low, high = (_float(row[f"{name}_{end}"]) for end in ("mean", "low", "high"))
    change = [_float(row[f"difference{end}"]) for end in ("", "_low", "_high")]
    n, planned = _float(row["n"]), _float(row.get("n_planned"))
    levels = {key: str(value) for key, value in row.items()}
    return GridRow(
        number=number,
        cell=str(row["cell"]),
        label=one_line(describe(study, levels), LABEL_LIMIT),
        marks=tuple(_mark(factor, str(row[factor.name])) for factor in study.factors),
        mean=scale.number(mean),
        interval=scale.interval(low, high),
        whisker=axis.whisker(mean, low=low, high=high),
        n=wording.count(n),
        short=n < planned,
        difference=scale.signed(change[0]),
        difference_interval=scale.signed_interval(change[1], change[2]),
        others=tuple(_other(study, row, index) for index in _others(study)),
        parameters=wording.count(_float(row.get("parameters"))),
        macs=wording.short_count(_float(row.get("macs"))),
        seconds=wording.seconds(_float(row.get("train_seconds"))),
        tags=tags[str(row["cell"])],
    )


def _mark(factor: Factor, level: str) -> Mark:
    if is_switch(factor):
        return Mark("✓" if level == "present" else "–", level, named=False)
    reference = level == factor.reference.name
    return Mark("●" if reference else "○", one_line(level, NAME_LIMIT), named=True)


def _others(study: Study) -> Sequence[int]:
    """Places of the further responses that the grid does not show as a cost already."""
    names = [response.name for response in study.responses]
    return [index for index in range(1, len(names)) if names[index] != "train_seconds"]


def _other(study: Study, row: Mapping[str, object], index: int) -> str:
    scale = wording.scale_of(study, index)
    return scale.number(_float(row.get(f"{study.responses[index].name}_mean")))


def _heading(scale: Scale) -> str:
    return f"{scale.title}, {scale.unit}" if scale.unit else scale.title


def _effect_row(effect: Effect, *, study: Study, names: Mapping[str, str]) -> EffectRow:
    scale = wording.scale_of(study)
    return EffectRow(
        name=effect_name(effect.name, names),
        reading=READINGS[effect.kind],
        estimate=scale.signed(effect.estimate),
        interval=scale.signed_interval(effect.low, effect.high),
        p=wording.p_value(effect.p),
        p_adjusted=wording.p_value(effect.p_adjusted),
        n=wording.count(effect.n),
        verdict=effect.verdict,
        method=one_line(effect_method(effect, study)),
    )


def _float(value: Any) -> float:
    return math.nan if value is None or pd.isna(value) else float(value)


def _text(value: object) -> str:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value)
