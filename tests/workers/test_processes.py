"""The server that workers are forked from prints nothing to the terminal, whichever it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest import param

from ablate.process import stop
from ablate.workers.processes import spawn
from tests.conftest import ROOT

SLOW_IMPORT = """
import os, sys, time
print("a library prints during its import", flush=True)
print("and warns", file=sys.stderr, flush=True)
open("importing", "w").close()
while not os.path.exists("go"):
    time.sleep(0.01)
"""
PROGRAM = """
import os, sys
from pathlib import Path

import psutil

from ablate.process import stop
from ablate.process.entry import run
from ablate.workers import processes

def wait_for_import():
    while not os.path.exists("importing"):
        stop.sleep(0.01)

def command():
    processes.PRELOADED = ("ablate.workers.server", "slow_import")
    processes.warm_up(Path("server.log"))
    wait_for_import()
    if sys.argv[1] == "1":
        os.remove("importing")
        children = psutil.Process().children()
        (server,) = [item for item in children if "forkserver" in str(item.cmdline())]
        server.kill()
        while server.status() != psutil.STATUS_ZOMBIE:
            stop.sleep(0.01)
        print("killed", flush=True)
    processes.spawn(print, "never")

run(lambda: command)
"""


def wait_for(path: Path) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path} does not exist"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("killed", "number", "code"),
    [
        param(0, signal.SIGINT, 130, id="ctrl_c_and_the_first_server"),
        param(1, signal.SIGINT, 130, id="ctrl_c_and_its_successor"),
        param(1, signal.SIGTERM, 143, id="terminate_and_its_successor"),
        param(1, signal.SIGHUP, 143, id="hang_up_and_its_successor"),
    ],
)
def test_a_server_that_imports_is_silent_when_all_processes_get_a_signal(
    killed: int, number: int, code: int, tmp_path: Path
) -> None:
    (tmp_path / "slow_import.py").write_text(SLOW_IMPORT)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(killed)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        if killed:
            assert process.stdout is not None
            assert process.stdout.readline() == "killed\n"
        wait_for(tmp_path / "importing")
        os.killpg(process.pid, number)
        process.wait(60)
        (tmp_path / "go").touch()
        output, errors = process.communicate(timeout=60)

    assert process.returncode == code, errors
    assert output == ""
    assert errors == "ablate: Stopped. Finished runs are saved.\n"
    log = (tmp_path / "server.log").read_text()
    assert log == "a library prints during its import\nand warns\n" * (killed + 1)


def test_no_worker_is_started_after_a_signal(pending_signal: None) -> None:
    with pytest.raises(stop.StopError):
        spawn(print, "never")
