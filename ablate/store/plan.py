"""The frozen plan of a study: the configuration of every cell and the identity of every run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ablate.config.program import ProgramVariant
from ablate.config.variant import Variant
from ablate.data.info import DatasetInfo
from ablate.study.design import Cell, Run
from ablate.study.response import Response
from ablate.study.study import Study

PROGRAM = "program"
"""What stands for the backend in the plan of a study whose runs external programs train."""

Datasets = Mapping[str, DatasetInfo]
"""What is known of the data sets of a plan, by fingerprint."""


@dataclass(frozen=True, slots=True)
class ModelSize:
    """How large a model is, and what its user must know of it.

    Attributes:
        parameters: Number of its weights.
        macs: Multiply-accumulates of one forward pass over one image.
        notes: How it is trained where that is not obvious, a sentence each.
        output: Shape of its answer for one image; empty if it is unknown.
    """

    parameters: int
    macs: int
    notes: tuple[str, ...] = ()
    output: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell and what Hydra composed for it.

    Attributes:
        cell: The cell.
        variant: Its concrete model, data, augmentation and recipe.
        dataset: Fingerprint of the data set that it is trained on; empty if an external program
            brings its own.
        seeds: The run seeds of its replicates.
        code: Digest of the sources that its variant reaches; see `ablate.store.identity`.
        parameters: Number of weights of its model; 0 if the model is not measured yet.
        macs: Multiply-accumulates of one forward pass over one image.
        notes: What a user must know of how its model is trained, a sentence each.
        output: Shape of its model's answer for one image; empty in the plans of earlier versions.
        recorded: Fingerprints by seed, where a plan on disk recorded them in an earlier format.
    """

    cell: Cell
    variant: Variant
    dataset: str
    seeds: tuple[int, ...]
    code: str = ""
    parameters: int = 0
    macs: int = 0
    notes: tuple[str, ...] = ()
    output: tuple[int, ...] = ()
    recorded: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a study will train, fixed before the first run.

    Attributes:
        study: The study.
        cells: Its cells, in the order of the design.
        datasets: What is known of each data set, by fingerprint.
        backend: ``tensorflow`` or ``jax``; ``program`` if external programs train.
        provenance: Versions, commit and the like of the planning process.
        sources: The sources of each code digest: digest of every file, version of every library.
        kept: Fingerprints of results that are used although what they were trained with has
            changed, by `Run.key`.
        changes: What has changed since these were trained, a line each.
    """

    study: Study
    cells: tuple[PlannedCell, ...]
    datasets: Datasets
    backend: str
    provenance: Mapping[str, str]
    sources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()

    def runs(self) -> Iterator[tuple[PlannedCell, Run]]:
        """Every run, cell by cell, seeds in order."""
        for planned in self.cells:
            for seed in planned.seeds:
                yield planned, Run(planned.cell, seed)

    def find(self, slug: str) -> PlannedCell:
        """The cell with that slug; KeyError if the plan has none."""
        for planned in self.cells:
            if planned.cell.slug == slug:
                return planned
        raise KeyError(slug)

    def dataset_of(self, planned: PlannedCell) -> DatasetInfo:
        """What is known of the data set of a cell that Keras trains."""
        return self.datasets[planned.dataset]

    def measures_of(self, planned: PlannedCell) -> tuple[Response, ...]:
        """What is known to be measured at each epoch, besides the loss; empty for a program."""
        return self.dataset_of(planned).measures if planned.dataset else ()

    def responses_of(self, planned: PlannedCell) -> tuple[Response, ...]:
        """The responses that a run of a cell leaves, as far as they are known."""
        if isinstance(planned.variant, ProgramVariant):
            return (*planned.variant.program.responses, *self.study.responses)
        return self.dataset_of(planned).responses

    @property
    def is_of_programs(self) -> bool:
        """Whether external programs train its runs, and not Keras."""
        return self.backend == PROGRAM

    def sources_of(self, planned: PlannedCell) -> Mapping[str, str]:
        """The sources that a cell reaches; empty if they are unknown."""
        return self.sources.get(planned.code, {})

    def with_model_sizes(self, sizes: Mapping[str, ModelSize]) -> Plan:
        """The plan with the sizes of the models of some cells, given by slug."""
        cells = tuple(
            replace(planned, **{item.name: getattr(size, item.name) for item in fields(size)})
            if (size := sizes.get(planned.cell.slug))
            else planned
            for planned in self.cells
        )
        return replace(self, cells=cells)

    def with_model_sizes_of(self, earlier: Plan) -> Plan:
        """The plan with the model sizes that an earlier plan holds of equal models."""
        known = {
            _model_identity(cell): ModelSize(cell.parameters, cell.macs, cell.notes, cell.output)
            for cell in earlier.cells
            if cell.parameters
        }
        sizes = {
            planned.cell.slug: known[identity]
            for planned in self.cells
            if (identity := _model_identity(planned)) in known
        }
        return self.with_model_sizes(sizes)

    def fingerprint(self, planned: PlannedCell, seed: int) -> str:
        """Identity of a run: hash of everything that can change its result, and nothing else."""
        return self.fingerprints(planned, [seed])[seed]

    def fingerprints(self, planned: PlannedCell, seeds: Iterable[int]) -> dict[int, str]:
        """Identities of the runs of a cell, by seed.

        Where the images are and what their files are called does not count, only their content;
        nor do the device, the number of workers and the name of the study. A result that is kept
        has the identity that it was trained with.
        """
        identity = {
            "settings": planned.variant.identifying_settings(),
            "dataset": planned.dataset,
            "code": planned.code,
            "backend": self.backend,
        }
        fingerprints = {}
        for seed in seeds:
            known = self.kept.get(Run(planned.cell, seed).key, planned.recorded.get(seed))
            fingerprints[seed] = known or digest({**identity, "seed": seed})
        return fingerprints

    def held_constant(self) -> dict[str, str]:
        """Keys of all groups that are equal in all cells, with their value as text."""
        settings = [
            {key: json.dumps(value) for key, value in planned.variant.settings().items()}
            for planned in self.cells
        ]
        return {
            key: value.strip('"')
            for key, value in settings[0].items()
            if all(other.get(key) == value for other in settings)
        }

    def as_json(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return {
            "study": self.study.as_mapping(),
            "cells": [self._cell_as_json(planned) for planned in self.cells],
            "datasets": {key: info.as_json() for key, info in self.datasets.items()},
            "backend": self.backend,
            "provenance": dict(self.provenance),
            "sources": {key: dict(value) for key, value in self.sources.items()},
            "kept": dict(self.kept),
            "changes": list(self.changes),
        }

    def _cell_as_json(self, planned: PlannedCell) -> dict[str, Any]:
        return {
            "slug": planned.cell.slug,
            "levels": dict(planned.cell.levels),
            "variant": planned.variant.as_json(),
            "dataset": planned.dataset,
            "code": planned.code,
            "parameters": planned.parameters,
            "macs": planned.macs,
            "notes": list(planned.notes),
            "output": list(planned.output),
            "fingerprints": {
                str(seed): fingerprint
                for seed, fingerprint in self.fingerprints(planned, planned.seeds).items()
            },
        }


def _model_identity(planned: PlannedCell) -> str:
    """Hash of everything that can change the size of a model, or what is checked or noted of it."""
    nodes = planned.variant.model, planned.variant.augment
    recipe = {
        key: value
        for key, value in planned.variant.recipe.as_node().items()
        if key not in ("epochs", "batch_size", "placebo")
    }
    return digest([nodes, recipe, planned.dataset, planned.code])


def digest(content: object) -> str:
    """A short hash of plain JSON values, equal on every machine."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2s(canonical.encode(), digest_size=16).hexdigest()
