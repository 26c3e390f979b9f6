"""Loaded into the fork server: each worker measures the time of the work that only faults need."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from typing import Any

from ablate.store import checkpoint
from ablate.store.folder import RunFolder
from ablate.study.result import Result
from ablate.training.trainer import Trainer

seconds = {"checkpoints": 0.0, "journal": 0.0}


def _timed(kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*arguments, **options)
        finally:
            seconds[kind] += time.perf_counter() - started

    return call


def _with_times(commit: Callable[[RunFolder, Result], None]) -> Callable[[RunFolder, Result], None]:
    """A `commit` that also writes the times of the run next to its result."""

    def call(run: RunFolder, result: Result) -> None:
        commit(run, result)
        (run.path / "spent.json").write_text(json.dumps(seconds))
        seconds.update(dict.fromkeys(seconds, 0.0))

    return call


checkpoint.save = _timed("checkpoints", checkpoint.save)
checkpoint.discard = _timed("checkpoints", checkpoint.discard)
Trainer.state = _timed("checkpoints", Trainer.state)
RunFolder.append = _timed("journal", RunFolder.append)
RunFolder.commit = _with_times(RunFolder.commit)
