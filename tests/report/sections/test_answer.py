from __future__ import annotations

from ablate.analysis.analyse import analyse
from ablate.report.sections.answer import answer_lines, claims
from ablate.report.sentences import component_sentence
from ablate.study.study import Study
from tests.report.simulated import runs_of


def test_claims_give_both_verdicts_and_the_sentence(xyz: Study) -> None:
    analysis = analyse(runs_of(xyz), xyz)
    for claim, component in zip(claims(analysis), analysis.components, strict=True):
        assert component.full is not None
        assert component.average is not None
        assert claim.full == component.full.verdict
        assert claim.average == component.average.verdict
        assert claim.sentence.replace("\u00a0", " ") == component_sentence(component, xyz)


def test_a_terminal_gets_the_answer_and_a_line_a_component(xyz: Study) -> None:
    analysis = analyse(runs_of(xyz), xyz)
    lines = answer_lines(analysis)
    assert len(lines) == 1 + len(analysis.components)
    assert "full model" in lines[0]
    assert lines[1:] == [f"  {claim.sentence}" for claim in claims(analysis)]
