"""Any damage to the files of a study is repaired by the same command, without a traceback.

`DAMAGED_FILES=2000 python -m pytest tests/faults/test_damaged_files.py` draws that many, and others
each time; `--hypothesis-seed=N` repeats a draw.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from rich.console import Console

from ablate.analysis.analyse import analyse_record
from ablate.errors import RequestError
from ablate.planning.changes import reconcile
from ablate.report.files import report_json
from ablate.report.page import report_data
from ablate.report.terminal import end_lines
from ablate.store import checkpoint, image_cache, lock
from ablate.store.disk import open_to_append, remove
from ablate.store.events import Resumed
from ablate.store.folder import StudyFolder
from ablate.store.lock import study_lock
from ablate.store.state import StudyState
from ablate.store.tables import read_record
from ablate.study.design import Run
from ablate.study.record import StudyRecord
from ablate.study.result import Result, Status
from ablate.tracking.mlflow import recorder
from ablate.tracking.mlflow.client import MlflowRun
from ablate.tracking.progress import ProgressDisplay, show_faults, show_plan
from ablate.tracking.watch import Watch
from ablate.workers.exits import classify_exit
from tests.faults.damage import (
    IMAGES,
    PRECIOUS,
    SECRET,
    Damage,
    damages,
    files_of,
    history,
    write_study,
)
from tests.store.written import COST, Written, epoch_of, plan_of

COUNT = os.environ.get("DAMAGED_FILES")
SETTINGS = settings(
    derandomize=COUNT is None,
    max_examples=int(COUNT or 120),
    deadline=None,
    phases=[Phase.generate],  # a failure is found again by its damage, and shrinking takes long
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
PLAN = plan_of()
FILES = files_of(Written(StudyFolder(Path("mine")), PLAN))
DIVERGED = list(PLAN.runs())[1][1]


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study. Read it only."""
    folder = tmp_path_factory.mktemp("undamaged")
    write_study(folder)
    return folder


@pytest.fixture(autouse=True)
def fast_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "HEARTBEAT_SECONDS", 0.001)
    monkeypatch.setattr(lock, "READ_SECONDS", 0.0)


def result_of(study: Written, run: Run) -> Result:
    """What training a run gives."""
    own = run.cell.slug, run.seed, study.identity(run)
    if run == DIVERGED:
        return Result(*own, Status.DIVERGED, error="why")
    return Result(*own, Status.COMPLETE, {"test_accuracy": 0.75 + run.seed / 1000}, COST)


def train(study: Written, run: Run) -> None:
    """Train a run as a worker does, with three epochs that cost nothing."""
    folder, fingerprint = study.run_folder(run), study.identity(run)
    folder.make()
    with open_to_append(folder.log) as file:
        file.write("--- process 8\n")
    start = None
    if folder.open("again", fingerprint=fingerprint):
        start, faults = checkpoint.load_newest(folder.checkpoints, fingerprint=fingerprint)
        epochs = 0 if start is None else len(start.history)
        folder.append(Resumed(epochs, folder.interruption_cause(), tuple(faults)))
    for epoch in range(0 if start is None else len(start.history), 3):
        saved = history(epoch + 1)
        checkpoint.save(folder.checkpoints, saved, fingerprint=fingerprint, durable=False)
        folder.append(epoch_of(epoch + 1))
    folder.commit(result_of(study, run))
    checkpoint.discard(folder.checkpoints)


def report(record: StudyRecord) -> str:
    """The texts of a report, without its figures."""
    analysis = analyse_record(record)
    data = report_data(record, analysis)
    return report_json(analysis, record) + "\n".join(end_lines(data, width=80))


