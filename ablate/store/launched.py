"""Which command launched the job processes of a study, so that they end when it does.

Launchers other than `local` start processes of which this program knows nothing: in a pool, in a
Ray cluster, in a queue of another machine. The command therefore names itself in a file of the
study for as long as its launcher works. Jobs read it: they train for that command alone, and end
soon after it, however it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ablate.errors import RequestError
from ablate.store.disk import write_atomically
from ablate.store.lock import Holder, parse_holder

FILE = "launched"
LOOK_SECONDS, LOOKS = 0.5, 2
"""How often a job looks, and how often it must find its launch ended before it ends: a disk that is
shared may be out of reach for a moment."""
SILENT_SECONDS = 60.0
"""How long the lock's heartbeat may be silent before a job on another machine ends."""
JOB_EXIT_SECONDS = 5.0
"""How long a command waits for jobs that it has launched to end, after their launch has ended."""


@contextlib.contextmanager
def launch_file(study: Path) -> Iterator[None]:
    """Let job processes train during the block; they end within seconds of its end.

    Args:
        study: The folder of the study, whose lock this process holds.
    """
    file = study / FILE
    write_atomically(file, json.dumps(asdict(Holder.here())))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


@contextlib.contextmanager
def exit_with_launcher(study: Path) -> Iterator[bool]:
    """Let this process exit during the block when the command that launched it has ended.

    Yields:
        Whether this process is another one than that command.

    Raises:
        RequestError: The command has ended already.
    """
    launcher = parse_holder(study / FILE)
    if launcher is None or (launcher.is_local and launcher.is_running is False):
        raise RequestError(
            f"Expected the command that launched this job of study {study.name!r}; it has ended, "
            f"so nothing is trained. Run it again."
        )
    if launcher.is_local and launcher.pid == os.getpid():
        yield False
        return
    over = threading.Event()
    watched = _Launch(study, launcher)
    thread = threading.Thread(target=_exit_when_ended, args=(watched, over), daemon=True)
    thread.start()
    try:
        yield True
    finally:
        over.set()
        thread.join()


def _exit_when_ended(launch: _Launch, over: threading.Event) -> None:
    looks = 0
    while not over.wait(LOOK_SECONDS):
        looks = looks + 1 if launch.has_ended() else 0
        if looks == LOOKS:
            # Another command may train the same runs now: commit nothing more.
            os._exit(1)


@dataclass
class _Launch:
    """The launch of jobs by a command, as one of these jobs sees it.

    Attributes:
        study: The folder of the study.
        launcher: The process of the command.
    """

    study: Path
    launcher: Holder
    _beat: int = -1
    _last_heartbeat: float = field(default_factory=time.monotonic)

    def has_ended(self) -> bool:
        """Whether the launch is over, or its command has ended."""
        named = parse_holder(self.study / FILE)
        if named is None or named.token != self.launcher.token:
            return True
        is_running = self.launcher.is_running if self.launcher.is_local else None
        return not (self._has_heartbeat() if is_running is None else is_running)

    def _has_heartbeat(self) -> bool:
        now = time.monotonic()
        holder = parse_holder(self.study / "lock")
        beat = -1 if holder is None else holder.beat
        if beat != self._beat:
            self._beat, self._last_heartbeat = beat, now
        return now - self._last_heartbeat < SILENT_SECONDS
