"""What a command reads from disk: a run that is settled is read once, however many there are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from ablate.planning.changes import reconcile
from ablate.planning.planner import with_more_seeds
from ablate.store import reader
from ablate.store.events import Event
from ablate.store.folder import StudyFolder
from ablate.store.state import StudyState
from ablate.store.tables import study_record
from ablate.study.design import Run
from ablate.study.result import Result
from ablate.tracking.progress import show_faults
from ablate.tracking.watch import Watch
from ablate.workers.unit import pending_units
from tests.store.written import written


class Follower:
    """Counts the runs that have ended."""

    def __init__(self) -> None:
        self.ended_runs: list[Run] = []

    def event(self, run: Run, event: Event) -> None:
        pass

    def ended(self, run: Run, result: Result) -> None:
        self.ended_runs.append(run)

    def tick(self) -> None:
        pass


def test_a_command_with_nothing_to_do_reads_each_result_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = written("residual", "norm", replicates=10).train().plan
    folder, console = StudyFolder(Path("runs/mine")), Console(quiet=True)
    reads: Counter[Path] = Counter()
    read_file = reader.read_file

    def count(path: Path, *, most_bytes: int, offset: int = 0) -> bytes:
        reads[path] += 1
        return read_file(path, most_bytes=most_bytes, offset=offset)

    monkeypatch.setattr(reader, "read_file", count)
    earlier = folder.earlier_plan()
    state = reconcile(StudyState.read(folder, plan), earlier, on_change="refuse", console=console)
    show_faults(console, state, earlier=earlier)
    assert reads[folder.path / "plan.json"] == 1
    assert pending_units(state, workers=2) == []
    assert with_more_seeds(state) is None
    state = state.adopt()
    follower = Follower()
    Watch(
        state, follower=follower, runs=list(plan.runs())
    ).look()  # as MLflow is brought up to date
    assert len(follower.ended_runs) == 40
    assert (study_record(state).runs["status"] == "complete").all()
    results = {path: times for path, times in reads.items() if path.name == "result.json"}
    assert sorted(results.values()) == [1] * 40
