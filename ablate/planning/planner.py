"""The planner: composes every cell of a request, reads its data set and identifies its code."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from ablate.analysis.rounds import next_round
from ablate.config.composition import check_configuration, hydra_node, translate_errors
from ablate.config.keys import LEVEL_GROUPS
from ablate.config.overrides import parse_override, quote_text
from ablate.config.program import ProgramVariant, read_cell
from ablate.config.request import check_switches, content_of
from ablate.config.trust import DOWNLOAD
from ablate.config.variant import Variant
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.planning.images import load_images
from ablate.planning.programs import check_level, plan_programs
from ablate.planning.provenance import find_backend, provenance
from ablate.process import stop
from ablate.store.identity import SourceReader
from ablate.store.plan import Datasets, Plan, PlannedCell, digest
from ablate.store.state import StudyState
from ablate.store.tables import run_table
from ablate.study.design import Cell, cells_of
from ablate.study.response import Response
from ablate.study.study import Study
from ablate.tasks.task import describe
from ablate.training.library_environment import pin_environment

MOST_RUNS = 100_000
"""More runs are probably a typing error, and their plan would not fit into memory."""

Compose = Callable[[Sequence[str]], Variant]


def composer(loader: ConfigLoader, config: DictConfig, *, arguments: Sequence[str]) -> Compose:
    """A function from a cell's overrides to its variant, composed as Hydra composes a job.

    The overrides of a level come after those of the command line, so they take effect. Each variant
    is checked like the request itself, because a level may choose files that were not checked yet.
    """
    request, own = content_of(config), hydra_node(config)
    check_switches(request)

    def compose(overrides: Sequence[str]) -> Variant:
        stop.check()
        for override in overrides:
            _refuse_other_groups(override)
            check_level(override, request)
        with translate_errors():
            composed = loader.load_sweep_config(config, [*arguments, *overrides])
        given = [*own["overrides"]["hydra"], *arguments, *overrides]
        content = check_configuration(composed, given, launcher=own["launcher"])
        for key, value in content.items():
            if key not in LEVEL_GROUPS and value != request.get(key):
                raise RequestError(
                    f"Expected levels to change {', '.join(LEVEL_GROUPS)} alone; {key} changes "
                    f"with {', '.join(overrides)}."
                )
        return read_cell(content)

    return compose


def _refuse_other_groups(override: str) -> None:
    """Refuse an override outside the groups of a variant, which would have no effect."""
    key = parse_override(override).key_or_group
    if key.split(".")[0] not in LEVEL_GROUPS:
        raise RequestError(
            f"Expected the overrides of a level to be keys of {', '.join(LEVEL_GROUPS)}; "
            f"received {override!r}. Give {key} on the command line or in the study, for all cells."
        )
    if key == DOWNLOAD:
        raise RequestError(
            f"Expected no {key} in the overrides of a level; received {override!r}. Give it on the "
            f"command line, for all cells."
        )


def overrides_of(study: Study, cell: Cell) -> list[str]:
    """The overrides of a cell's levels, factor by factor, as Hydra's grammar reads them."""
    return [
        quote_text(override)
        for factor in study.factors
        for override in factor.level(cell[factor.name]).overrides
    ]


def make_plan(study: Study, compose: Compose) -> tuple[Plan, dict[str, Images]]:
    """The plan of a study, its models not yet measured, and its images by fingerprint.

    Raises:
        RequestError: Something in the study, a variant or the images is not valid.
    """
    cells = cells_of(study)
    _refuse_too_many_runs(study, len(cells))
    variants = {cell: compose(overrides_of(study, cell)) for cell in cells}
    plan, images = plan_cells(study, variants, seeds=tuple(range(study.replicates)))
    refuse_equal_cells(plan)
    return plan, images


def plan_cells(
    study: Study, variants: Mapping[Cell, Variant], *, seeds: tuple[int, ...]
) -> tuple[Plan, dict[str, Images]]:
    """The plan of cells whose variants are composed, and their images by fingerprint.

    Raises:
        RequestError: The images of a variant are not valid, or no backend is installed.
    """
    programs = {cell: each for cell, each in variants.items() if isinstance(each, ProgramVariant)}
    if programs:
        return plan_programs(study, programs, seeds=seeds), {}
    backend = find_backend()
    pin_environment(backend)  # the loader of a data set may import Keras
    loaded: dict[str, Images] = {}
    for variant in variants.values():
        key = digest(variant.data)
        if key not in loaded:
            loaded[key] = load_images(variant)
    images = {item.fingerprint: item for item in loaded.values()}
    datasets = {fingerprint: describe(item) for fingerprint, item in images.items()}
    reader, sources = SourceReader(backend), {}
    cells = []
    for cell, variant in variants.items():
        stop.check()
        dataset = loaded[digest(variant.data)].fingerprint
        code, reached = reader.read(variant, task=datasets[dataset].task)
        sources[code] = reached
        cells.append(PlannedCell(cell, variant, dataset, seeds, code))
    plan = Plan(
        study=study.judged_by(_responses(datasets, variants.values())),
        cells=tuple(cells),
        datasets=datasets,
        backend=backend,
        provenance=provenance(backend),
        sources=sources,
    )
    return plan, images


def _responses(datasets: Datasets, variants: Iterable[Variant]) -> list[Response]:
    """The responses that these runs have, the default of a study first.

    Whether a metric that a recipe adds is better when it is higher is not known.
    """
    found = {each.name: each for info in datasets.values() for each in info.responses}
    for variant in variants:
        for metric in variant.recipe.metrics or ():
            for name in (f"test_{metric}", f"val_{metric}"):
                found.setdefault(name, Response(name))
    return list(found.values())


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


def _refuse_too_many_runs(study: Study, cells: int) -> None:
    replicates = study.most_replicates or study.replicates
    if cells * replicates > MOST_RUNS:
        raise RequestError(
            f"Expected at most {MOST_RUNS:,} runs; received {replicates:,} replicates of "
            f"{cells:,} cells, {cells * replicates:,} runs. Lower study.replicates, or use fewer "
            f"factors."
        )


def refuse_equal_cells(plan: Plan) -> None:
    """Refuse two cells whose variants cannot differ in a result.

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
