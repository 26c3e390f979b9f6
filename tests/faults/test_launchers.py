"""What each launcher gives (docs/launchers.md): a killed job, a killed command, and Ctrl-C."""

from __future__ import annotations

import importlib.util
import json
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
    count_epochs,
    send_signal,
    wait_for,
)
from tests.faults.stand_in import HELD_EPOCHS

STUDY = "replicates: 2\nfactors: {part: model.residual}\n"
EPOCHS = 2 * HELD_EPOCHS
COMMAND = ("--multirun", "study=interrupted", f"recipe.epochs={EPOCHS}", "device.workers=2")
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

    def start(self) -> subprocess.Popen[str]:
        """Start the command."""
        self._jobs_file.unlink(missing_ok=True)
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

    def start_and_hold(self) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
        """Start the command, and wait until its runs wait in their middle for `release`.

        Returns:
            The command, and the processes that train.
        """
        (self.folder / "hold").touch()
        command = self.start()
        runs = 1 if self._name == "basic" else 2
        wait_for(lambda: len(self.jobs()) == runs, "the start of all jobs")
        wait_for(lambda: count_epochs(self.folder) == runs * HELD_EPOCHS, "partial runs")
        return command, self.jobs()

    def release(self) -> None:
        """Let the runs continue."""
        (self.folder / "hold").unlink()

    def jobs(self) -> list[psutil.Process]:
        """The processes that train, or have trained and still run."""
        lines = self._jobs_file.read_text().split() if self._jobs_file.exists() else []
        return [psutil.Process(int(line)) for line in set(lines) if psutil.pid_exists(int(line))]

    def results(self) -> dict[str, object]:
        """The responses of each run, to the last digit."""
        files = sorted(self.folder.rglob("result.json"))
        return {str(file.relative_to(self.folder)): responses(file) for file in files}

    def kill(self) -> None:
        """Kill all that was started and still runs."""
        for command in self._commands:
            if command.poll() is None:
                os.killpg(command.pid, signal.SIGKILL)
                command.wait()
            assert command.stdout is not None
            command.stdout.close()
        send_signal(self.jobs(), signal.SIGKILL)

    @property
    def _jobs_file(self) -> Path:
        return self.folder / "jobs"


def responses(result: Path) -> object:
    return json.loads(result.read_text())["responses"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The results of the study without a fault."""
    study = Study(tmp_path_factory.mktemp("undisturbed"), "basic")
    output, _ = study.start().communicate(timeout=240)
    assert "trained all" in output
    return study.results()


@pytest.fixture
def study(tmp_path: Path, name: str) -> Iterator[Study]:
    """The study with the launcher of a test."""
    study = Study(tmp_path, name)
    yield study
    study.kill()


def interrupt(study: Study) -> None:
    """Ctrl-C saves, ends all jobs, and prints how to resume."""
    command, jobs = study.start_and_hold()
    os.killpg(command.pid, signal.SIGINT)
    output, _ = command.communicate(timeout=240)
    assert command.returncode == 130, output
    assert "To resume:" in output
    assert "Traceback" not in output
    wait_for(lambda: all_ended(jobs), "the end of all jobs")
    assert '"preempted"' in next(study.folder.rglob("result.json")).read_text()


def kill_command(study: Study) -> None:
    """The jobs of a command that is killed end as well."""
    command, jobs = study.start_and_hold()
    assert command.pid not in {job.pid for job in jobs}
    command.kill()
    wait_for(lambda: all_ended(jobs), "the end of all jobs")


def kill_job(study: Study, *, retried: bool) -> None:
    """A launcher tries the run of a killed job again, or fails; then the same command resumes."""
    command, jobs = study.start_and_hold()
    jobs[0].kill()
    study.release()
    output, _ = command.communicate(timeout=240)
    assert "Traceback" not in output
    assert ("The launcher failed: " in output) == (not retried)
    assert command.returncode == (0 if retried else 1), output


@pytest.mark.timeout(900)  # some commands, one after the other
@pytest.mark.parametrize("name", [launcher("basic"), *WITH_JOBS])
def test_disturbances_end_jobs_and_change_no_number(
    study: Study, undisturbed: dict[str, object], name: str
) -> None:
    interrupt(study)
    if name == "basic":
        study.release()
    else:
        kill_command(study)
        kill_job(study, retried=name == "ray")
    output, _ = study.start().communicate(timeout=240)
    assert "trained all" in output
    assert study.results() == undisturbed
    assert count_epochs(study.folder) == 4 * EPOCHS, "an epoch was lost or trained twice"
