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
        return record
    images = decode(record["images"], Mapping[str, Mapping[str, Any]], "images")
    cells = decode(record.get("cells"), tuple[Mapping[str, Any], ...], "cells")
    return {
        **{key: value for key, value in record.items() if key not in ("images", "code")},
        "cells": [_cell(cell) for cell in cells],
        "datasets": {key: _dataset(key, value) for key, value in images.items()},
        "sources": {},
    }


def _cell(record: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in record.items() if key != "images"}
    return {**known, "dataset": record.get("images"), "code": ""}


def _dataset(fingerprint: str, record: Mapping[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in record.items() if key != "chance"}
    return {**known, "task": "", "fingerprint": fingerprint, "measures": [], "guessing": {}}
