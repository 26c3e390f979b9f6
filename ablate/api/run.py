"""Run a study from Python, by the command that a terminal would run."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ablate.api.open import open as open_study
from ablate.api.results import StudyResults
from ablate.errors import RequestError

REFUSED = 2
STOPPED = (130, 143)
PREFIX = "ablate: "


def run(
    study: str = "xyz", *, overrides: Sequence[str] = (), folder: str | Path = "."
) -> StudyResults:
    """Train the runs of a study that are missing, and return the results of all.

    The same as ``python -m ablate --multirun study=STUDY OVERRIDES``, whose output is printed. An
    interrupt stops the study as Ctrl-C does on a terminal; the same call resumes it. A study whose
    script is killed trains on to its end.

    Args:
        study: A study of `experiments/study/` in `folder`, or one that the package has.
        overrides: Hydra overrides, such as ``["data=cifar10", "study.replicates=8"]``.
        folder: Where to run it; `runs/` and `reports/` are written there.

    Raises:
        RequestError: The request was refused before training.
        KeyboardInterrupt: The study was stopped.
    """
    command = [sys.executable, "-m", "ablate", "--multirun", f"study={study}", *overrides]
    # A session of its own: a Ctrl-C on the terminal reaches the study once, from here.
    with subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        lines = _printed_lines(process)
    code = process.returncode
    if code in STOPPED:
        raise KeyboardInterrupt
    if code == REFUSED:
        raise RequestError(_reason(lines))
    return open_study(_name(study, overrides), folder=folder)


def _printed_lines(process: subprocess.Popen[str]) -> list[str]:
    """Print what the command prints, as it comes; return its lines."""
    lines: list[str] = []
    assert process.stdout is not None
    while True:
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                lines.append(line.rstrip("\n"))
            return lines
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)


def _reason(lines: Sequence[str]) -> str:
    """The line in which the command says why it refused."""
    reasons = [line.removeprefix(PREFIX) for line in lines if line.startswith(PREFIX)]
    return reasons[-1] if reasons else "\n".join(lines)


def _name(study: str, overrides: Sequence[str]) -> str:
    """The name under which the study's results are stored."""
    given = [item.partition("=")[2] for item in overrides if item.startswith("study.name=")]
    return given[-1] if given else study
