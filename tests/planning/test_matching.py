"""A plan whose models are made equally large before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from ablate.config.variant import read_variant
from ablate.errors import RequestError
from ablate.planning import matching
from ablate.planning.matching import asks_for_matches, match_models
from ablate.store.plan import Plan, PlannedCell
from ablate.study.design import Cell
from ablate.study.response import Response
from ablate.study.study import Factor, Level, Study
from tests.store.written import DATASET

LEVELS = {"deep": {"blocks": 3, "filters": [8, 16]}, "shallow": {"blocks": 1, "filters": [8, 16]}}


def plan(*cells: str, match: Any = "parameters") -> Plan:
    levels = tuple(
        Level(name, (f"model.blocks={each['blocks']}",)) for name, each in LEVELS.items()
    )
    study = Study("s", (Factor("depth", levels),), responses=(Response("test_accuracy"),))
    planned = []
    for name in cells or tuple(LEVELS):
        model = {"_target_": "ablate.models.resnet.build", **LEVELS[name], "match": match}
        variant = read_variant({"model": model, "data": {}, "recipe": {}})
        planned.append(PlannedCell(Cell((("depth", name),)), variant, DATASET.fingerprint, (0,)))
    return Plan(study, tuple(planned), {DATASET.fingerprint: DATASET}, "tensorflow", {})


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers as a worker process does, without building a model."""

    def ask(cells: list[PlannedCell], *arguments: Any, **keywords: Any) -> dict[str, Any]:
        answer = {"widths": [13, 26], "size": 1010, "target": 1000}
        return {each.cell.slug: answer for each in cells}

    monkeypatch.setattr(matching, "ask_cells", ask)


def solve(plan: Plan) -> tuple[dict[str, Any], list[str]]:
    solved, lines = match_models(plan, [], timeout_seconds=1)
    assert not asks_for_matches(solved)
    return {each.cell["depth"]: each.variant.model["filters"] for each in solved.cells}, lines


def test_all_cells_but_the_full_model_get_other_widths() -> None:
    filters, lines = solve(plan())
    assert filters == {"deep": [8, 16], "shallow": [13, 26]}
    assert lines == [
        "Matched depth=shallow: filters [8, 16] -> [13, 26], 1,010 parameters, +1.0 % against the "
        "1,000 of the full model."
    ]


def test_a_stated_number_is_for_the_full_model_as_well() -> None:
    filters, lines = solve(plan(match={"macs": 1000}))
    assert filters == {"deep": [13, 26], "shallow": [13, 26]}
    assert lines[0].endswith("1,010 MACs, +1.0 % against the 1,000 asked for.")


def test_a_solved_cell_has_the_identity_of_its_widths() -> None:
    solved, _ = match_models(plan(), [], timeout_seconds=1)
    given = plan(match=None)
    (model,) = [each.variant.model for each in given.cells if each.cell["depth"] == "shallow"]
    model["filters"] = [13, 26]  # type: ignore[index]
    pairs = zip(solved.cells, given.cells, strict=True)
    assert all(solved.fingerprint(one, 0) == given.fingerprint(other, 0) for one, other in pairs)


def test_a_design_without_the_full_model_needs_a_number() -> None:
    with pytest.raises(RequestError, match="Expected the full model among the cells"):
        match_models(plan("shallow"), [], timeout_seconds=1)
    assert solve(plan("shallow", match={"parameters": 1000}))[0] == {"shallow": [13, 26]}
