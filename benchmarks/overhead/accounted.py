"""Loaded into the fork server: every worker tells how long it spent on what only faults need."""

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

spent = {"checkpoints": 0.0, "journal": 0.0}


def _timed(kind: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def call(*arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        try:
            return plain(*arguments, **options)
        finally:
            spent[kind] += time.perf_counter() - started

    return call


def _told(plain: Callable[[RunFolder, Result], None]) -> Callable[[RunFolder, Result], None]:
    def commit(run: RunFolder, result: Result) -> None:
        plain(run, result)
        (run.path / "spent.json").write_text(json.dumps(spent))
        spent.update(dict.fromkeys(spent, 0.0))

    return commit


checkpoint.save = _timed("checkpoints", checkpoint.save)
checkpoint.discard = _timed("checkpoints", checkpoint.discard)
Trainer.state = _timed("checkpoints", Trainer.state)
RunFolder.append = _timed("journal", RunFolder.append)
RunFolder.commit = _told(RunFolder.commit)
