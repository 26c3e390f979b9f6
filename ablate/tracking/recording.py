"""The recording of a study in MLflow: during training, at its end, and by a later command."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.config.store_uri import STORE_URI
from ablate.credentials import hide_credentials, without_credentials
from ablate.store.state import StudyState
from ablate.tracking.watch import RetryingWatchThread, Watch
from ablate.tracking.watchdog import Watchdog, attempt
from ablate.wording import LONGEST_MESSAGE, error_summary, without_password

if TYPE_CHECKING:
    from ablate.tracking.mlflow.recorder import Recorder
    from ablate.tracking.summary import StudySummary

RECORD_SECONDS = 1.0


@dataclass
class Recording:
    """The recording of a study in MLflow.

    Attributes:
        state: The study and what of it is settled.
        uri: MLflow's tracking URI.
        limited: Whether a server that does not answer ends the recording, as it must in a study.
        show: Shows a line to the user while the command waits for MLflow.
        fault: Why MLflow does not hold everything, and the command that completes it; empty if it
            holds everything.
    """

    state: StudyState
    uri: str
    limited: bool = True
    show: Callable[[str], None] = lambda line: None
    fault: str = ""

    def __post_init__(self) -> None:
        self._watchdog = Watchdog(limited=self.limited, show=self.show)
        self._recorder: Recorder | None = None

    def thread(self) -> RetryingWatchThread:
        """A context manager that records in a thread; pass its fault to `settle` afterwards."""
        return RetryingWatchThread(self._watch, seconds=RECORD_SECONDS, watchdog=self._watchdog)

    def settle(self, error: Exception | None) -> None:
        """Set `fault` if there was an error."""
        if error is not None:
            self.fault = (
                f"Not everything is in MLflow ({root_cause(error, self.uri)}); `{self._command()}` "
                f"adds what is missing."
            )

    def finish(
        self,
        report: Path | None,
        summary: StudySummary | None = None,
        *,
        seconds: float | None = None,
    ) -> None:
        """Record what the study found and close its run, if MLflow answers.

        Args:
            report: The folder of the report, which is attached; None if there is none.
            summary: What the study found; None if that is unknown.
            seconds: The longest time that this may take; None for no limit while MLflow answers.
        """
        recorder = self._recorder
        if recorder is not None and not self.fault:
            close = functools.partial(recorder.close, report, summary)
            self.settle(attempt(close, self._watchdog, seconds=seconds))

    def replay(self, report: Path | None, summary: StudySummary | None = None) -> int:
        """Record what the folder holds, from the start, and close the study's run.

        Args:
            report: As in `finish`.
            summary: As in `finish`.

        Returns:
            How many runs of the plan are in MLflow; if not all of it is there, `fault` is set.
        """

        def record() -> None:
            self._watch().look()
            assert self._recorder is not None
            self._recorder.close(report, summary)

        self.settle(attempt(record, self._watchdog))
        return 0 if self._recorder is None else self._recorder.recorded

    def _watch(self) -> Watch:
        # Importing MLflow takes a second, so it is done in the thread that records.
        with self._watchdog.call("importing it", limited=False):
            from ablate.tracking.mlflow.recorder import Recorder

        plan, folder = self.state.plan, self.state.folder
        self._recorder = Recorder(self.uri, plan, folder=folder, watchdog=self._watchdog)
        return Watch(self.state, follower=self._recorder, runs=list(plan.runs()))

    def _command(self) -> str:
        words = ["python", "-m", "ablate.sync", f"study={self.state.folder.path.name}"]
        if self.uri != STORE_URI:
            words.append(f"store.uri={without_credentials(self.uri)}")
        return shlex.join(words)


def root_cause(error: BaseException, uri: str) -> str:
    """The first cause of an error, on one short line without the credentials of a store.

    Args:
        error: The error.
        uri: The address of the store.
    """
    chain = [error]
    while (cause := _cause(chain[-1])) is not None and cause not in chain:
        chain.append(cause)
    message = hide_credentials(error_summary(chain[-1], limit=LONGEST_MESSAGE), uri)
    summary = without_password(message)
    return re.sub(r"<[^<>]*object at 0x\w+>:? ?", "", summary)[:200]


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)