def repeat_command(study: Written, console: Console) -> StudyState:
    """What the study's command does, with training replaced."""
    with study_lock(study.folder.path):
        state, earlier = study.state, study.folder.earlier_plan()
        if earlier is not None:
            state = state.with_plan(state.plan.with_model_sizes_of(earlier))
        state = reconcile(state, earlier, on_change="rerun", console=console)
        show_faults(console, state, earlier=earlier)
        show_plan(console, state)
        state = state.adopt()
        image_cache.save(study.folder.images, IMAGES)
        assert image_cache.load(study.folder.images, IMAGES.fingerprint).task == IMAGES.task
        runs = [run for _, run in state.pending]
        display = ProgressDisplay(console, plan=state.plan, folder=study.folder, runs=runs)
        watch = Watch(state, follower=display, runs=state.pending, from_now=True)
        for run in runs:
            train(study, run)
        watch.look()
        return state.refreshed()


def synchronize(study: Written) -> None:
    """What `python -m ablate.sync` does, with a server of MLflow that knows nothing."""
    plan = study.folder.read_plan()
    state = StudyState.read(study.folder, plan)
    empty = MlflowRun("0123abc", "RUNNING", "", 0, {}, {}, {})
    with mock.patch.object(recorder, "Client") as client:
        client.return_value.search_runs.return_value = []
        client.return_value.search_models.return_value = []
        client.return_value.create_run.return_value = empty
        follower = recorder.Recorder("http://localhost", plan, folder=study.folder)
        Watch(state, follower=follower, runs=list(plan.runs())).look()
        follower.close(None)


def refusal_of(action: Callable[[], object]) -> str:
    """Why an action is refused, on one line; empty if it is not."""
    try:
        action()
    except RequestError as error:
        return str(error) if str(error).isprintable() else "The refusal is not printable."
    return ""


@SETTINGS
@given(given_damages=st.lists(damages(FILES), min_size=1, max_size=2, unique_by=lambda d: d.file))
def test_any_damage_is_repaired_by_the_same_command(
    undamaged: Path, given_damages: Sequence[Damage]
) -> None:
    note(str(list(given_damages)))
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(undamaged, Path(folder) / "here")
        study = Written(StudyFolder(Path(folder) / "here" / "mine"), PLAN)
        precious = study.folder.path / PRECIOUS
        precious.write_text(SECRET)
        private = precious.with_name("private")
        for name in ("0", "1", "000002", IMAGES.fingerprint, "in"):
            (private / name).mkdir(parents=True)
            (private / name / "precious").write_text(SECRET)
        # Files before the folders that hold them.
        for damage in sorted(given_damages, key=lambda each: -each.file.count("/")):
            if os.path.lexists(study.folder.path / damage.file):
                damage.apply(study.folder.path / damage.file)
        check_repair(study, given_damages)
        assert precious.read_text() == SECRET
        assert len(list(private.rglob("*"))) == 2 * len(list(private.iterdir())) == 10
        assert sorted(os.listdir(Path(folder) / "here")) == ["mine", "precious", "private"]
        assert os.listdir(folder) == ["here"]


def check_repair(study: Written, given_damages: Sequence[Damage]) -> None:
    console = Console(file=io.StringIO(), width=80)
    readers = (lambda: report(read_record(study.folder)), lambda: synchronize(study))
    for refused in map(refusal_of, readers):
        assert re.search("^$|^No study|The study's command writes it again.", refused)
    log = study.run_folder(study.runs[0]).log
    classify_exit(1, last_message=b"", timeout_seconds=None, oom_kills=0, log=log)
    if refused := refusal_of(lambda: repeat_command(study, console)):
        # Another program may have put it there, so the user decides.
        assert refused.endswith("Remove it, then run this again.")
        for name in ("lock", "workers"):
            remove(study.folder.path / name)
        repeat_command(study, console)
    state = study.state
    assert state.pending == ()
    lies = {
        damage.file.rpartition("/")[0] for damage in given_damages if "result with" in damage.how
    }
    for run, result in state.results.items():
        if run.key not in lies:
            assert result.status is result_of(study, run).status
            assert result.responses.get("test_accuracy") == result_of(study, run).responses.get(
                "test_accuracy"
            )
    synchronize(study)
