"""The command that `ablate.run` starts ends with the script, however that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT
from tests.faults.interruption import all_ended, count_epochs, wait_for
from tests.faults.stand_in import HELD_EPOCHS

SCRIPT = """
import signal, sys
import ablate

sys.executable = "./command"
if sys.argv[1] == "handler":
    signal.signal(signal.SIGTERM, lambda *unused: sys.exit(3))
ablate.run("interrupted", overrides=["recipe.epochs=9", "hydra/launcher=basic"])
"""
COMMAND = """#!/bin/sh
shift 2
exec {python} -m tests.faults.stand_in "$@"
"""


@pytest.mark.parametrize(
    ("number", "handler"),
    [(signal.SIGKILL, "none"), (signal.SIGTERM, "handler")],
)
def test_a_study_stops_and_is_saved_when_its_script_is_killed(
    tmp_path: Path, number: signal.Signals, handler: str
) -> None:
    study = tmp_path / "experiments" / "study" / "interrupted.yaml"
    study.parent.mkdir(parents=True)
    study.write_text("replicates: 1\nfactors: {part: model.residual}\n")
    (tmp_path / "hold").touch()
    command = tmp_path / "command"
    command.write_text(COMMAND.format(python=sys.executable))
    command.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, handler],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as script:
        try:
            wait_for(lambda: count_epochs(tmp_path) == HELD_EPOCHS, "a run in its middle")
            trains = psutil.Process(int((tmp_path / "jobs").read_text()))
            script.send_signal(number)
            code = script.wait(60)
            wait_for(lambda: all_ended([trains]), "the end of the command")
        finally:
            script.kill()
    assert code == (3 if handler == "handler" else -number)
    (result,) = tmp_path.rglob("result.json")
    assert '"preempted"' in result.read_text()
