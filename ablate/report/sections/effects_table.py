"""The table of simple and main effects with their verdicts."""

from __future__ import annotations

from ablate.analysis.findings import Effect
from ablate.report.blocks import (
    INTERVAL,
    P_HOLM,
    Column,
    Link,
    N,
    P,
    Paragraph,
    Symbol,
    Table,
    Text,
)
from ablate.report.names import READINGS, component_names, effect_name
from ablate.report.section import Content, ReportData
from ablate.report.sentences import effect_method, withheld_reason
from ablate.report.wording import Scale
from ablate.wording import MISSING, p_value, whole_number

ORDER = 51


def content(data: ReportData) -> Content | None:
    """The table, and how its intervals and p values were computed."""
    effects = [effect for effect in data.analysis.effects if effect.kind != "interaction"]
    if not effects:
        return None
    names = component_names(data.study)
    table = Table(
        (Column("Part", heads_row=True), Column("Where"), *number_columns(data), Column("Verdict")),
        tuple(
            (
                effect_name(effect.name, names),
                READINGS[effect.kind],
                *number_texts(effect, data.scale),
                effect.verdict or withheld_reason(effect) or MISSING,
            )
            for effect in effects
        ),
        label="effects",
        caption=paper_caption(data),
    )
    methods = sorted({effect_method(effect, data.study) for effect in data.analysis.effects})
    note = (f"Methods: {'; '.join(methods)}. With all digits: ", Link("effects.csv"), ".")
    return Content("", (table, Paragraph(note, "note")))


def number_columns(data: ReportData) -> tuple[Column, ...]:
    """The columns of an effect's numbers."""
    unit = data.scale.difference_unit
    return (
        Column(f"Effect, {unit}" if unit else "Effect", "right"),
        Column(INTERVAL, "right", "soft"),
        Column(P, "right", in_paper=False),
        Column(P_HOLM, "right"),
        Column(N, "right"),
    )


def number_texts(effect: Effect, scale: Scale) -> tuple[str, ...]:
    """An effect's numbers, a text for each of the `number_columns`."""
    return (
        scale.signed(effect.estimate),
        scale.signed_interval(effect.low, effect.high),
        p_value(effect.p),
        p_value(effect.p_adjusted),
        whole_number(effect.n),
    )


def paper_caption(data: ReportData) -> Text:
    """The caption of the table in a paper."""
    scale = data.scale
    unit = f" ({scale.difference_unit})" if scale.difference_unit else ""
    return (
        f"effect of each part on {scale.title}{unit}, positive where the part helps; {INTERVAL}s, ",
        Symbol("p"),
        " values after Holm's correction, verdicts at a margin of "
        f"{scale.size(data.study.margin)}.",
    )
