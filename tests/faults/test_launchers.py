"""What each launcher gives (docs/launchers.md): a killed job, a killed command, and Ctrl-C."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pytest import param

from tests.conftest import ROOT
from tests.faults.interruption import (
    all_ended,
    comparable_runs,
    count_epochs,
    send_signal,
    wait_for,
)
from tests.faults.stand_in import HELD_EPOCHS

STUDY = "replicates: 2\nfactors: {part: model.residual}\n"
COMMAND = ("--multirun", "study=interrupted", "recipe.epochs=6", "device.workers=2")
OPTIONS = {
    "joblib": ["hydra.launcher.n_jobs=2"],
    "ray": ["+hydra.launcher.ray.init.num_cpus=2"],
}


def launcher(name: str) -> object:
    """A row of a table of launchers; skipped where the launcher is not installed."""
    package = f"hydra_{name.removesuffix('_local')}_launcher"
    missing = name != "basic" and importlib.util.find_spec(f"hydra_plugins.{package}") is None
    reason = f"{package.replace('_', '-')} is not installed"
    return param(name, id=name, marks=pytest.mark.skipif(missing, reason=reason))


WITH_JOBS = [launcher("joblib"), launcher("submitit_local"), launcher("ray")]
"""Launchers that train in processes of their own."""


class Study:
    """The command with one launcher, in a folder of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self._name = folder, name
        self._commands: list[subprocess.Popen[str]] = []
        file = folder / "experiments" / "study" / "interrupted.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(STUDY)

    def start(self, *, hold: bool) -> subprocess.Popen[str]:
        """Start the command.

        Args:
            hold: Whether its runs wait in the middle until `release` is called.
        """
        if hold:
            (self.folder / "hold").touch()
        arguments = [*COMMAND, f"hydra/launcher={self._name}", *OPTIONS.get(self._name, ())]
        command = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.stand_in", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._commands.append(command)
        return command

    def kill(self) -> None:
        """Kill all that was started and still runs."""
        for command in self._commands:
            if command.poll() is None:
                os.killpg(command.pid, signal.SIGKILL)
            command.communicate()
        send_signal(self.jobs(), signal.SIGKILL)

    def release(self) -> None:
        (self.folder / "hold").unlink()

    def jobs(self) -> list[psutil.Process]:
        """The processes that train."""
        file = self.folder / "jobs"
        numbers = {int(line) for line in file.read_text().split()} if file.exists() else ()
        return [psutil.Process(number) for number in numbers if psutil.pid_exists(number)]

    def wait_for_partial_runs(self, runs: int) -> None:
        wait_for(lambda: count_epochs(self.folder) == runs * HELD_EPOCHS, "partial runs")

    def complete(self) -> str:
        """Run the same command without disturbance; returns its table."""
        process = self.start(hold=False)
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
        return comparable_runs(self.folder)


@pytest.fixture
def study(tmp_path: Path, name: str) -> Iterator[Study]:
    """The study with the launcher of a test."""
    study = Study(tmp_path, name)
    yield study
    study.kill()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The table of the study without a fault."""
    return Study(tmp_path_factory.mktemp("undisturbed"), "basic").complete()


@pytest.mark.parametrize("name", [launcher("basic"), *WITH_JOBS])
def test_ctrl_c_saves_and_the_same_command_resumes(
    study: Study, undisturbed: str, name: str
) -> None:
    command = study.start(hold=True)
    study.wait_for_partial_runs(1 if name == "basic" else 2)
    jobs = study.jobs()
    os.killpg(command.pid, signal.SIGINT)
    output, _ = command.communicate(timeout=120)
    assert command.returncode == 130, output
    assert "To resume:" in output
    assert "Traceback" not in output
    wait_for(lambda: all_ended(jobs), "the end of all jobs")
    assert '"preempted"' in next(study.folder.rglob("result.json")).read_text()
    study.release()
    assert study.complete() == undisturbed


@pytest.mark.parametrize("name", WITH_JOBS)
def test_jobs_end_when_their_command_is_killed(study: Study, undisturbed: str, name: str) -> None:
    command = study.start(hold=True)
    study.wait_for_partial_runs(2)
    jobs = study.jobs()
    assert command.pid not in {job.pid for job in jobs}
    command.kill()
    command.communicate()
    wait_for(lambda: all_ended(jobs), "the end of all jobs")
    study.release()
    assert study.complete() == undisturbed


@pytest.mark.parametrize("name", WITH_JOBS)
def test_a_killed_job_costs_one_epoch_at_most(study: Study, undisturbed: str, name: str) -> None:
    command = study.start(hold=True)
    study.wait_for_partial_runs(2)
    study.jobs()[0].kill()
    study.release()
    output, _ = command.communicate(timeout=120)
    assert "Traceback" not in output
    assert ("The launcher failed: " in output) == (name != "ray")
    assert command.returncode == (0 if name == "ray" else 1), output
    assert study.complete() == undisturbed
