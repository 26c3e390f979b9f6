"""Run a study from Python, by the command that a terminal would run."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ablate.api.open import open as open_study
from ablate.api.results import StudyResults
from ablate.errors import RequestError
from ablate.runner.script import environment_of_command

REFUSED = 2
STOPPED = (130, 143)
FINISHED = (0, 1)
PREFIX = "ablate: "
REPORT = re.compile(r"Report: +reports/(?P<name>.+)/index\.html")
"""How the command names the report that it has written."""


def run(
    study: str = "xyz", *, overrides: Sequence[str] = (), folder: str | Path = "."
) -> StudyResults:
    """Train the runs of a study that are missing, and return the results of all.

    The same as ``python -m ablate --multirun study=STUDY OVERRIDES``, whose output is printed. An
    interrupt stops the study as Ctrl-C does on a terminal, and the end of the script or notebook,
    however it comes, as SIGTERM does; the same call resumes it.

    Args:
        study: A study of `experiments/study/` in `folder`, or one that the package has.
        overrides: Hydra overrides, such as ``["data=cifar10", "study.replicates=8"]``.
        folder: Where to run it; `runs/` and `reports/` are written there.

    Raises:
        RequestError: The request was refused before training.
        KeyboardInterrupt: The study was stopped.
    """
    _check(study, overrides, Path(folder))
    command = [sys.executable, "-m", "ablate", "--multirun", f"study={study}", *overrides]
    # A session of its own: a Ctrl-C on the terminal reaches the study once, from here.
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment_of_command(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            lines = _printed_lines(process)
        except BaseException:  # such as SystemExit, which a handler of a signal raises
            process.terminate()
            raise
    code = process.returncode
    if code in STOPPED:
        raise KeyboardInterrupt
    if code == REFUSED:
        raise RequestError(_reason(lines))
    name = _reported_name(lines)
    if code not in FINISHED or not name:
        raise RequestError(
            f"Expected a study with a report; its command ended with exit code {code} and printed "
            f"none."
        )
    return open_study(name, folder=folder)


def _check(study: object, overrides: object, folder: Path) -> None:
    words = (study, *overrides) if isinstance(overrides, list | tuple) else (study, overrides)
    for word in words:
        if not isinstance(word, str) or "\0" in word:
            raise RequestError(
                f"Expected the name of a study and a list of overrides such as "
                f"['recipe.epochs=3']; received {word!r}."
            )
    if not folder.is_dir():
        raise RequestError(f"Expected a folder to run the study in; {folder} is none.")


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


def _reported_name(lines: Sequence[str]) -> str:
    """The name under which the study's results are stored; empty if it has no report."""
    found = [REPORT.fullmatch(line.strip()) for line in lines]
    names = [match["name"] for match in found if match]
    return names[-1] if names else ""
