from __future__ import annotations

from dataclasses import replace

from ablate.analysis.analyse import analyse
from ablate.report.decisions import seeds_to_decide
from ablate.study.study import Study
from tests.report.simulated import runs_of


def test_seeds_are_known_only_if_known_for_every_part(xyz: Study) -> None:
    components = analyse(runs_of(xyz), xyz).components
    unknown = [replace(component, further=None) for component in components]
    assert seeds_to_decide(unknown) is None
    assert seeds_to_decide([]) is None
