"""Plans of earlier versions in the form of this one, so that their results can be kept.

These versions identified runs in another way. The sources of their cells are unknown here, and the
fingerprints that they recorded stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ablate.store.schema import decode


def upgrade_plan(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON of a plan in the form of this version; unchanged if it already has it.

    Raises:
        SchemaError: It has neither form.
    """
    if "images" not in record:
        known = decode(record.get("datasets"), Mapping[str, Mapping[str, Any]], where="datasets")
        return {**record, "datasets": {key: _with_steps(value) for key, value in known.items()}}
    images = decode(record["images"], Mapping[str, Mapping[str, Any]], where="images")
    cells = decode(record.get("cells"), tuple[Mapping[str, Any], ...], where="cells")
    return {
        **{key: value for key, value in record.items() if key not in ("images", "code")},
        "cells": [_cell(cell) for cell in cells],
        "datasets": {key: _dataset(key, value) for key, value in images.items()},
        "sources": {},
    }


def _cell(record: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in record.items() if key != "images"}
    return {**known, "dataset": record.get("images"), "code": ""}


def _dataset(fingerprint: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
    known = {key: value for key, value in record.items() if key != "chance"}
    own = {"task": "", "fingerprint": fingerprint, "measures": [], "guessing": {}}
    return _with_steps({**known, **own})


def _with_steps(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    """A data set with what one image is worth, which earlier versions did not record."""
    if "steps" in dataset or dataset.get("task") not in ("", "classification"):
        return {"steps": {}, **dataset}
    parts = {"test_accuracy": dataset.get("test"), "val_accuracy": dataset.get("validation")}
    images = {name: count for name, count in parts.items() if isinstance(count, int) and count > 0}
    return {**dataset, "steps": {name: 1 / count for name, count in images.items()}}
