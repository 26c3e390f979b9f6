"""The answer: the simplest model that does the job, and a verdict on every component."""

from __future__ import annotations

from dataclasses import dataclass

from ablate.analysis.findings import Analysis, Verdict
from ablate.report.blocks import Block, Column, Paragraph, Table
from ablate.report.names import component_names, effect_name
from ablate.report.section import Content, ReportData
from ablate.report.sentences import component_sentence, simplest_sentence
from ablate.report.wording import sentence
from ablate.wording import MISSING

ORDER = 10


@dataclass(frozen=True, slots=True)
class Claim:
    """A component at the top of the report: its verdicts and the sentence that states them."""

    name: str
    full: Verdict | None
    average: Verdict | None
    sentence: str


def content(data: ReportData) -> Content:
    """The lead sentence, and one row for each component."""
    analysis, scale = data.analysis, data.scale
    blocks: list[Block] = []
    if analysis.simplest is not None:
        blocks.append(Paragraph(sentence(simplest_sentence(analysis.simplest, data.study)), "lead"))
    shown = claims(analysis)
    if shown:
        columns = (Column("Part"), Column("In the full model"), Column("On average"), Column(""))
        rows = tuple(
            (claim.name, claim.full or MISSING, claim.average or MISSING, claim.sentence)
            for claim in shown
        )
        margin = scale.size(data.study.margin)
        blocks += [
            Table(columns, rows, template="answer.html", content={"claims": shown}),
            Paragraph(
                f"Verdicts hold at a margin of {margin} of {scale.title}: a smaller loss counts as "
                f"none. Intervals are 95\u00a0%\u00a0intervals.",
                "note",
            ),
        ]
    return Content("The answer", tuple(blocks))


def claims(analysis: Analysis) -> tuple[Claim, ...]:
    """What is claimed of each component."""
    names = component_names(analysis.study)
    return tuple(
        Claim(
            name=effect_name(component.name, names),
            full=component.full.verdict if component.full else None,
            average=component.average.verdict if component.average else None,
            sentence=sentence(component_sentence(component, analysis.study)),
        )
        for component in analysis.components
    )


def answer_lines(analysis: Analysis) -> list[str]:
    """The answer as plain text, for a terminal."""
    lines = [f"  {claim.sentence}" for claim in claims(analysis)]
    if analysis.simplest is not None:
        lines.insert(0, sentence(simplest_sentence(analysis.simplest, analysis.study)))
    return lines
