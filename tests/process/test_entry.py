"""What a signal does to a command, from its imports to its exit."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from pytest import param

from ablate import __version__
from ablate.process import stop
from tests.conftest import ROOT

STOPPED = "ablate: Stopped. Finished runs are saved.\n"
PROGRAM = """
import os, signal, sys, time, weakref
from ablate.process import stop
from ablate.process.entry import run

def send(number=signal.SIGINT):
    os.kill(os.getpid(), number)
    time.sleep(0)  # the handler has run after this

{definitions}

def load():
    {imports}
    return command

run(load)
"""


def program(*, command: str = "pass", imports: str = "pass", before: str = "") -> list[str]:
    """A Python program whose command and imports are these statements."""
    lines = "\n    ".join(command.splitlines())
    definitions = f"def command():\n    {lines}"
    text = PROGRAM.format(definitions=definitions, imports="\n    ".join(imports.splitlines()))
    return [sys.executable, "-c", before + text]


def finish(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("module", ["ablate", "ablate.new", "ablate.report", "ablate.sync"])
def test_every_command_prints_its_version(module: str) -> None:
    done = finish([sys.executable, "-m", module, "--version"])
    first, second = done.stdout.splitlines()
    assert first == f"ablate {__version__}"
    assert f"Keras {importlib.metadata.version('keras')}" in second
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        param(signal.SIGINT, 130, id="ctrl_c"),
        param(signal.SIGTERM, 143, id="terminate"),
        param(signal.SIGHUP, 143, id="hang_up"),
    ],
)
def test_a_signal_ends_the_command_at_its_next_safe_point(number: int, code: int) -> None:
    done = finish(program(command=f"send({number})\nprint('saved')\nstop.check()\nprint('never')"))

    assert (done.returncode, done.stdout, done.stderr) == (code, "saved\n", STOPPED)


@pytest.mark.parametrize(
    ("command", "imports"),
    [
        param("print('never')", "send()\nimport decimal\nprint('never')", id="imports"),
        param("print('never')", "send()", id="after_the_imports"),
        param("send()", "pass", id="no_safe_point_follows"),
        param("send()\nraise SystemExit(1)", "pass", id="another_exit_code"),
        param("send()\nstop.sleep(60)", "pass", id="before_a_wait"),
        param("send()\nstop.call(lambda: time.sleep(60))", "pass", id="before_a_long_call"),
        param("import atexit\natexit.register(send)", "pass", id="exit_functions"),
        param(
            "class Thing: pass\nthing = Thing()\nwatch = weakref.ref(thing, lambda _: send())\n"
            "del thing\nstop.sleep(60)",
            "pass",
            id="weakref_callback",
        ),
        param(
            "try:\n    send()\nexcept BaseException:\n    raise ValueError('of a library')\n"
            "stop.check()",
            "pass",
            id="library_with_errors_of_its_own",
        ),
    ],
)
def test_no_signal_is_lost_wherever_it_arrives(command: str, imports: str) -> None:
    done = finish(program(command=command, imports=imports))

    assert (done.returncode, done.stdout, done.stderr) == (130, "", STOPPED)


@pytest.mark.parametrize(
    "wait",
    [
        param("stop.sleep(60)", id="sleep"),
        param("stop.call(lambda: time.sleep(60))", id="call"),
        param("stop.wait([os.pipe()[0]])", id="wait_without_end"),
    ],
)
def test_a_signal_ends_a_wait(wait: str) -> None:
    words = program(command=f"print('waiting', flush=True)\n{wait}")
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as waits:
        assert waits.stdout is not None
        assert waits.stderr is not None
        assert waits.stdout.readline() == b"waiting\n"
        waits.terminate()
        assert waits.wait(30) == 143
        assert waits.stderr.read().decode() == STOPPED


def test_a_second_signal_ends_the_process_at_once() -> None:
    done = finish(program(command="send()\nsend(signal.SIGTERM)\nprint('never')"))

    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")


def test_a_process_that_ends_at_once_shows_the_cursor_again() -> None:
    keys, terminal = os.openpty()
    words = program(command="send()\nsend()")
    done = subprocess.run(words, cwd=ROOT, stdout=terminal, stderr=terminal, check=False)
    os.close(terminal)

    assert done.returncode == 130
    assert os.read(keys, 1000) == stop.SHOW_CURSOR
    os.close(keys)


def test_a_second_hang_up_changes_nothing() -> None:
    command = "send(signal.SIGHUP)\nsend(signal.SIGHUP)\nprint('saved')"
    done = finish(program(command=command))

    assert (done.returncode, done.stdout, done.stderr) == (143, "saved\n", STOPPED)


def test_a_command_that_was_started_with_nohup_ignores_a_hang_up() -> None:
    ignore = "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    done = finish(program(command="send(signal.SIGHUP)\nstop.check()", before=ignore))

    assert (done.returncode, done.stderr) == (0, "")


def test_a_stop_is_reported_once_and_the_program_can_save_after_it() -> None:
    command = (
        "try:\n    send()\n    stop.check()\n"
        "except stop.StopError:\n    code = stop.acknowledge()\n"
        "stop.check()\nstop.sleep(0.001)\nprint('saved')\nraise SystemExit(code)"
    )
    done = finish(program(command=command))

    assert (done.returncode, done.stdout, done.stderr) == (130, "saved\n", "")


def test_foreign_code_is_interrupted_until_it_ends() -> None:
    command = (
        "send_later = lambda: (time.sleep(0.1), send())\n"
        "import threading\nthreading.Thread(target=send_later).start()\n"
        "try:\n    with stop.interrupt_foreign_code():\n"
        "        try:\n            time.sleep(60)\n"
        "        except KeyboardInterrupt:\n            print('dropped')\n"
        "        time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('ended')\n"
        "stop.check()"
    )
    done = finish(program(command=command))

    assert (done.returncode, done.stdout, done.stderr) == (130, "dropped\nended\n", STOPPED)


def test_a_forked_process_can_be_terminated() -> None:
    command = (
        "child = os.fork()\n"
        "if child == 0:\n    send(signal.SIGTERM)\n    os._exit(1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) + 100)"
    )
    assert finish(program(command=command)).returncode == 100 - signal.SIGTERM


def test_a_command_does_not_wait_for_the_processes_of_a_pool() -> None:
    command = (
        "import multiprocessing\n"
        "child = multiprocessing.get_context('fork').Process(target=time.sleep, args=(10_000,))\n"
        "child.start()\n"
        "print(child.pid)"
    )
    done = finish(program(command=command))
    assert done.returncode == 0
    assert not psutil.pid_exists(int(done.stdout))


@pytest.mark.parametrize(
    ("end", "code"),
    [
        param("return", 0, id="return"),
        param("raise SystemExit", 0, id="no_code"),
        param("raise SystemExit(1)", 1, id="code"),
        param("raise SystemExit('why')", 1, id="message"),
        param("raise KeyError('x')", 1, id="defect"),
    ],
)
def test_a_command_ends_with_its_own_exit_code(end: str, code: int, tmp_path: Path) -> None:
    leftover = tmp_path / "temporary"
    leftover.touch()
    command = f"import atexit\natexit.register(os.remove, {str(leftover)!r})\n{end}"
    done = finish(program(command=command))

    assert done.returncode == code
    assert not leftover.exists()
    assert "Stopped" not in done.stderr
