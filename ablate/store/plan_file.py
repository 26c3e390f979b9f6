"""The file of a frozen plan, read back and checked: `runs/<study>/plan.json`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ablate.config.program import is_command, read_cell
from ablate.data.info import DatasetInfo
from ablate.fields import check_folder_name
from ablate.store.earlier_format import upgrade_plan
from ablate.store.plan import Plan, PlannedCell
from ablate.store.reader import FileFormat
from ablate.store.schema import decode
from ablate.study.design import Cell
from ablate.study.file import study_from_mapping
from ablate.study.result import check_fingerprint
from ablate.study.study import LARGEST, SINGLE, Study


@dataclass(frozen=True, slots=True)
class _CellRecord:
    """A cell as `Plan.as_json` writes it.

    Attributes:
        fingerprints: Identities of its runs, by seed as text.
        others: See `PlannedCell`.
    """

    slug: str
    levels: Mapping[str, str]
    variant: Mapping[str, Any]
    dataset: str
    code: str
    parameters: int
    macs: int
    fingerprints: Mapping[str, str]
    notes: tuple[str, ...] = ()
    output: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.slug != Cell(tuple(self.levels.items())).slug:
            raise ValueError(f"the levels of cell {self.slug!r} are others")
        if not self.fingerprints or not all(map(_is_seed, self.fingerprints)):
            raise ValueError(f"expected the seeds of cell {self.slug}, each with its fingerprint")
        for fingerprint in self.fingerprints.values():
            check_fingerprint(fingerprint)
        if min(self.parameters, self.macs, *self.output) < 0:
            raise ValueError(f"expected the size of the model of cell {self.slug}")


@dataclass(frozen=True, slots=True)
class _PlanRecord:
    """A plan as `Plan.as_json` writes it; see `Plan` for its fields."""

    study: Mapping[str, Any]
    cells: tuple[_CellRecord, ...]
    datasets: Mapping[str, DatasetInfo]
    backend: Literal["tensorflow", "jax", "program"]
    provenance: Mapping[str, str]
    sources: Mapping[str, Mapping[str, str]]
    kept: Mapping[str, str]
    changes: tuple[str, ...]


def _plan_from_json(content: Any) -> Plan:
    """The plan that `Plan.as_json` wrote.

    Raises:
        ValueError: It is another one, or it contradicts itself.
    """
    record: _PlanRecord = decode(upgrade_plan(decode(content, Mapping[str, Any])), _PlanRecord)
    study = study_from_mapping(record.study)
    check_folder_name(study.name, "study.name")
    if not study.responses or any(each.direction is None for each in study.responses):
        raise ValueError("expected the responses of the study, each with its direction")
    for fault in (*_faulty_cells(record, study), *_faulty_datasets(record.datasets)):
        raise ValueError(fault)
    for fingerprint in record.kept.values():
        check_fingerprint(fingerprint)
    return Plan(
        study=study,
        cells=tuple(map(_planned_cell, record.cells)),
        datasets=record.datasets,
        backend=record.backend,
        provenance=record.provenance,
        sources=record.sources,
        kept=record.kept,
        changes=record.changes,
    )


PLAN = FileFormat(_plan_from_json, "The study's command writes it again.", most_bytes=1 << 29)


def _planned_cell(record: _CellRecord) -> PlannedCell:
    fingerprints = {int(seed): value for seed, value in record.fingerprints.items()}
    return PlannedCell(
        cell=Cell(tuple(record.levels.items())),
        variant=read_cell(record.variant),
        dataset=record.dataset,
        seeds=tuple(fingerprints),
        code=record.code,
        parameters=record.parameters,
        macs=record.macs,
        notes=record.notes,
        output=record.output,
        recorded={} if record.code else fingerprints,
    )


def _is_seed(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and str(int(text)) == text


def _faulty_cells(record: _PlanRecord, study: Study) -> Iterator[str]:
    """What is wrong with the cells, each taken with the rest of the plan."""
    levels = {factor.name: factor.level_names for factor in study.factors}
    if len({cell.slug for cell in record.cells}) < len(record.cells) or not record.cells:
        yield "expected one or more cells, each once"
    for cell in record.cells:
        if cell.dataset not in record.datasets and not is_command(cell.variant):
            yield f"expected the data set of cell {cell.slug}; found none"
        # Cells of single runs are named by a hash of their configuration.
        known = study.name == SINGLE or (
            [*cell.levels] == [*levels]
            and all(level in levels[factor] for factor, level in cell.levels.items())
        )
        if not known:
            yield f"the levels of cell {cell.slug} are not those of the study's factors"


def _faulty_datasets(datasets: Mapping[str, DatasetInfo]) -> Iterator[str]:
    for fingerprint, info in datasets.items():
        if info.fingerprint != fingerprint:
            yield f"expected the data set {fingerprint}; found {info.fingerprint}"
        if any(abs(score) >= LARGEST for score in info.guessing.values()):
            yield f"too large a score of guessing of data set {fingerprint}"
        if any(measure.direction is None for measure in info.measures):
            yield f"expected the direction of each measure of data set {fingerprint}"
