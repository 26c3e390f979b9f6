"""The file of a result, which carries a checksum: `runs/<study>/<cell>/<seed>/result.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ablate.store.plan import digest
from ablate.store.reader import FileFormat
from ablate.store.schema import decode
from ablate.study.result import Result
from ablate.study.study import LARGEST

CHECKSUM = "checksum"


def result_as_json(result: Result) -> dict[str, Any]:
    """What the file of a result holds."""
    record = result.as_json()
    return {**record, CHECKSUM: digest(record)}


def _result_from_json(content: Any) -> Result:
    """The result that a file holds; results of earlier versions have no checksum.

    Raises:
        ValueError: It is no result, or was changed after it was written.
    """
    record = dict(decode(content, Mapping[str, Any]))
    checksum = record.pop(CHECKSUM, None)
    if checksum is not None and checksum != digest(record):
        raise ValueError("edited or damaged after it was written, its checksum does not fit")
    result: Result = decode(record, Result)
    costs = {} if result.cost is None else asdict(result.cost)
    for name, value in {**result.responses, **costs}.items():
        # Numbers of training are 32 bits wide; analyses square them.
        if abs(value) >= LARGEST:
            raise ValueError(f"{name}: too large a number")
    return result


RESULT = FileFormat(_result_from_json, "Its run is trained again.")
