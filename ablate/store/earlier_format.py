"""Plans of earlier versions in the form of this one, so that their results can be kept.

These versions identified runs in another way. The sources of their cells are unknown here, and the
fingerprints that they recorded stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def upgrade_plan(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON of a plan in the form of this version; unchanged if it already has it.

    Raises:
        KeyError: It has neither form.
    """
    if "datasets" in record:
        datasets = {key: _with_steps(value) for key, value in record["datasets"].items()}
        return {**record, "datasets": datasets}
    datasets = {key: _dataset(key, value) for key, value in record["images"].items()}
    cells = [{**cell, "dataset": cell["images"], "code": ""} for cell in record["cells"]]
    return {**record, "cells": cells, "datasets": datasets, "sources": {}}


def _dataset(fingerprint: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
    known = {key: value for key, value in record.items() if key != "chance"}
    own = {"task": "", "fingerprint": fingerprint, "measures": [], "guessing": {}}
    return _with_steps({**known, **own})


def _with_steps(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    """A data set with what one image is worth, which earlier versions did not record."""
    if "steps" in dataset or dataset["task"] not in ("", "classification"):
        return {"steps": {}, **dataset}
    parts = {"test_accuracy": dataset["test"], "val_accuracy": dataset["validation"]}
    steps = {name: 1 / images for name, images in parts.items() if images}
    return {**dataset, "steps": steps}
