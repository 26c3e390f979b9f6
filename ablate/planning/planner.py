"""From a request to a frozen plan: every cell composed, its images read, its model measured."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from ablate.analysis.rounds import next_round
from ablate.config.composition import check_configuration, hydra_node, translate_errors
from ablate.config.groups import VARIANT_GROUPS
from ablate.config.overrides import parse_override
from ablate.config.request import check_switches, content_of
from ablate.config.variant import Variant, read_variant
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.planning.images import load_images
from ablate.planning.provenance import backend, provenance
from ablate.store.identity import sources
from ablate.store.plan import Plan, PlannedCell, digest
from ablate.store.state import StudyState
from ablate.store.tables import run_table
from ablate.study.design import Cell, cells_of
from ablate.study.response import Response
from ablate.study.study import Study
from ablate.tasks.task import describe

RESPONSES = (
    Response("test_accuracy", "higher", "fraction"),
    Response("test_loss", "lower"),
    Response("val_accuracy", "higher", "fraction"),
    Response("val_loss", "lower"),
    Response("train_seconds", "lower", "seconds"),
)
"""The responses that every run leaves, the default of a study first."""

MOST_RUNS = 100_000
"""More are a slip of the keyboard, and their plan would not fit into memory."""

Compose = Callable[[Sequence[str]], Variant]


def composer(loader: ConfigLoader, config: DictConfig, *, arguments: Sequence[str]) -> Compose:
    """A function from a cell's overrides to its variant, in the way Hydra composes a job.

    The overrides of the command line come first and those of the levels last: a study that switches
    a part means what it says. Each variant is checked as the request itself was, since a level may
    choose files that nobody has looked into.
    """
    request, own = content_of(config), hydra_node(config)
    check_switches(request)

    def compose(overrides: Sequence[str]) -> Variant:
        for override in overrides:
            _refuse_stray(override)
        with translate_errors():
            composed = loader.load_sweep_config(config, [*arguments, *overrides])
        given = [*own["overrides"]["hydra"], *arguments, *overrides]
        content = check_configuration(composed, given, launcher=own["launcher"])
        for key, value in content.items():
            if key not in VARIANT_GROUPS and value != request.get(key):
                raise RequestError(
                    f"Expected levels to change {', '.join(VARIANT_GROUPS)} alone; {key} changes "
                    f"with {', '.join(overrides)}."
                )
        return read_variant(content)

    return compose


def _refuse_stray(override: str) -> None:
    """An override of anything else than a variant would be ignored without a word."""
    key = parse_override(override).key_or_group
    if key.split(".")[0] not in VARIANT_GROUPS:
        raise RequestError(
            f"Expected the overrides of a level to be keys of {', '.join(VARIANT_GROUPS)}; "
            f"received {override!r}. Give {key} on the command line or in the study, for all cells."
        )


def overrides_of(study: Study, cell: Cell) -> list[str]:
    """The overrides that bring a cell about, factor by factor."""
    return [
        override
        for factor in study.factors
        for override in factor.level(cell[factor.name]).overrides
    ]


def make_plan(study: Study, compose: Compose) -> tuple[Plan, dict[str, Images]]:
    """The plan of a study, its models not yet measured, and its images by fingerprint.

    Raises:
        RequestError: Anything in the study, a variant or the images is not what it should be.
    """
    cells = cells_of(study)
    _refuse_too_many_runs(study, len(cells))
    variants = {cell: compose(overrides_of(study, cell)) for cell in cells}
    plan, images = plan_cells(study, variants, seeds=tuple(range(study.replicates)))
    _refuse_twins(plan)
    return plan, images


def plan_cells(
    study: Study, variants: Mapping[Cell, Variant], *, seeds: tuple[int, ...]
) -> tuple[Plan, dict[str, Images]]:
    """The plan for variants that are composed already, and their images by fingerprint.

    Raises:
        RequestError: The images of a variant are not sound, or there is nothing to train with.
    """
    loaded: dict[str, Images] = {}
    for variant in variants.values():
        key = digest(variant.data)
        if key not in loaded:
            loaded[key] = load_images(variant)
    images = {item.fingerprint: item for item in loaded.values()}
    study = study.judged_by(RESPONSES)
    backend_name = backend()
    code = sources(variants.values(), backend_name)
    plan = Plan(
        study=study,
        cells=tuple(
            PlannedCell(cell, variant, loaded[digest(variant.data)].fingerprint, seeds)
            for cell, variant in variants.items()
        ),
        images={fingerprint: _describe(item) for fingerprint, item in images.items()},
        code=digest(code),
        backend=backend_name,
        provenance=provenance(backend_name),
        sources=code,
    )
    return plan, images


def with_more_seeds(state: StudyState) -> Plan | None:
    """The plan of the next round of adaptive seeds; None if no cell needs another run."""
    plan = state.plan
    if plan.study.most_replicates is None:
        return None
    runs = run_table(state)
    following = next_round(runs[runs["status"] != "missing"], plan.study)
    cells = tuple(
        dataclasses.replace(planned, seeds=tuple(range(following.seeds[planned.cell.slug])))
        for planned in plan.cells
    )
    return None if cells == plan.cells else dataclasses.replace(plan, cells=cells)


def _describe(images: Images) -> dict[str, Any]:
    """What a plan and a report say of the images."""
    info = describe(images)
    record: dict[str, Any] = json.loads(json.dumps(info.as_json()))
    return {**record, "chance": info.guessing[f"test_{info.measures[0].name}"]}


def _refuse_too_many_runs(study: Study, cells: int) -> None:
    replicates = study.most_replicates or study.replicates
    if cells * replicates > MOST_RUNS:
        raise RequestError(
            f"Expected at most {MOST_RUNS:,} runs; received {replicates:,} replicates of "
            f"{cells:,} cells, {cells * replicates:,} runs. Lower study.replicates, or take "
            f"fewer factors."
        )


def _refuse_twins(plan: Plan) -> None:
    """Two cells without a difference that could change a result would be compared with themselves.

    They may be composed differently, such as from another path to the same images.
    """
    seen: dict[str, Cell] = {}
    for planned in plan.cells:
        key = plan.fingerprint(planned, 0)
        if key in seen:
            raise RequestError(
                f"Expected every cell to be another variant; {seen[key].name} and "
                f"{planned.cell.name} compose to the same one. Check the overrides of their levels."
            )
        seen[key] = planned.cell
