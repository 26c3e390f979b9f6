"""Journal lines: events read back as they were written, damaged lines are left out."""

from __future__ import annotations

import pytest
from pytest import param

from ablate.store.events import (
    EpochEnded,
    Event,
    Interrupted,
    Resumed,
    Started,
    from_line,
    to_line,
)
from ablate.study.result import Status


@pytest.mark.parametrize(
    "event",
    [
        param(Started("attempt", "print"), id="started"),
        param(EpochEnded(3, {"loss": 1 / 3, "val_mean_iou": 0.5}, 0.1), id="epoch"),
        param(Interrupted(Status.CRASHED, "signal 9"), id="interrupted"),
        param(Resumed(2, "why", ("checkpoint of epoch 3: truncated",)), id="resumed"),
    ],
)
def test_an_event_reads_back_as_it_was_written(event: Event) -> None:
    line = to_line(event)
    assert line.endswith("\n")
    assert from_line(line.encode()) == event


def test_an_epoch_is_one_flat_record() -> None:
    line = to_line(EpochEnded(1, {"loss": 0.5}, 0.25))
    assert line == '{"event": "epoch", "epoch": 1, "loss": 0.5, "seconds": 0.25}\n'


@pytest.mark.parametrize(
    "line",
    [
        param(b"\0\0\0", id="zeros"),
        param(b'{"event": "epo', id="incomplete"),
        param(b'{"event": "unknown"}', id="unknown_event"),
        param(b'{"event": "epoch", "epoch": 1}', id="missing_value"),
        param(b'{"event": "interrupted", "status": "lost", "cause": ""}', id="unknown_status"),
        param(b"[1]", id="a_list"),
        param(b'{"event": ["epoch"]}', id="a_list_for_the_event"),
        param(b'{"event": "epoch", "epoch": 1e400, "seconds": 1}', id="infinite_epoch"),
        param(b'{"event": "epoch", "epoch": -1, "seconds": 1}', id="negative_epoch"),
        param(b'{"event": "epoch", "epoch": 1, "seconds": NaN}', id="no_duration"),
        param(b'{"event": "epoch", "epoch": 1, "seconds": 1e300}', id="absurd_duration"),
        param(b'{"event": "epoch", "epoch": 1, "seconds": 1, "loss": []}', id="list_for_number"),
        param(b'{"event": "epoch", "epoch": 1, "seconds": 1, "cell": 1}', id="name_of_a_column"),
        param(
            b'{"event": "epoch", "epoch": 1, "seconds": 1, "loss": 1%s}' % (b"0" * 400), id="big"
        ),
        param(
            b'{"event": "resumed", "epoch": 0, "cause": "", "skipped": "ab"}', id="text_for_list"
        ),
        param(b'{"event": "started", "attempt": "a", "fingerprint": "../x"}', id="a_path"),
        param(b"[" * 200_000, id="brackets"),
        param(b'{"event": "\xff"}', id="no_utf8"),
        param(b'"' + b"a" * 1_000_000 + b'"', id="long"),
    ],
)
def test_a_damaged_line_is_no_event(line: bytes) -> None:
    assert from_line(line) is None
