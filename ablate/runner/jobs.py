"""Passes the jobs of a study to the launcher that the user chose (docs/launchers.md)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from ablate.config.arguments import LOCAL
from ablate.process import stop
from ablate.store.disk import UnwritableError, describe_disk_error, is_disk_error
from ablate.store.folder import StudyFolder
from ablate.store.launched import launch_file
from ablate.wording import error_summary
from ablate.workers.processes import sigint_blocked

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
WITH_SAFE_POINTS = (LOCAL, BASIC)
"""Launchers that train in this program's code, which stops by itself after a signal."""


def name_of(launcher: Launcher) -> str:
    """The dotted name of a launcher's class."""
    return f"{type(launcher).__module__}.{type(launcher).__name__}"


def launch_jobs(launcher: Launcher, jobs: Sequence[Sequence[str]], *, folder: StudyFolder) -> str:
    """Let a launcher train; it also ends early after a signal.

    Args:
        launcher: The launcher.
        jobs: The overrides of each job.
        folder: The folder of the study.

    Returns:
        The error of the launcher, or of a job outside of its runs; empty if there was none.

    Raises:
        UnwritableError: The disk cannot be written.
        StopError: A signal is pending.
    """
    try:
        with launch_file(folder.path), contextlib.ExitStack() as stack:
            if name_of(launcher) not in WITH_SAFE_POINTS:
                # Ctrl-C reaches every process of the terminal. Those that start in this block
                # would answer with tracebacks. Another thread of this process receives it.
                stack.enter_context(sigint_blocked())
                stack.enter_context(stop.interrupt_foreign_code())
            errors = _errors(launcher.launch(jobs, initial_job_idx=0))
    except UnwritableError:
        raise
    except (Exception, KeyboardInterrupt) as raised:
        errors = [raised]
    for error in errors:
        if isinstance(error, OSError) and is_disk_error(error):
            raise UnwritableError(describe_disk_error(error, folder.path))
    return error_summary(errors[0]) if errors else ""


def _errors(returned: Sequence[JobReturn]) -> list[BaseException]:
    """What jobs raised; a run that fails raises nothing."""
    # The property `return_value` would print a traceback.
    values = [job._return_value for job in returned if job.status is JobStatus.FAILED]
    return [value for value in values if isinstance(value, BaseException)]
