"""Which combinations of levels a study ran, in words."""

from __future__ import annotations

from ablate.analysis.findings import Analysis
from ablate.report.cells import levels_of, records


def design_text(analysis: Analysis) -> str:
    """The cells of a study in a few words, judged by the cells themselves."""
    study = analysis.study
    cells = [levels_of(study, row) for row in records(analysis.cells)]
    if len(cells) == study.combinations:
        return f"all {study.combinations} combinations of the parts (cells)"
    moved = [sum(level != study.reference[name] for name, level in cell.items()) for cell in cells]
    if sorted(moved)[:2] == [0, 1] and max(moved) == 1:
        return f"{len(cells)} models (cells): the full one, and each part removed or replaced alone"
    design = "" if study.design == "cells" else f", {study.design.replace('_', ' ')}"
    return f"{len(cells)} of {study.combinations} combinations of the parts (cells){design}"
