from __future__ import annotations

import json

import pytest

from ablate.store.schema import decode
from ablate.study.result import Cost, Result, Status

COST = Cost(297_697, 39_313_536, 3.25, 0.25, 400_000_000)


@pytest.mark.parametrize(
    "result",
    [
        Result("a=b", 0, "f" * 32, Status.COMPLETE, {"test_accuracy": 0.1 + 0.2}, COST, {"k": "v"}),
        Result("a=b", 1, "f" * 32, Status.CRASHED, error="signal 9"),
    ],
    ids=["complete", "crashed"],
)
def test_a_result_reads_back_to_the_last_digit(result: Result) -> None:
    assert decode(json.loads(json.dumps(result.as_json())), Result) == result


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.COMPLETE])
def test_a_failure_is_never_a_number(status: Status) -> None:
    with pytest.raises(ValueError, match="Expected responses from a complete run"):
        Result("a=b", 0, "f", status, {"test_accuracy": 1.0}, error="why")


def test_a_complete_run_has_a_response() -> None:
    with pytest.raises(ValueError, match="Expected responses from a complete run"):
        Result("a=b", 0, "f", Status.COMPLETE)


def test_a_response_is_finite() -> None:
    with pytest.raises(ValueError, match="DIVERGED"):
        Result("a=b", 0, "f", Status.COMPLETE, {"test_loss": float("nan")})
