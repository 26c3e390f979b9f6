"""What is made of the errors of launchers and of their jobs."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus
from pytest import param

from ablate.runner.jobs import BASIC, LOCAL, launch_jobs
from ablate.store.disk import UnwritableError
from ablate.store.folder import StudyFolder
from ablate.store.launched import FILE

FULL = OSError(errno.ENOSPC, "No space left on device")


class StandInLauncher:
    """A launcher that raises, or returns what its jobs have raised."""

    def __init__(self, action: Callable[[], list[JobReturn]]) -> None:
        self._action = action

    def launch(self, jobs: Any, initial_job_idx: int) -> list[JobReturn]:
        assert Path(FILE).is_file()
        return self._action()


def raised_by_the_launcher(error: BaseException) -> list[JobReturn]:
    raise error


def raised_by_a_job(error: BaseException) -> list[JobReturn]:
    return [
        JobReturn(status=JobStatus.COMPLETED),
        JobReturn(status=JobStatus.FAILED, _return_value=error),
    ]


def launch(action: Callable[[BaseException], list[JobReturn]], error: BaseException) -> str:
    launcher: Any = StandInLauncher(lambda: action(error))
    return launch_jobs(launcher, [["unit=1"]], folder=StudyFolder(Path()))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        param(ValueError("no such queue"), "ValueError: no such queue", id="error"),
        param(KeyboardInterrupt(), "KeyboardInterrupt", id="interrupt_without_a_signal"),
    ],
)
@pytest.mark.parametrize("action", [raised_by_the_launcher, raised_by_a_job])
def test_an_error_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    action: Callable[[BaseException], list[JobReturn]],
    error: BaseException,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert launch(action, error) == message
    assert not Path(FILE).exists()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("action", [raised_by_the_launcher, raised_by_a_job])
def test_an_error_of_the_disk_stops_the_study(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    action: Callable[[BaseException], list[JobReturn]],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnwritableError, match="it is full"):
        launch(action, FULL)
    assert not Path(FILE).exists()


def test_the_launchers_with_safe_points_have_these_names() -> None:
    from hydra._internal.core_plugins.basic_launcher import BasicLauncher

    from hydra_plugins.hydra_ablate.local_launcher import LocalLauncher

    assert [
        f"{launcher.__module__}.{launcher.__name__}" for launcher in (LocalLauncher, BasicLauncher)
    ] == [LOCAL, BASIC]
