"""Which files of a cell have changed since its study was planned."""

from __future__ import annotations

from ablate.config.program import ProgramVariant
from ablate.store.identity import SourceReader
from ablate.store.plan import Plan, PlannedCell
from ablate.store.program_files import program_sources


def changed_files(planned: PlannedCell, plan: Plan) -> list[str]:
    """Files and libraries of a cell that have changed since the plan was made."""
    if isinstance(planned.variant, ProgramVariant):
        _, found = program_sources(planned.variant.program)
    else:
        task = plan.dataset_of(planned).task
        _, found = SourceReader(plan.backend).read(planned.variant, task=task)
    before = plan.sources_of(planned)
    return [name for name in sorted({*found, *before}) if found.get(name) != before.get(name)]
