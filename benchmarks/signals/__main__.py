"""The rounds: `python -m benchmarks.signals` writes `rounds.csv` next to this file."""

from __future__ import annotations

import argparse
import contextlib
import csv
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ablate.process.entry import run
from benchmarks.outcome import is_recorded, table_of
from benchmarks.signals.life import load

ROOT = Path(__file__).resolve().parents[2]
STUDY_FILE = "replicates: 2\nfactors: {residual: model.residual}\n"
STUDY = ("--multirun", "study=two", "recipe.epochs=10")
RUNS, EPOCHS = 4, 10
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 143}
FORBIDDEN = ("Traceback", "Exception ignored", "KeyboardInterrupt", "core dumped")
COLUMNS = (
    "round", "signal", "to", "start", "sent_after_seconds", "ended_after_seconds", "phase",
    "exit_code", "reported", "clean", "equal", "recorded", "right",
)  # fmt: skip
CALIBRATIONS = 3
PF_EXITING = 4
"""The flag of a process that has called exit, in `/proc/PID/stat`."""
IMPORTED = (
    "ablate.runner.sweep",
    "ablate.tracking.mlflow.recorder",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "mlflow.store.tracking.sqlalchemy_store",
    "sklearn.datasets",
)
"""What a command imports besides its own module."""
HANG_SECONDS = 300.0


@dataclass(frozen=True)
class Life:
    """How long a command lives, from the moment at which it catches signals.

    Attributes:
        imports_seconds: Until its imports are over.
        forked_seconds: From there to its end, in a process that was forked after the imports.
    """

    imports_seconds: float
    forked_seconds: float


