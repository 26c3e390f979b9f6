"""MLflow locked, full, slow, refusing, hanging or failing: nothing is lost, and nobody waits."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from pytest import param

from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.store.events import Interrupted, Resumed
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan, PlannedCell
from ablate.store.state import StudyState
from ablate.study.design import Run, cells_of
from ablate.study.result import Status
from ablate.study.study import Factor, Level, Study
from ablate.tracking.recording import Recording
from ablate.tracking.watchdog import AbandonedError, Watchdog
from tests.conftest import ACCURACY, ROOT, TINY, Command
from tests.store.written import IMAGES, Written, written

LOCAL = "sqlite:///mlflow.db"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as MLflow makes it, which takes it seconds, with another study in it."""
    folder = tmp_path_factory.mktemp("store")
    with contextlib.chdir(folder):
        replayed(written(name="other").train())
    return folder / "mlflow.db"


@pytest.fixture
def here(new_store: Path, empty: Path) -> Path:
    """A working directory with a database of MLflow."""
    shutil.copy(new_store, empty)
    return empty


def recording_of(study: Written, uri: str = LOCAL) -> Recording:
    return Recording(study.state, uri)


def replayed(study: Written, uri: str = LOCAL) -> None:
    recording = recording_of(study, uri)
    recording.replay(None)
    assert recording.fault == ""


def table(query: str, database: Path = Path("mlflow.db")) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(database)) as store:
        return store.execute(query).fetchall()


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


def content(database: Path = Path("mlflow.db")) -> list[list[tuple]]:
    return [table(query, database) for query in (METRICS, PARAMS, STATUSES)]


def curve(run: Run, key: str = "loss") -> dict[int, float]:
    """A metric of a run of study `mine` by step, each step once."""
    wanted = ("mine", run.cell.slug, str(run.seed), key)
    rows = [row[4:] for row in table(METRICS) if row[:4] == wanted]
    assert len(rows) == len(dict(rows))
    return dict(rows)


def status_of(run: Run) -> str:
    (status,) = {
        status
        for status, cell, seed in table(
            "select status, cell.value, seed.value from runs "
            "join tags as cell on cell.run_uuid = runs.run_uuid and cell.key = 'ablate.cell' "
            "join tags as seed on seed.run_uuid = runs.run_uuid and seed.key = 'ablate.seed' "
            "join tags as study on study.run_uuid = runs.run_uuid and study.key = 'ablate.study' "
            "where lifecycle_stage = 'active' and study.value = 'mine'"
        )
        if (cell, seed) == (run.cell.slug, str(run.seed))
    }
    return status


