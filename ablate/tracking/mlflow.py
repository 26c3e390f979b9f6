"""MLflow's copy of a study: one parent run, and a child run for each cell and seed.

The journals are the truth; this is a projection of them that can be made again at any time: what
MLflow holds already is not written twice. Only the parent process writes it, since MLflow's SQLite
store does not survive several writers at its start.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import logging
import math
import os
import posixpath
import re
import sys
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# Read by MLflow, some when it is imported: no telemetry, not a word on the terminal, and a dead
# server is given up on soon; whoever records tries again, from the start.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

from mlflow.entities import Metric, Param, RunTag
from mlflow.entities import Run as StoredRun
from mlflow.tracking import MlflowClient

from ablate.store.disk import write_atomically
from ablate.store.events import EpochEnded, Event, Started
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan, PlannedCell, digest
from ablate.study.design import Run
from ablate.study.result import Result, Status
from ablate.tracking.watchdog import Watchdog

# MLflow takes 100 params or tags, 1000 metrics and a megabyte at once, and keys of 250 characters.
PARAMS, METRICS = 40, 900
LONGEST_KEY, LONGEST_VALUE = 200, 2000
SQLITE = "sqlite:///"
INITIALISE_SECONDS = 20.0
LOUD = ("mlflow", "alembic", "sqlalchemy", "sqlalchemy.engine", "urllib3", "git")
RUN_STATUS = {Status.COMPLETE: "FINISHED", Status.PREEMPTED: "KILLED"}
MARK = "ablate.recorded"  # tag: what the folder held when all of it was written and the run closed

EPOCH_COLUMNS = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")

Points = set[tuple[str, int]]


def absolute_uri(uri: str) -> str:
    """The tracking URI with the path of an SQLite file made absolute."""
    if not uri.startswith(SQLITE):
        return uri
    path = str(Path(uri[len(SQLITE) :]).resolve())
    # SQLAlchemy would read these as marks of a URL; in a relative path the folder is not named.
    return uri if re.search("[%?]", path) else f"{SQLITE}{path}"


@dataclass
class _Followed:
    """What the folder of a run holds.

    Attributes:
        attempt: Name of the attempt.
        epochs: The finite numbers of each epoch.
        result: How it ended; None while it has not, or goes on.
    """

    attempt: str
    epochs: dict[int, dict[str, float]] = field(default_factory=dict)
    result: Result | None = None

    def mark(self) -> str:
        """Changes whenever there is more to record of an ended run."""
        assert self.result is not None
        return digest([self.result.as_json(), sorted(self.epochs)])

    def metrics(self, start: int) -> list[Metric]:
        """All points, epochs in order.

        The time of a point depends on nothing but the journal, so that MLflow itself recognises
        one that comes a second time, such as after a write that was answered too late.

        Args:
            start: When the run began in MLflow, in milliseconds.
        """
        points, seconds = [], 0.0
        for epoch, numbers in sorted(self.epochs.items()):
            seconds += numbers.get("seconds", 0.0)
            now = start + int(1000 * seconds)
            points += [Metric(_key(key), value, now, epoch) for key, value in numbers.items()]
        if self.result is not None and self.result.status.settled:
            now = start + int(1000 * seconds)
            points += [Metric(_key(key), value, now, 0) for key, value in _final(self.result)]
        return points


@dataclass
class _Child:
    """What MLflow holds of a run.

    Attributes:
        run_id: MLflow's name of it.
        status: Such as ``RUNNING``.
        start: When it began, in milliseconds.
        mark: What the folder held when it was closed.
        keys: Names of the metrics it has.
        params: Names of the params it has.
        points: Name and step of every metric it has; None where that was not asked yet.
    """

    run_id: str
    status: str
    start: int
    mark: str = ""
    keys: frozenset[str] = frozenset()
    params: frozenset[str] = frozenset()
    points: Points | None = None

    @staticmethod
    def of(stored: StoredRun) -> _Child:
        """A run as MLflow returned it."""
        return _Child(
            run_id=str(stored.info.run_id),
            status=str(stored.info.status),
            start=int(stored.info.start_time),
            mark=stored.data.tags.get(MARK, ""),
            keys=frozenset(stored.data.metrics),
            params=frozenset(stored.data.params),
        )


class _Client:
    """MLflow's client, with a pulse."""

    def __init__(self, uri: str, watchdog: Watchdog) -> None:
        self._pulse = watchdog
        _silence()
        if uri.startswith(SQLITE):
            # A connection kept open would hold the space of a file that is given up.
            os.environ.setdefault("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
            with _initialising(Path(uri[len(SQLITE) :])) as database, watchdog.call():
                _create(database)
                self._client = MlflowClient(uri)
        else:
            with watchdog.call():
                self._client = MlflowClient(uri)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            with self._pulse.call():
                return method(*arguments, **keywords)

        return call


class Recorder:
    """Follows the runs of a study and writes them to MLflow."""

    def __init__(
        self, uri: str, plan: Plan, *, folder: StudyFolder, watchdog: Watchdog | None = None
    ) -> None:
        """Open the store, and the study in it.

        Args:
            uri: MLflow's tracking URI.
            plan: The frozen plan.
            folder: Its folder.
            watchdog: Where whoever waits for this recorder feels whether it gets on.
        """
        uri = absolute_uri(uri)
        self._client = _Client(uri, watchdog or Watchdog())
        self._plan, self._folder = plan, folder
        self._cells = {planned.cell: planned for planned in plan.cells}
        self._origin = _origin(folder.path / "mlflow_origin")
        self._experiment = self._experiment_id(local=uri.startswith(SQLITE))
        self._known = self._stored_children()
        self._parent = self._open_parent()
        self._followed: dict[Run, _Followed] = {}
        self._children: dict[Run, _Child] = {}
        self._changed: dict[Run, None] = {}

    @property
    def recorded(self) -> int:
        """Number of runs that it has written, or found to be there."""
        return len(self._children)

    def event(self, run: Run, event: Event) -> None:
        """A journal line; the first word on an epoch counts."""
        followed = self._followed.get(run)
        if isinstance(event, Started):
            if event.fingerprint != self._fingerprint(run):
                self._followed.pop(run, None)  # of a run that was not what the plan asks for
            elif followed is None or followed.attempt != event.attempt:
                self._followed[run] = _Followed(event.attempt)
            self._children.pop(run, None)
        elif followed is not None and isinstance(event, EpochEnded):
            numbers = _finite({**event.numbers, "seconds": event.seconds})
            followed.epochs.setdefault(event.epoch, numbers)
        if run in self._followed:
            self._followed[run].result = None
            self._changed[run] = None

    def ended(self, run: Run, result: Result) -> None:
        """A committed result."""
        self._followed.setdefault(run, _Followed("none")).result = result
        self._changed[run] = None

    def tick(self) -> None:
        """Write what MLflow has not yet."""
        for run in list(self._changed):
            self._write(run, self._followed[run])
            del self._changed[run]

    def close(self, report: Path | None) -> None:
        """End all that has ended, attach the report, and end the parent run.

        Args:
            report: Its folder; None for none.
        """
        self.tick()
        # Nothing trains any more: whatever still says so was broken off.
        for child in self._known.values():
            if child.status == "RUNNING":
                self._end(child, "KILLED")
        if report is not None:
            # One by one, so that a slow server is seen to get on.
            for file in sorted(path for path in report.rglob("*") if path.is_file()):
                place = Path("report", file.relative_to(report).parent)
                self._client.log_artifact(self._parent, str(file), place.as_posix())
        self._client.set_terminated(self._parent, "FINISHED")

    def _write(self, run: Run, followed: _Followed) -> None:
        if run not in self._children:
            self._children[run] = self._find(run, followed.attempt)
        child, result = self._children[run], followed.result
        place = self._folder.run(run.cell.slug, run.seed)
        if place.mlflow_run_id() != child.run_id:
            place.save_mlflow_run_id(child.run_id)
        if result is None:
            self._fill(child, followed, run=run)
            return
        status, mark = RUN_STATUS.get(result.status, "FAILED"), followed.mark()
        if (child.status, child.mark) == (status, mark):
            return
        self._fill(child, followed, run=run)
        tags = {f"ablate.{key}": value for key, value in result.provenance.items()}
        tags |= {"ablate.status": str(result.status), "ablate.error": result.error, MARK: mark}
        self._client.log_batch(child.run_id, tags=_tags(tags))
        child.mark = mark
        self._end(child, status)

    def _fill(self, child: _Child, followed: _Followed, *, run: Run) -> None:
        """Write the params and points that are missing, and open a run that has got new ones."""
        self._describe(child, run)
        if child.points is None:
            child.points = self._points(child, followed)
        missing = [
            metric
            for metric in followed.metrics(child.start)
            if (metric.key, metric.step) not in child.points
        ]
        if missing and followed.result is None and child.status != "RUNNING":
            self._client.update_run(child.run_id, status="RUNNING")
            child.status = "RUNNING"
        for start in range(0, len(missing), METRICS):
            batch = missing[start : start + METRICS]
            self._client.log_batch(child.run_id, batch)
            child.points.update((metric.key, metric.step) for metric in batch)

    def _points(self, child: _Child, followed: _Followed) -> Points:
        curves = {_key(key) for numbers in followed.epochs.values() for key in numbers}
        curves.update(EPOCH_COLUMNS)
        points = {(key, 0) for key in child.keys - curves}
        for key in sorted(child.keys & curves):
            history = self._client.get_metric_history(child.run_id, key)
            points |= {(key, metric.step) for metric in history}
        return points

    def _describe(self, child: _Child, run: Run) -> None:
        planned = self._cells[run.cell]
        params = _params(planned, run)
        missing = [Param(key, value) for key, value in params.items() if key not in child.params]
        if missing:
            self._client.log_dict(child.run_id, asdict(planned.variant), "variant.json")
        for start in range(0, len(missing), PARAMS):
            self._client.log_batch(child.run_id, params=missing[start : start + PARAMS])
        child.params = frozenset(params)

    def _end(self, child: _Child, status: str) -> None:
        self._client.set_terminated(child.run_id, status)
        child.status = status

    def _find(self, run: Run, attempt: str) -> _Child:
        """The child run of an attempt, made if there is none."""
        wanted = (run.cell.slug, str(run.seed), self._fingerprint(run), attempt)
        for other in list(self._known):
            anew = other[:2] == wanted[:2]  # what MLflow holds of the run is out of date
            moved = other[2:] == wanted[2:]  # it was trained under another name of its cell
            if anew != moved:
                self._client.delete_run(self._known.pop(other).run_id)  # which stays restorable
        if wanted not in self._known:
            self._known[wanted] = self._create(run, attempt)
        return self._known[wanted]

    def _create(self, run: Run, attempt: str) -> _Child:
        tags = {
            "mlflow.parentRunId": self._parent,
            "mlflow.source.name": "ablate",
            "ablate.study": self._plan.study.name,
            "ablate.study.design": self._plan.study.design,
            "ablate.cell": run.cell.slug,
            "ablate.seed": str(run.seed),
            "ablate.reference": str(dict(run.cell.levels) == self._plan.study.reference).lower(),
            "ablate.fingerprint": self._fingerprint(run),
            "ablate.attempt": attempt,
            "ablate.origin": self._origin,
        }
        name = _text(f"{run.cell.name}, seed {run.seed}", longest=LONGEST_KEY)
        child = _Child.of(self._client.create_run(self._experiment, run_name=name, tags=tags))
        child.points = set()
        return child

    def _fingerprint(self, run: Run) -> str:
        return self._plan.fingerprint(self._cells[run.cell], run.seed)

    def _experiment_id(self, *, local: bool) -> str:
        name = self._plan.study.name
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                self._client.restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        # A server keeps artifacts where it pleases; a local file keeps them beside it.
        location = (Path.cwd() / "mlartifacts" / name).as_uri() if local else None
        return str(self._client.create_experiment(name, artifact_location=location))

    def _search(self, condition: str) -> list[StoredRun]:
        """The runs of this folder's study on which a condition holds, oldest first."""
        found: list[StoredRun] = []
        token = None
        while True:
            page = self._client.search_runs(
                [self._experiment],
                f"{condition} and tags.`ablate.origin` = '{self._origin}'",
                max_results=1000,
                order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
                page_token=token,
            )
            found.extend(page)
            token = page.token
            if not token:
                return found

    def _stored_children(self) -> dict[tuple[str, ...], _Child]:
        """What MLflow holds of runs, by cell, seed, fingerprint and attempt."""
        children: dict[tuple[str, ...], _Child] = {}
        for stored in self._search("tags.`ablate.seed` != ''"):
            tags = stored.data.tags
            identity = tuple(
                tags.get(f"ablate.{key}", "") for key in ("cell", "seed", "fingerprint", "attempt")
            )
            if identity in children:
                # Made by a call that was answered too late, and made again.
                self._client.delete_run(stored.info.run_id)
            else:
                children[identity] = _Child.of(stored)
        return children

    def _open_parent(self) -> str:
        """The study's parent run, made anew or opened again."""
        study = self._plan.study
        found = self._search("tags.`ablate.kind` = 'study'")
        for stored in found[1:]:
            self._client.delete_run(stored.info.run_id)
        about = {
            "ablate.kind": "study",
            "ablate.study": study.name,
            "ablate.origin": self._origin,
            "mlflow.source.name": "ablate",
            "mlflow.note.content": study.question,
            "ablate.study.design": study.design,
            "ablate.factors": ", ".join(factor.name for factor in study.factors),
            "ablate.replicates": str(study.replicates),
            "ablate.margin": repr(study.margin),
        }
        if found:
            parent = str(found[0].info.run_id)
            self._client.log_batch(parent, tags=_tags(about))
            self._client.update_run(parent, status="RUNNING")
            return parent
        made = self._client.create_run(
            self._experiment,
            run_name=f"study {study.name}",
            tags={tag.key: tag.value for tag in _tags(about)},
        )
        return str(made.info.run_id)


def _origin(path: Path) -> str:
    """A name for a folder: others that hold a study called the same may share its store.

    Without it each would take the runs of the other for old ones of its own, and delete them.
    """
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(encoding="utf-8")
    write_atomically(path, uuid.uuid4().hex)
    return path.read_text(encoding="utf-8")


def _silence() -> None:
    """What MLflow and its libraries have to say is said by the exception that reaches us."""
    for name in LOUD:
        logging.getLogger(name).setLevel(sys.maxsize)
    warnings.filterwarnings("ignore", module=rf"({'|'.join(LOUD)})\b")


@contextlib.contextmanager
def _initialising(database: Path) -> Iterator[Path]:
    """Hold what only one process at a time may do: to open a database that may be new."""
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f".{database.name}.lock").open("a") as file:
        end = time.monotonic() + INITIALISE_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError("another process is opening the database") from None
                time.sleep(0.05)
            except OSError:
                break  # a file system without such locks
        yield database