class Command:
    """A command that runs in a folder, in a session of its own."""

    def __init__(self, folder: Path, *, forked: bool) -> None:
        self.folder, self.output = folder, folder / "output"
        self.pid = self._fork() if forked else self._start()
        self.code: int | None = None
        wait_until(lambda: self.ended() or catches_signals(self.pid))
        self.born = time.monotonic()

    def _start(self) -> int:
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "benchmarks.signals.life", *STUDY],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            ).pid

    def _fork(self) -> int:
        if pid := os.fork():
            return pid
        try:
            os.setsid()
            os.chdir(self.folder)
            output = os.open("output", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            for descriptor in (1, 2):
                os.dup2(output, descriptor)
            sys.argv = ["ablate", *STUDY]
            run(load)
        except BaseException:
            traceback.print_exc()
        finally:  # what follows belongs to the process that forked this one
            os._exit(1)

    def ended(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def finish(self) -> int:
        """Wait for the end; return the exit code, or that of SIGKILL if it hangs."""
        wait_until(self.ended, seconds=HANG_SECONDS)
        if not self.ended():
            os.kill(self.pid, signal.SIGKILL)
            wait_until(self.ended)
        assert self.code is not None
        return self.code

    def send(self, name: str, *, group: bool) -> bool:
        """Send a signal, to the process or as a terminal does; whether it came before the end."""
        if self.ended():
            return False
        (os.killpg if group else os.kill)(self.pid, getattr(signal, name))
        return not self._exits()

    def _exits(self) -> bool:
        """Whether the program is over and the kernel frees its memory, which takes long."""
        status = Path(f"/proc/{self.pid}/stat").read_text()
        return bool(int(status.rpartition(")")[2].split()[6]) & PF_EXITING)


def wait_until(condition, *, seconds: float = HANG_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)


def catches_signals(pid: int) -> bool:
    """Whether a process has handlers for all three signals: Python itself has one for SIGINT."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                caught = int(line.split()[1], 16)
                return all(caught >> (getattr(signal, name) - 1) & 1 for name in CODES)
    return False


def prepare() -> None:
    """Import in this process all that a command imports, for the commands that are forked."""
    load()
    for name in IMPORTED:
        importlib.import_module(name)


def measured_life(parent: Path) -> Life:
    """How long commands live that nothing disturbs, the median of some."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for number in range(CALIBRATIONS):
        for forked in seconds:
            folder = new_folder(parent / f"life{number}{forked:d}", None)
            command = Command(folder, forked=forked)
            assert not command.ended(), "no signal would come in time: the command catches none"
            assert command.finish() == 0, command.output.read_text()
            seconds[forked].append(time.monotonic() - command.born)
    started, forked = (sorted(each)[CALIBRATIONS // 2] for each in seconds.values())
    return Life(max(started - forked, 0.5), forked)


def new_folder(path: Path, database: Path | None) -> Path:
    """A working directory with the study, and with a database of MLflow if one is given."""
    (path / "experiments" / "study").mkdir(parents=True)
    (path / "experiments" / "study" / "two.yaml").write_text(STUDY_FILE)
    if database is not None:
        shutil.copy(database, path / "mlflow.db")
    return path


@dataclass(frozen=True)
class Share:
    """The rounds of one process.

    Attributes:
        parent: The folder for all of its files.
        generator: Chooses moments.
        life: How long commands live.
        expected: The table of runs of an undisturbed command.
    """

    parent: Path
    generator: random.Random
    life: Life
    expected: pd.DataFrame


def create_database(path: Path) -> None:
    """Create an empty database of MLflow, in a process of its own, as it leaves threads behind."""
    program = "import sys; from pathlib import Path; from ablate.tracking.mlflow import database; "
    program += "database.create_if_missing(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, capture_output=True)


def play(share: Share, name: str, database: Path | None) -> dict[str, object] | None:
    """Send a signal at a random time, then run the same command to its end.

    Returns:
        What happened; None if the command ended before the signal.
    """
    folder, life, generator = share.parent / "round", share.life, share.generator
    shutil.rmtree(folder, ignore_errors=True)
    new_folder(folder, database)
    moment = generator.uniform(0, life.imports_seconds + life.forked_seconds)
    in_imports, group = moment < life.imports_seconds, generator.random() < 0.5
    delay = moment if in_imports else moment - life.imports_seconds
    command = Command(folder, forked=not in_imports)
    wait_until(command.ended, seconds=delay)
    in_time = command.send(name, group=group)
    sent = time.monotonic()
    code = command.finish()
    if not in_time and code == 0:
        return None
    output = command.output.read_text(errors="replace")
    logs = [path.read_text(errors="replace") for path in (folder / "runs").rglob("*log")]
    row = {
        "signal": name,
        "to": "group" if group else "command",
        "start": "imports" if in_imports else "forked",
        "sent_after_seconds": round(sent - command.born, 3),
        "ended_after_seconds": round(time.monotonic() - sent, 3),
        "phase": phase(folder),
        "exit_code": code,
        "reported": output.count("Stopped. Finished runs are saved.") == 1,
        "clean": not any(word in text for text in (output, *logs) for word in FORBIDDEN),
    }
    again = 0
    if (folder / "runs").exists():
        again = Command(folder, forked=True).finish()
        row |= {
            "equal": again == 0 and table_of(folder, "two").equals(share.expected),
            "recorded": is_recorded(folder, runs=RUNS, epochs=EPOCHS),
        }
    else:
        row |= {"equal": "nothing was written", "recorded": "nothing was written"}
    right = code == CODES[name] and row["reported"] and row["clean"] and again == 0
    row["right"] = right and bool(row["equal"]) and bool(row["recorded"])
    if not row["right"]:
        print(row, command.output.read_text(errors="replace"), *logs, sep="\n", flush=True)
    return row


def phase(folder: Path) -> str:
    """How far a command had come, by the files that it has written."""
    study = folder / "runs" / "two"
    if (folder / "reports" / "two" / "index.html").exists():
        return "end"
    results = len(list(study.glob("*/*/result.json")))
    if results:
        return "report" if results == RUNS else "training"
    if (study / "plan.json").exists():
        return "training"
    if (study / "lock").exists():
        return "model checks"
    return "before"


def play_share(share: int, options: argparse.Namespace) -> None:
    """Play the rounds of one share, in one process; append each to a table."""
    prepare()
    os.environ["PYTHONPATH"] = str(ROOT)
    parent = Path(tempfile.mkdtemp())  # TemporaryDirectory would end with each forked command
    create_database(parent / "mlflow.db")
    undisturbed = new_folder(parent / "undisturbed", None)
    first = Command(undisturbed, forked=True)
    assert first.finish() == 0, first.output.read_text()
    rounds = Share(
        parent,
        random.Random(f"{options.seed} {share}"),
        measured_life(parent),
        table_of(undisturbed, "two"),
    )
    print(f"share {share}: {rounds.life}", flush=True)
    late = 0
    with options.output.open("a", newline="") as file:
        for number in range(share, options.rounds, options.shares):
            database = parent / "mlflow.db" if number % 4 else None
            for name in CODES:
                while (row := play(rounds, name, database)) is None:
                    late += 1
                csv.DictWriter(file, COLUMNS, lineterminator="\n").writerow(
                    {"round": number, **row}
                )
                file.flush()
    print(f"share {share}: {late} signals came after the end and were sent again.", flush=True)
    shutil.rmtree(parent)


def main() -> None:
    """Play the rounds; exit with 0 if all of them are right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="signals of each kind")
    parser.add_argument("--shares", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "rounds.csv")
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.share is not None:
        play_share(options.share, options)
        return
    # Commands inherit what is ignored; a shell ignores both where it starts this in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    options.output = options.output.absolute()
    options.output.write_text("")
    words = ["--rounds", options.rounds, "--shares", options.shares, "--seed", options.seed]
    words += ["--output", options.output]
    shares = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.signals", *map(str, words), "--share", str(share)],
            cwd=ROOT,
        )
        for share in range(options.shares)
    ]
    codes = [share.wait() for share in shares]
    rows = sorted(options.output.read_text().splitlines(), key=lambda row: int(row.split(",")[0]))
    options.output.write_text("\n".join([",".join(COLUMNS), *rows, ""]))
    right = pd.read_csv(options.output)["right"]
    print(f"{right.sum()} of {len(right)} rounds are right.")
    raise SystemExit(0 if right.all() and not any(codes) else 1)


if __name__ == "__main__":
    main()
