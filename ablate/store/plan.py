"""The frozen plan of a study: every cell's composed configuration and the identity of every run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ablate.config.variant import Variant, read_variant
from ablate.study.design import Cell, Run
from ablate.study.file import study_from_mapping
from ablate.study.study import Study


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """A cell and what Hydra composed for it.

    Attributes:
        cell: The cell.
        variant: Its concrete model, data and recipe.
        images: Fingerprint of the images it is trained on.
        seeds: The run seeds of its replicates.
        parameters: Number of weights of its model.
        macs: Multiply-accumulates of one forward pass over one image.
    """

    cell: Cell
    variant: Variant
    images: str
    seeds: tuple[int, ...]
    parameters: int = 0
    macs: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a study will train, fixed before the first run.

    Attributes:
        study: The study.
        cells: Its cells, in the order of the design.
        images: What is known of each set of images, by fingerprint: shape, classes, counts, chance.
        code: Hash of the code and the libraries that can change a result.
        backend: ``tensorflow`` or ``jax``.
        provenance: Versions, commit and the like of the planning process.
        sources: What `code` is the hash of: digest of every file, version of every library.
        kept: Fingerprints of results that are used although what they were trained with has
            changed, by ``cell/seed``.
        changes: What has changed since these were trained, a line each.
    """

    study: Study
    cells: tuple[PlannedCell, ...]
    images: Mapping[str, Mapping[str, Any]]
    code: str
    backend: str
    provenance: Mapping[str, str]
    sources: Mapping[str, str] = field(default_factory=dict)
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

    def with_model_sizes(self, sizes: Mapping[str, Mapping[str, int]]) -> Plan:
        """The plan with the parameters and MACs of some cells, given by slug."""
        cells = tuple(
            replace(planned, parameters=found["parameters"], macs=found["macs"])
            if (found := sizes.get(planned.cell.slug))
            else planned
            for planned in self.cells
        )
        return replace(self, cells=cells)

    def with_model_sizes_of(self, earlier: Plan) -> Plan:
        """The plan with the model sizes that an earlier plan holds of equal models."""
        if (earlier.code, earlier.backend) != (self.code, self.backend):
            return self
        known = {digest([cell.variant.model, cell.images]): cell for cell in earlier.cells}
        sizes = {
            planned.cell.slug: {"parameters": found.parameters, "macs": found.macs}
            for planned in self.cells
            if (found := known.get(digest([planned.variant.model, planned.images])))
        }
        return self.with_model_sizes(sizes)

    def fingerprint(self, planned: PlannedCell, seed: int) -> str:
        """Identity of a run: hash of everything that can change its result, and nothing else.

        Where the images lie, how they are read and what they are called does not count, only what
        they are; nor does the device, the number of workers or the name of the study. A result that
        is kept has the identity that it was trained with.
        """
        if (kept := self.kept.get(f"{planned.cell.slug}/{seed}")) is not None:
            return kept
        identity = {
            "model": planned.variant.model,
            "recipe": asdict(planned.variant.recipe),
            "images": planned.images,
            "code": self.code,
            "backend": self.backend,
            "seed": seed,
        }
        return digest(identity)

    def held_constant(self) -> dict[str, str]:
        """Keys of model and recipe that are equal in all cells, with their value as text."""
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
            "cells": [
                {
                    "slug": planned.cell.slug,
                    "levels": dict(planned.cell.levels),
                    "variant": asdict(planned.variant),
                    "images": planned.images,
                    "parameters": planned.parameters,
                    "macs": planned.macs,
                    "fingerprints": {
                        str(seed): self.fingerprint(planned, seed) for seed in planned.seeds
                    },
                }
                for planned in self.cells
            ],
            "images": {key: dict(value) for key, value in self.images.items()},
            "code": self.code,
            "backend": self.backend,
            "provenance": dict(self.provenance),
            "sources": dict(self.sources),
            "kept": dict(self.kept),
            "changes": list(self.changes),
        }

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Plan:
        """The plan that `as_json` wrote."""
        return Plan(
            study=study_from_mapping(record["study"]),
            cells=tuple(
                PlannedCell(
                    cell=Cell(tuple(item["levels"].items())),
                    variant=read_variant(item["variant"]),
                    images=item["images"],
                    seeds=tuple(int(seed) for seed in item["fingerprints"]),
                    parameters=item["parameters"],
                    macs=item["macs"],
                )
                for item in record["cells"]
            ),
            images=record["images"],
            code=record["code"],
            backend=record["backend"],
            provenance=record["provenance"],
            sources=record["sources"],
            kept=record["kept"],
            changes=tuple(record["changes"]),
        )


def digest(content: object) -> str:
    """A short hash of plain JSON values, equal on every machine."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.blake2s(canonical.encode(), digest_size=16).hexdigest()
