"""What becomes of a study's copy in MLflow: while it trains, at its end, and later."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.config.store_uri import STORE_URI
from ablate.store.state import StudyState
from ablate.tracking.watch import RetryingWatchThread, Watch
from ablate.tracking.watchdog import Watchdog, attempt
from ablate.wording import LONGEST_MESSAGE, error_summary, without_password

if TYPE_CHECKING:
    from ablate.tracking.mlflow import Recorder

RECORD_SECONDS = 1.0


@dataclass
class Recording:
    """The recording of a study in MLflow.

    Attributes:
        state: The study and what of it is settled.
        uri: MLflow's tracking URI.
        fault: What MLflow lacks and why, and the command that catches up; empty if it lacks
            nothing.
    """

    state: StudyState
    uri: str
    fault: str = ""

    def __post_init__(self) -> None:
        self._pulse = Watchdog()
        self._recorder: Recorder | None = None

    def following(self) -> RetryingWatchThread:
        """Records while its block runs; `settle` says what became of it."""
        return RetryingWatchThread(self._watch, seconds=RECORD_SECONDS, watchdog=self._pulse)

    def settle(self, error: Exception | None) -> None:
        """Keep in words why not all is in MLflow, if that is so."""
        if error is not None:
            self.fault = (
                f"Not all is in MLflow ({in_words(error)}); `{self._command()}` catches up."
            )

    def finish(self, report: Path | None, *, seconds: float | None = None) -> None:
        """Attach the report and close the study's run, if MLflow answers.

        Args:
            report: Folder of the report; None for none.
            seconds: The most that this may take; None for as long as MLflow answers.
        """
        recorder = self._recorder
        if recorder is not None and not self.fault:
            self.settle(attempt(lambda: recorder.close(report), self._pulse, seconds=seconds))

    def replay(self, report: Path | None) -> int:
        """Record what the folder holds, from its beginning, and close the study's run.

        Returns:
            How many runs of the plan are in MLflow; a `fault` says if it lacks something.
        """

        def record() -> None:
            self._watch().look()
            assert self._recorder is not None
            self._recorder.close(report)

        self.settle(attempt(record, self._pulse))
        return 0 if self._recorder is None else self._recorder.recorded

    def _watch(self) -> Watch:
        from ablate.tracking.mlflow import Recorder  # takes a second to import, in its own thread

        state = self.state
        self._recorder = Recorder(self.uri, state.plan, folder=state.folder, watchdog=self._pulse)
        return Watch(state, follower=self._recorder, runs=list(state.plan.runs()))

    def _command(self) -> str:
        words = ["python", "-m", "ablate.sync", f"study={self.state.folder.path.name}"]
        if self.uri != STORE_URI:
            words.append(f"store.uri={without_password(self.uri)}")
        return shlex.join(words)


def in_words(error: BaseException) -> str:
    """The first cause of what went wrong, in one line without credentials."""
    seen = [error]
    while (cause := _cause(seen[-1])) is not None and cause not in seen:
        seen.append(cause)
    words = without_password(error_summary(seen[-1], limit=LONGEST_MESSAGE))
    return re.sub(r"<[^<>]*object at 0x\w+>:? ?", "", words)[:200]


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)
