"""Models of equal size: solves `model.match` before anything is trained."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from ablate.config.matching import match_of, widths_of, with_widths
from ablate.errors import RequestError
from ablate.planning.model_checks import ask_cells
from ablate.planning.planner import refuse_equal_cells
from ablate.store.plan import Datasets, Plan, PlannedCell
from ablate.workers.slots import Slot


def asks_for_matches(plan: Plan) -> bool:
    """Whether a cell of the plan asks to be matched."""
    return any(match_of(planned.variant) is not None for planned in plan.cells)


def match_models(
    plan: Plan, slots: Sequence[Slot], *, timeout_seconds: float
) -> tuple[Plan, list[str]]:
    """The plan with the widths that make its models as large as they are asked to be.

    Models are built in worker processes and not trained. The full model stays as it is, unless a
    number is stated. A solved cell has the identity that it has where its widths are given.

    Args:
        plan: The plan, its models not yet measured.
        slots: What each worker may use.
        timeout_seconds: Longest time for one cell.

    Returns:
        The plan, and how near each model comes, a line each.

    Raises:
        RequestError: A model has no widths or cannot get that size, or the full model is asked for
            and is no cell of the design.
    """
    study = plan.study
    reference = next((each for each in plan.cells if study.is_reference(each.cell.levels)), None)
    asked = []
    for planned in plan.cells:
        match = match_of(planned.variant)
        if match is not None and match.target is None:
            if reference is None:
                raise RequestError(
                    f"Expected the full model among the cells, since model.match={match.size} "
                    f"compares with it; received a design without it. State a number, as "
                    f"model.match={{{match.size}: NUMBER}}."
                )
            match = None if planned is reference else match
        if match is not None:
            asked.append(planned)
    answers = ask_cells(
        asked,
        slots,
        question=functools.partial(_solve, reference),
        datasets=plan.datasets,
        timeout_seconds=timeout_seconds,
    )
    cells = tuple(_solved(planned, answers.get(planned.cell.slug)) for planned in plan.cells)
    solved = replace(plan, cells=cells)
    refuse_equal_cells(solved)
    return solved, [_line(planned, answers[planned.cell.slug]) for planned in asked]


def _solved(planned: PlannedCell, answer: dict[str, Any] | None) -> PlannedCell:
    widths = answer["widths"] if answer is not None else None
    return replace(planned, variant=with_widths(planned.variant, widths))


def _line(planned: PlannedCell, answer: dict[str, Any]) -> str:
    match = match_of(planned.variant)
    assert match is not None
    key, before = widths_of(planned.variant)
    size, target = answer["size"], answer["target"]
    words = {"parameters": "parameters", "macs": "MACs"}[match.size]
    goal = "of the full model" if match.target is None else "asked for"
    return (
        f"Matched {planned.cell.name}: {key} {list(before)} -> {answer['widths']}, {size:,} "
        f"{words}, {100 * (size / target - 1):+.1f} % against the {target:,} {goal}."
    )


def _solve(
    reference: PlannedCell | None,
    cells: list[PlannedCell],
    slot: Slot,
    datasets: Datasets,
    answer: Connection,
) -> None:
    from ablate.workers.width_checks import solve

    solve(cells, slot, datasets=datasets, answer=answer, reference=reference)
