"""The answer: one sentence for the whole question, then one line for each part."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ablate.analysis.findings import Analysis, Component, Effect, Setting, Verdict
from ablate.report.blocks import (
    INTERVAL,
    Block,
    Column,
    Definitions,
    Fold,
    Item,
    Link,
    Listing,
    Paragraph,
    Table,
    plain_text,
)
from ablate.report.conditions import condition_sentence
from ablate.report.decisions import decisive_effect
from ablate.report.glossary import verdict_pairs, word_pairs
from ablate.report.headline import headline
from ablate.report.names import component_names, effect_name
from ablate.report.savings import TITLES, savings_of
from ablate.report.section import Content, ReportData
from ablate.report.sections.warnings import warning_items
from ablate.report.sentences import (
    component_sentence,
    holm_text,
    simplest_text,
    withheld_reason,
)
from ablate.report.wording import Scale, sentence
from ablate.wording import MISSING, quantity, whole_number

ORDER = 10
BAR_WIDTH = 240


@dataclass(frozen=True, slots=True)
class Bar:
    """An effect and its interval as positions along the picture of a row.

    Attributes:
        zero: Position of no effect.
        margin_low: Where the band of the margin starts.
        margin_width: Width of that band.
        estimate: Position of the estimate.
        low: Where the interval starts, cut at the edge.
        width: Width of the interval.
        has_interval: Whether the interval is known and reaches into the picture.
        low_cut: Whether the interval continues left of the picture.
        high_cut: Whether the interval continues right of the picture.
        inside: Whether the estimate lies inside the picture.
    """

    zero: float
    margin_low: float
    margin_width: float
    estimate: float
    low: float
    width: float
    has_interval: bool
    low_cut: bool
    high_cut: bool
    inside: bool


@dataclass(frozen=True, slots=True)
class PartRow:
    """A part at the top of the report.

    Attributes:
        name: The part.
        where: Where its effect holds, if not in the full model.
        verdict: The verdict; None where there is none.
        bar: The effect as a picture; None where it is unknown.
        estimate: What is lost without the part.
        interval: The interval of that loss.
        saves: What removal changes in each of the known costs.
        n: Number of seeds, or of runs where they have no seed.
    """

    name: str
    where: str
    verdict: Verdict | None
    bar: Bar | None
    estimate: str
    interval: str
    saves: tuple[str, ...]
    n: str

    @property
    def factor(self) -> str:
        """The name without the levels that are compared."""
        return self.name.partition(": ")[0]

    @property
    def levels(self) -> str:
        """The levels that are compared; empty if a part is removed."""
        return self.name.partition(": ")[2]


def content(data: ReportData) -> Content:
    """The sentence, the lines, and what the words in them mean."""
    analysis = data.analysis
    blocks: list[Block] = [Paragraph(headline(analysis), "lead")]
    rows = part_rows(analysis, data.scale)
    blocks += _most_important_warning(analysis)
    condition = "" if analysis.no_answer is not None else condition_sentence(analysis)
    if condition:
        blocks.append(Paragraph(sentence(condition)))
    if analysis.simplest is not None:
        blocks.append(Paragraph(sentence(simplest_text(analysis))))
    if rows:
        blocks += [_table(rows, analysis, data.scale), Paragraph(_legend(data, rows), "note")]
        blocks.append(
            Fold("Each part in words", (Listing(tuple(Item(text) for text in _words(data))),))
        )
    blocks.append(
        Fold(
            "What the words mean",
            (Definitions((*verdict_pairs(data), *word_pairs(data))),),
        )
    )
    return Content("The answer", tuple(blocks))


def _most_important_warning(analysis: Analysis) -> list[Paragraph]:
    """How many warnings there are and the first of them, with a link to all."""
    items = warning_items(analysis)
    if not items or not items[0].marked:
        return []
    number = quantity(len(items), "warning")
    which = "; the most important" if len(items) > 1 else ""
    text = plain_text(items[0].text)
    return [Paragraph((Link("#warnings", number), f"{which}: ▲ {items[0].title}. {text}"), "note")]


def part_rows(analysis: Analysis, scale: Scale) -> tuple[PartRow, ...]:
    """One row for each part; where only settings of the other parts are known, one for each."""
    known = [
        (component, effect)
        for component in analysis.components
        for effect in _shown_effects(component)
    ]
    limit = _limit([effect for _, effect in known], analysis.study.margin)
    costs = known_costs(analysis)
    return tuple(_part_row(analysis, pair, limit=limit, scale=scale, costs=costs) for pair in known)


def _shown_effects(component: Component) -> tuple[Effect | Setting, ...]:
    """The effect in the full model, or else that on average and those by setting."""
    effect = decisive_effect(component)
    if effect is not None and effect is component.full:
        return (effect,)
    return (*(() if effect is None else (effect,)), *component.settings)


def _part_row(
    analysis: Analysis,
    pair: tuple[Component, Effect | Setting],
    *,
    limit: float,
    scale: Scale,
    costs: Sequence[str],
) -> PartRow:
    component, effect = pair
    verdict = None if isinstance(effect, Setting) else effect.verdict
    return PartRow(
        name=effect_name(component.name, component_names(analysis.study)),
        where=_where(analysis, component, effect),
        verdict=verdict,
        bar=_bar(effect, limit=limit, margin=analysis.study.margin),
        estimate=scale.signed(effect.estimate),
        interval=scale.signed_interval(effect.low, effect.high),
        saves=_saves(analysis, component, costs),
        n=whole_number(effect.n),
    )


def known_costs(analysis: Analysis) -> tuple[str, ...]:
    """The costs that are known of any part."""
    found = {
        item.cost for component in analysis.components for item in savings_of(analysis, component)
    }
    return tuple(cost for cost in TITLES if cost in found)


def _saves(analysis: Analysis, component: Component, costs: Sequence[str]) -> tuple[str, ...]:
    changes = {item.cost: item.change for item in savings_of(analysis, component)}
    return tuple(changes.get(cost, MISSING) for cost in costs)


def _table(rows: Sequence[PartRow], analysis: Analysis, scale: Scale) -> Table:
    heading = f"Loss without it, {scale.difference_unit}".rstrip(", ")
    costs = tuple(TITLES[cost] for cost in known_costs(analysis))
    paired = any(effect.paired for effect in analysis.effects)
    counted = "seeds" if paired else "runs"
    columns = (
        Column("Part", heads_row=True),
        Column("Verdict"),
        Column(heading, "right"),
        Column(INTERVAL, "right"),
        *(Column(f"Without it, {cost}", "right") for cost in costs),
        Column(counted, "right"),
    )
    texts = tuple(
        (
            f"{row.name} ({row.where})" if row.where else row.name,
            row.verdict or "no verdict",
            row.estimate,
            row.interval,
            *row.saves,
            row.n,
        )
        for row in rows
    )
    return Table(
        columns,
        texts,
        template="answer.html",
        content={
            "rows": rows,
            "heading": heading,
            "unit": scale.difference_unit,
            "costs": costs,
            "counted": counted,
        },
    )


def _where(analysis: Analysis, component: Component, effect: Effect | Setting) -> str:
    """Where the effect holds, and why there is no verdict, if the reader needs either."""
    if isinstance(effect, Setting):
        return f"where {' and '.join(f'{factor} is {level}' for factor, level in effect.where)}"
    control = "control, changes nothing" if component.factor in analysis.study.controls else ""
    average = "on average over the other parts" if effect is not component.full else ""
    reasons = (withheld_reason(effect), holm_text(effect))
    return "; ".join(filter(None, (control, average, *reasons)))


def _legend(data: ReportData, rows: Sequence[PartRow]) -> str:
    scale = data.scale
    otherwise = ", unless its line says otherwise" if any(row.where for row in rows) else ""
    margin = scale.size(data.study.margin)
    kind = "data" if data.record.resolution is None else "images"
    return (
        f"Bar: {INTERVAL}; mark: estimate; grey band: less than the margin of {margin} of "
        f"{scale.title}, too little to matter. Each part is removed (or replaced) alone from the "
        f"full model{otherwise}. Intervals cover other seeds, not other {kind}."
    )


def _words(data: ReportData) -> list[str]:
    return [
        sentence(component_sentence(component, data.study))
        for component in data.analysis.components
    ]


def _limit(effects: Sequence[Effect | Setting], margin: float) -> float:
    """The largest loss that a bar shows: one wide interval must not squeeze all others."""
    ends = [
        abs(end)
        for effect in effects
        for end in (effect.low, effect.high, effect.estimate)
        if math.isfinite(end)
    ]
    reaches = sorted(ends) or [margin]
    middle = reaches[len(reaches) // 2]
    return 1.05 * max(min(reaches[-1], max(10 * margin, 4 * middle)), 1.5 * margin)


def _bar(effect: Effect | Setting, *, limit: float, margin: float) -> Bar | None:
    if not math.isfinite(effect.estimate):
        return None

    def position(value: float) -> float:
        share = (min(limit, max(-limit, value)) + limit) / (2 * limit)
        return round(BAR_WIDTH * share, 1)

    known = math.isfinite(effect.low) and math.isfinite(effect.high)
    low, high = (effect.low, effect.high) if known else (effect.estimate, effect.estimate)
    return Bar(
        zero=position(0),
        margin_low=position(-margin),
        margin_width=round(position(margin) - position(-margin), 1),
        estimate=position(effect.estimate),
        low=position(low),
        width=round(max(1.0, position(high) - position(low)), 1),
        has_interval=known and low < limit and high > -limit,
        low_cut=low < -limit,
        high_cut=high > limit,
        inside=abs(effect.estimate) <= limit,
    )
