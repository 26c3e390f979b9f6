"""What MLflow's database holds, and how tests write to it."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from ablate.study.design import Run
from ablate.tracking.recording import Recording
from ablate.tracking.watchdog import AbandonedError, Watchdog
from tests.store.written import Written

LOCAL = "sqlite:///mlflow.db"
DATABASE = Path("mlflow.db")
VALUES_PER_RUN = 3 * 5 + 7
"""Metric values of a run of `tests.store.written`: five curves of three epochs, seven finals."""

METRICS = """
    select experiments.name, cell.value, seed.value, metrics.key, metrics.step, metrics.value
    from metrics join runs using (run_uuid) join experiments using (experiment_id)
    join tags as cell on cell.run_uuid = metrics.run_uuid and cell.key = 'ablate.cell'
    join tags as seed on seed.run_uuid = metrics.run_uuid and seed.key = 'ablate.seed'
    where runs.lifecycle_stage = 'active' order by 1, 2, 3, 4, 5
"""
PARAMS = """
    select experiments.name, cell.value, seed.value, params.key, params.value
    from params join runs using (run_uuid) join experiments using (experiment_id)
    join tags as cell on cell.run_uuid = params.run_uuid and cell.key = 'ablate.cell'
    join tags as seed on seed.run_uuid = params.run_uuid and seed.key = 'ablate.seed'
    where runs.lifecycle_stage = 'active' order by 1, 2, 3, 4
"""
STATUSES = """
    select coalesce(max(case when key = 'ablate.seed' then tags.value end), 'study'), status
    from runs join tags using (run_uuid) where lifecycle_stage = 'active'
    group by run_uuid order by 1, 2
"""
STATUS_BY_RUN = """
    select status, cell.value, seed.value from runs
    join tags as cell on cell.run_uuid = runs.run_uuid and cell.key = 'ablate.cell'
    join tags as seed on seed.run_uuid = runs.run_uuid and seed.key = 'ablate.seed'
    join tags as study on study.run_uuid = runs.run_uuid and study.key = 'ablate.study'
    where lifecycle_stage = 'active' and study.value = 'mine'
"""


def query(statement: str, database: Path = DATABASE) -> list[tuple]:
    """The rows that a statement returns."""
    with contextlib.closing(sqlite3.connect(database)) as store:
        return store.execute(statement).fetchall()


def content(database: Path = DATABASE) -> list[list[tuple]]:
    """All metrics, params and statuses."""
    return [query(statement, database) for statement in (METRICS, PARAMS, STATUSES)]


def curve(run: Run, key: str = "loss") -> dict[int, float]:
    """A metric of a run of study `mine` by step; fails if a step has two values."""
    wanted = ("mine", run.cell.slug, str(run.seed), key)
    rows = [row[4:] for row in query(METRICS) if row[:4] == wanted]
    assert len(rows) == len(dict(rows))
    return dict(rows)


def status_of(run: Run) -> str:
    """The status of a run of study `mine`."""
    (status,) = {
        status
        for status, cell, seed in query(STATUS_BY_RUN)
        if (cell, seed) == (run.cell.slug, str(run.seed))
    }
    return status


def recording_of(study: Written, uri: str = LOCAL, *, limited: bool = False) -> Recording:
    """A recording as `ablate.sync` makes it, or with the limits of a study."""
    return Recording(study.state, uri, limited=limited)


def replay(study: Written, uri: str = LOCAL) -> None:
    """Record a study; fails if not everything is in MLflow afterwards."""
    recording = recording_of(study, uri)
    recording.replay(None)
    assert recording.fault == ""


class CallLimit(Watchdog):
    """Counts calls to MLflow, and makes it unavailable after some of them."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left, self.made = calls, 0

    @contextlib.contextmanager
    def call(self, activity: str, *, limited: bool = True) -> Iterator[None]:
        if self.left == 0:
            raise AbandonedError
        self.left -= 1
        self.made += 1
        with super().call(activity, limited=limited):
            yield


def replay_with_calls(study: Written, *, calls: int = sys.maxsize) -> int:
    """Record a study until MLflow becomes unavailable; returns the number of calls made."""
    recording = recording_of(study)
    limit = CallLimit(calls)
    recording._watchdog = limit
    recording.replay(None)
    assert bool(recording.fault) == (limit.left == 0)
    return limit.made