# Stores that do not answer as they should.


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    # Bound, so that no one else takes the port, and not listening.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextlib.contextmanager
def hanging() -> Iterator[str]:
    # The kernel takes connections that wait to be accepted; nobody ever reads from them.
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextlib.contextmanager
def serving(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                answer(self)

        do_POST = do_GET  # noqa: N815, which is how the standard library calls it

        def log_message(self, *unused: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextlib.contextmanager
def failing() -> Iterator[str]:
    with serving(lambda request: request.send_error(500)) as uri:
        yield uri


@contextlib.contextmanager
def dripping() -> Iterator[str]:
    """Each byte comes before any timeout; the answer never ends."""

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in range(60):
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(1)

    with serving(answer) as uri:
        yield uri


@contextlib.contextmanager
def locked(database: Path = Path("mlflow.db")) -> Iterator[str]:
    store = sqlite3.connect(database)
    store.execute("begin exclusive")
    try:
        yield f"sqlite:///{database}"
    finally:
        store.rollback()
        store.close()


@pytest.mark.parametrize(
    ("store", "reason", "seconds"),
    [
        param(refusing, "ConnectionRefusedError", 3, id="refusing"),
        param(failing, "500", 3, id="failing"),
        param(locked, "database is locked", 9, id="locked"),
        param(hanging, "timed out", 9, id="hanging"),
    ],
)
def test_a_store_that_does_not_answer_is_given_up_on_with_the_command_that_catches_up(
    here: Path, store: Callable, reason: str, seconds: float
) -> None:
    study = written().train()
    with store() as uri:
        recording = recording_of(study, uri)
        began = time.monotonic()
        recording.replay(None)
        assert time.monotonic() - began < seconds
    assert reason in recording.fault
    command = "python -m ablate.sync study=mine" + ("" if uri == LOCAL else f" store.uri={uri}")
    assert recording.fault.endswith(f"`{command}` catches up.")
    assert "\n" not in recording.fault
    replayed(study)
    assert [curve(run) for run in study.runs] == [
        {epoch: 1 / (epoch + run.seed) for epoch in (1, 2, 3)} for run in study.runs
    ]


@pytest.mark.parametrize(
    ("store", "most", "broken_off", "seconds"),
    [
        param(dripping, None, False, 12, id="as_long_as_a_call_may_take"),
        param(hanging, 1.0, False, 2, id="as_long_as_there_is_time"),
        param(hanging, None, True, 4, id="not_long_after_an_interruption"),
    ],
)
def test_the_end_of_training_waits_for_a_server_no_longer_than_it_must(
    here: Path, store: Callable, most: float | None, broken_off: bool, seconds: float
) -> None:
    study = written().train()
    with store() as uri:
        recorder = recording_of(study, uri).following()
        recorder.most_seconds = most
        with contextlib.suppress(KeyboardInterrupt), recorder:
            time.sleep(1)
            began = time.monotonic()
            if broken_off:
                raise KeyboardInterrupt
        assert time.monotonic() - began < seconds
    assert recorder.fault is not None


def test_a_store_that_comes_back_while_training_goes_on_gets_all_of_it(empty: Path) -> None:
    study = written().train()
    (empty / "store").write_text("in the way of the folder")
    recorder = recording_of(study, "sqlite:///store/mlflow.db").following()
    with recorder:
        end = time.monotonic() + 30
        while recorder.fault is None and time.monotonic() < end:
            time.sleep(0.1)
        assert isinstance(recorder.fault, OSError)
        (empty / "store").unlink()
    assert recorder.fault is None
    assert len(table(METRICS, empty / "store" / "mlflow.db")) == 4 * (3 * 5 + 7)


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """A disk that is smaller than MLflow's empty database."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no command mount")
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_delays_what_is_recorded_and_breaks_nothing(empty: Path) -> None:
    study = written().train()
    uri = "sqlite:///disk/mlflow.db"
    with small_disk(empty / "disk"):
        for full in ("before MLflow has a database", "with a database"):
            recording = recording_of(study, uri)
            recording.replay(None)
            assert "full" in recording.fault, full
            size = "size=8m" if full.startswith("before") else "size=16m"
            subprocess.run(["mount", "-o", f"remount,{size}", str(empty / "disk")], check=True)
            if full.startswith("before"):
                replayed(written(name="other").train(), uri)
                free = os.statvfs(empty / "disk")
                filling = empty / "disk" / "filling"
                filling.write_bytes(bytes(free.f_bavail * free.f_frsize))
        replayed(study, uri)
        assert len(table(METRICS, empty / "disk" / "mlflow.db")) == 2 * 4 * (3 * 5 + 7)


def test_a_folder_may_be_called_anything(
    new_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a b%41 d?e#é"
    folder.mkdir()
    monkeypatch.chdir(folder)
    shutil.copy(new_store, folder)
    replayed(written().train())
    assert sorted(os.listdir()) == [".mlflow.db.lock", "mlartifacts", "mlflow.db", "runs"]


# Writing the same twice.


class Counting(Watchdog):
    """Counts calls, and lets MLflow be gone after some of them."""

    def __init__(self, calls: int = sys.maxsize) -> None:
        super().__init__()
        self.left, self.made = calls, 0

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        if self.left == 0:
            raise AbandonedError
        self.left -= 1
        self.made += 1
        with super().call():
            yield


def replayed_for(calls: int, study: Written) -> int:
    """Replays a study until MLflow is gone; the number of calls made until then."""
    recording = recording_of(study)
    recording._pulse = Counting(calls)
    recording.replay(None)
    assert bool(recording.fault) == (recording._pulse.left == 0)
    return recording._pulse.made


def test_a_recording_broken_off_after_any_call_is_completed_by_the_next(
    new_store: Path, here: Path
) -> None:
    calls = replayed_for(sys.maxsize, written(replicates=1).train())
    expected = content()
    for broken in range(1, calls):
        shutil.copy(new_store, "mlflow.db")
        study = written(replicates=1)
        replayed_for(broken, study)
        replayed(study)
        assert content() == expected, f"after call {broken} of {calls}"


def test_a_second_replay_changes_nothing_and_asks_nothing_of_each_run(here: Path) -> None:
    small, large = (
        written("residual", name=f"of {replicates}", replicates=replicates).train()
        for replicates in (2, 20)
    )
    for study in (small, large):
        replayed(study)
    rows = table("select * from metrics order by 1, 2, 3, 4, 5, 6")
    before = content()
    assert replayed_for(sys.maxsize, small) == replayed_for(sys.maxsize, large)
    assert table("select * from metrics order by 1, 2, 3, 4, 5, 6") == rows
    assert content() == before


def test_an_epoch_that_was_trained_twice_is_one_point(here: Path) -> None:
    study = written()
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1, 2)
    study.append(run, Interrupted(Status.CRASHED, "signal 9"), Resumed(1, "signal 9"))
    study.epochs(run, 2, 3, seconds=0.5)
    study.end(run)
    replayed(study)
    assert curve(run) == {1: 1.0, 2: 0.5, 3: 1 / 3}
    assert curve(run, "seconds") == {1: 0.1, 2: 0.1, 3: 0.5}


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        param(Status.PREEMPTED, "KILLED", id="preempted"),
        param(Status.FAILED, "FAILED", id="failed"),
        param(Status.CRASHED, "FAILED", id="crashed"),
        param(None, "KILLED", id="killed_with_its_study"),
    ],
)
def test_a_run_that_was_broken_off_goes_on_in_the_same_run_of_mlflow(
    here: Path, status: Status | None, shown: str
) -> None:
    study = written()
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1)
    if status is not None:
        study.end(run, status)
    replayed(study)
    assert status_of(run) == shown
    recording = recording_of(study)
    with recording.following():
        time.sleep(1)
        (study.folder.run(run.cell.slug, run.seed).path / "result.json").unlink(missing_ok=True)
        study.append(run, Resumed(1, "it"))
        study.epochs(run, 2)
        end = time.monotonic() + 20
        while status_of(run) != "RUNNING" and time.monotonic() < end:
            time.sleep(0.1)
        assert status_of(run) == "RUNNING"
        study.epochs(run, 3)
        study.end(run)
    recording.finish(None)
    assert recording.fault == ""
    assert status_of(run) == "FINISHED"
    assert curve(run) == {1: 1.0, 2: 0.5, 3: 1 / 3}


def test_a_run_that_is_broken_off_twice_in_the_same_way_loses_no_epoch(here: Path) -> None:
    study = written()
    run = study.runs[0]
    study.start(run)
    for epoch in (1, 2):
        study.epochs(run, epoch)
        study.end(run, Status.PREEMPTED)
        replayed(study)
        assert curve(run) == {step: 1 / step for step in range(1, epoch + 1)}


def test_a_run_that_is_trained_anew_takes_the_place_of_the_old_one(here: Path) -> None:
    study = written().train()
    replayed(study)
    run = study.runs[0]
    study.folder.run(run.cell.slug, run.seed).journal.unlink()
    study.start(run, "second")
    study.epochs(run, 1)
    study.end(run)
    replayed(study)
    assert curve(run) == {1: 1.0}
    assert {status for _, status in table(STATUSES)} == {"FINISHED"}


def test_folders_that_share_a_store_leave_each_others_runs_alone(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"sqlite:///{here}/mlflow.db"
    for folder in ("mine", "theirs"):
        (here / folder).mkdir()
        monkeypatch.chdir(here / folder)
        replayed(written().train(), uri)
    statuses = table(STATUSES, here / "mlflow.db")
    monkeypatch.chdir(here / "mine")
    replayed(written().train(), uri)
    assert table(STATUSES, here / "mlflow.db") == statuses
    assert len(statuses) == 3 * 5  # with the study that was there before


def test_a_run_whose_cell_has_a_new_name_is_there_once(here: Path) -> None:
    study = written("residual").train()
    replayed(study)
    old, wider = study.runs[0], written("residual", "norm")
    new = wider.runs[0]
    kept = {f"{new.cell.slug}/{new.seed}": study.identity(old)}
    replayed(Written(wider.folder, dataclasses.replace(wider.plan, kept=kept)).train(new))
    assert curve(old) == {}
    assert curve(new) == {1: 1.0, 2: 0.5, 3: 1 / 3}


def test_a_run_that_the_plan_no_longer_has_does_not_stay_running(here: Path) -> None:
    study = written(replicates=2)
    run = study.runs[1]
    study.start(run)
    study.epochs(run, 1)
    with recording_of(study).following():
        time.sleep(0.1)
    assert status_of(run) == "RUNNING"
    replayed(written(replicates=1).train())
    assert status_of(run) == "KILLED"


def test_numbers_that_are_not_finite_are_left_out(here: Path) -> None:
    study = written()
    run = study.runs[0]
    study.start(run)
    study.epochs(run, 1)
    study.epochs(run, 2, loss=float("nan"), val_loss=float("inf"))
    study.end(run, Status.DIVERGED)
    replayed(study)
    assert curve(run) == {1: 1.0}
    assert list(curve(run, "val_loss")) == [1]
    assert list(curve(run, "accuracy")) == [1, 2]
    assert status_of(run) == "FAILED"


ODD = ("../../x", "/etc/passwd", "..", ".", "a//b", "<script>", "=cmd()", "\N{BANANA}", "a\nb",
       "x" * 300, "x" * 299 + "y", "model.conv", "a b", "a_b", "a?b", "a*b", "\udcff")  # fmt: skip


def test_whatever_a_factor_is_called_mlflow_has_its_levels(here: Path) -> None:
    long = "absent \N{BANANA}" * 1000
    study = Study(
        "odd",
        tuple(Factor(name, (Level("present"), Level(long))) for name in ODD),
        "leave_one_out",
        replicates=1,
        responses=(ACCURACY,),
    )
    cells = tuple(
        PlannedCell(cell, Variant({"_target_": "a.b", "conv": "plain"}, {}, Recipe()), "p", (0,))
        for cell in cells_of(study)
    )
    plan = Plan(study, cells, {"p": IMAGES}, "code", "tensorflow", {})
    replayed(Written(StudyFolder(Path("runs/odd")), plan).train())
    params = table(
        "select run_uuid, params.key, substr(params.value, 1, 7) from params "
        "join tags using (run_uuid) where tags.key = 'ablate.study' and tags.value = 'odd'"
    )
    absent = [(run, key) for run, key, value in params if value == "absent "]
    assert len(absent) == len({run for run, _ in absent}) == len({key for _, key in absent})
    assert len(absent) == len(ODD)
    assert {value for _, key, value in params if key == "model.conv"} == {"present", "absent "}


# The commands, with all that is around them.

SMALL = (*TINY, "study.design=leave_one_out")


def metrics_equal_the_table(folder: Path, database: Path) -> None:
    """Every complete run of runs.csv has its numbers in MLflow, and each point once."""
    runs = pd.read_csv(folder / "reports" / "xyz" / "runs.csv")
    assert set(runs["status"]) == {"complete"}
    held = pd.DataFrame(
        table(METRICS, database), columns=["study", "cell", "seed", "key", "step", "value"]
    )
    assert not held.duplicated(["cell", "seed", "key", "step"]).any()
    for _, run in runs.iterrows():
        own = held[(held["cell"] == run["cell"]) & (held["seed"] == str(run["seed"]))]
        final = own[own["step"] == 0].set_index("key")["value"]
        for column in ("test_accuracy", "test_loss", "parameters", "macs", "train_seconds"):
            assert final[column] == run[column]
        journal = folder / "runs" / "xyz" / run["cell"] / str(run["seed"]) / "journal.jsonl"
        for line in journal.read_text().splitlines():
            event = json.loads(line)
            if event["event"] == "epoch":
                points = own[own["step"] == event["epoch"]].set_index("key")["value"]
                assert points["val_loss"] == event["val_loss"]


def synced(ablate: Command, folder: Path, *arguments: str) -> str:
    done = ablate(folder, "study=xyz", *arguments, module="ablate.sync")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_a_study_ends_as_ever_while_its_store_is_locked_and_is_caught_up_later(
    ablate: Command, tmp_path: Path
) -> None:
    database = tmp_path / "mlflow.db"
    with locked(database):
        began = time.monotonic()
        done = ablate(tmp_path, "--multirun", *SMALL)
        assert time.monotonic() - began < 60
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    said = " ".join(done.stdout.split())
    assert "database is locked" in said
    assert "`python -m ablate.sync study=xyz` catches up." in said
    assert synced(ablate, tmp_path) == f"8 runs of study xyz are in {LOCAL}.\n"
    metrics_equal_the_table(tmp_path, database)
    assert {status for _, status in table(STATUSES, database)} == {"FINISHED"}
    before = content(database)
    synced(ablate, tmp_path)
    assert content(database) == before
    (report,) = (tmp_path / "mlartifacts").rglob("report/index.html")
    assert report.read_bytes() == (tmp_path / "reports" / "xyz" / "index.html").read_bytes()


def test_a_server_that_hangs_delays_the_end_of_a_run_by_seconds_and_the_next_catches_it_up(
    ablate: Command, tmp_path: Path
) -> None:
    with hanging() as uri:
        began = time.monotonic()
        done = ablate(tmp_path, *TINY[:3], f"store.uri={uri}")
        assert time.monotonic() - began < 60
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert f"`python -m ablate.sync study=single store.uri={uri}` catches up." in done.stdout
    assert "test accuracy" in done.stdout
    assert ablate(tmp_path, *TINY[:3], "model.residual=false", "seed=3").returncode == 0
    ended = [("0", "FINISHED"), ("3", "FINISHED"), ("study", "FINISHED")]
    assert table(STATUSES, tmp_path / "mlflow.db") == ended


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """MLflow's own server on this machine alone, ended with the block."""
    with refusing() as uri:
        port = uri.rpartition(":")[2]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port,
               "--backend-store-uri", f"sqlite:///{folder}/server.db", "--workers", "1",
               "--artifacts-destination", str(folder / "artifacts")]  # fmt: skip
    with (folder / "log").open("w") as log:
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
        server = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        end = time.monotonic() + 60
        while True:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", int(port)), 1),
            ):
                break
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.2)
        yield uri
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def test_a_server_elsewhere_holds_what_a_store_here_holds(
    ablate: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, folder = tmp_path / "server", tmp_path / "mine"
    server.mkdir()
    folder.mkdir()
    with mlflow_server(server) as uri:
        done = ablate(folder, "--multirun", f"store.uri={uri}", *SMALL)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        assert "catches up" not in done.stdout
        held = content(server / "server.db")
        monkeypatch.chdir(folder)
        study = StudyFolder(Path("runs/xyz"))
        again = Recording(StudyState.read(study, study.read_plan()), uri)
        assert again.replay(Path("reports/xyz")) == 8
        assert content(server / "server.db") == held
    metrics_equal_the_table(folder, server / "server.db")
    assert not Path("mlflow.db").exists()
    assert len(list((server / "artifacts").rglob("variant.json"))) == 8
    assert list((server / "artifacts").rglob("report/index.html"))
    assert dataclasses.replace(again, uri=LOCAL).replay(None) == 8
    assert content() == held


def test_a_study_whose_process_is_killed_leaves_nothing_twice_and_nothing_running(
    ablate: Command, tmp_path: Path
) -> None:
    database = tmp_path / "mlflow.db"
    longer = [argument.replace("epochs=1", "epochs=3") for argument in SMALL]
    study = subprocess.Popen(
        [sys.executable, "-m", "ablate", "--multirun", *longer],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 120
    while not (database.exists() and len(table("select 1 from metrics", database)) > 40):
        assert study.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    study.kill()
    study.wait()
    assert "RUNNING" in {status for _, status in table(STATUSES, database)}
    synced(ablate, tmp_path)
    assert "RUNNING" not in {status for _, status in table(STATUSES, database)}
    done = ablate(tmp_path, "--multirun", *longer)
    assert done.returncode == 0, done.stdout + done.stderr
    metrics_equal_the_table(tmp_path, database)
    assert table(STATUSES, database) == sorted(
        [("study", "FINISHED"), *[(str(seed), "FINISHED") for seed in (0, 1) for _ in range(4)]]
    )


def test_four_studies_that_begin_at_once_share_a_new_store(empty: Path) -> None:
    names = ("first", "second", "third", "fourth")
    for name in names:
        written(name=name).train()
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "ablate.sync", f"study={name}"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in names
    ]
    said = sorted(process.communicate(timeout=120)[0] for process in processes)
    assert said == sorted(f"4 runs of study {name} are in {LOCAL}.\n" for name in names)
    assert len(table(METRICS)) == 4 * 4 * (3 * 5 + 7)
    assert sorted(os.listdir()) == [".mlflow.db.lock", "mlartifacts", "mlflow.db", "runs"]
