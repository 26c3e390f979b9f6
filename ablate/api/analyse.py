"""Analyse results of any program that are in a pandas table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ablate.api.results import StudyResults
from ablate.errors import RequestError, nearest
from ablate.report.results.arguments import request_of
from ablate.report.results.read import read_frame, record_of

SOURCE = "the table"
OPTIONS = ("direction", "margin", "chance", "name")


def analyse(
    frame: pd.DataFrame,
    *,
    factors: Sequence[str],
    response: str,
    seed: str | None = None,
    reference: Mapping[str, Any] | None = None,
    **options: Any,
) -> StudyResults:
    """Analyse the runs of any program; nothing is written.

    The same as ``python -m ablate.report runs=FILE``, for a table in memory.

    Args:
        frame: A row a run, with a column a factor, one of the response, and perhaps of the seed.
        factors: Columns that hold a level each.
        response: Column that holds the number by which a run is judged.
        seed: Column of the label by which runs are compared in pairs; None if there is none.
        reference: Reference level by factor; by default ``present``, else the first in the table.
        options: ``direction``, ``margin``, ``chance`` and ``name``, as of ``python -m
            ablate.report``.

    Raises:
        RequestError: The table does not have what is asked for, or an option is not valid.
    """
    if not isinstance(frame, pd.DataFrame) or not frame.columns.is_unique:
        raise RequestError("Expected a pandas DataFrame in which every column has another name.")
    for option in options:
        if option not in OPTIONS:
            raise RequestError(
                f"Expected the options {', '.join(OPTIONS)}; received {option!r}."
                f"{nearest(option, OPTIONS)}"
            )
    columns = [factors] if isinstance(factors, str) else list(factors)
    request = request_of(
        {
            "runs": SOURCE,
            "factors": columns,
            "response": response,
            "seed": seed,
            "reference": reference or {},
            "name": "results",
            **options,
        }
    )
    results = read_frame(frame, request)
    command = f"ablate.analyse(frame, factors={columns!r}, response={response!r}, seed={seed!r})"
    return StudyResults(record_of(results, request), commands=(command,))