def _create(database: Path) -> None:
    """Make a database that is not there, so that it appears whole or not at all.

    MLflow makes one step by step, and cannot go on where it was killed or the disk was full.
    """
    if database.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # a server needs none

    new = database.with_name(f".{database.name}.new")
    leftovers = (new, Path(f"{new}-journal"))
    try:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        make: Any = SqlAlchemyStore
        make(f"{SQLITE}{new}", str(Path.cwd() / "mlartifacts"))
        new.rename(database)
    finally:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)


def _params(planned: PlannedCell, run: Run) -> dict[str, str]:
    """What a run is, by names that MLflow takes; a level comes before a setting of its name."""
    settings = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in planned.variant.settings().items()
    }
    params = {**settings, "seed": str(run.seed), **dict(planned.cell.levels)}
    return {_key(key): _text(value) for key, value in params.items()}


def _final(result: Result) -> Iterator[tuple[str, float]]:
    """Final responses and costs; of what has a curve, the last epoch has said the final value."""
    costs = {} if result.cost is None else asdict(result.cost)
    for key, value in _finite({**result.responses, **costs}).items():
        if key not in EPOCH_COLUMNS:
            yield key, value


def _finite(numbers: Mapping[str, object]) -> dict[str, float]:
    """The numbers that MLflow can keep: it would make others of those that are not finite."""
    return {
        key: float(value)
        for key, value in numbers.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def _key(name: str) -> str:
    """A name as MLflow takes it; one that has to be changed is not mistaken for another."""
    safe = re.sub(r"[^\w/.: -]", "_", name)[:LONGEST_KEY]
    normal = posixpath.normpath(safe)
    if safe == name and normal == safe and not normal.startswith(("..", "/")) and normal != ".":
        return name
    short = hashlib.blake2s(name.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return re.sub(r"[^\w: -]", "_", safe) + f"-{short}"


def _text(value: str, *, longest: int = LONGEST_VALUE) -> str:
    text = value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _tags(content: Mapping[str, str]) -> list[RunTag]:
    return [RunTag(_key(key), _text(value)) for key, value in content.items()]
