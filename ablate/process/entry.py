"""What every command starts and ends with: signals are caught from its imports to its exit."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import NoReturn

from ablate.process import stop
from ablate.process.output import survive_closed_output

STOPPED = "ablate: Stopped. Finished runs are saved."


def run(load: Callable[[], Callable[[], None]]) -> NoReturn:
    """Run a command as this process, and end the process with its exit code.

    Args:
        load: Imports the command and returns it. The command raises SystemExit, or returns. It is
            not called for `--version`.
    """
    stop.catch_signals()
    survive_closed_output()
    # Nothing here computes with joblib, which other libraries import: no loss without /dev/shm.
    warnings.filterwarnings("ignore", message=".*joblib will operate in serial mode")
    code: int | None = 0
    try:
        with stop_between_imports():
            command = _version_command() if sys.argv[1:] == ["--version"] else load()
        stop.check()
        command()
    except SystemExit as end:
        if end.code is not None and not isinstance(end.code, int):
            raise  # a message, which Python prints
        code = end.code
    except stop.StopError:
        pass
    except KeyboardInterrupt:
        code = stop.INTERRUPTED
    code = _exit_code(code or 0)
    # Nothing is left to do. Python's own way out waits for threads that a signal left behind, and
    # a second longer to collect the garbage of all imported modules.
    _kill_children()
    atexit._run_exitfuncs()
    os._exit(_exit_code(code))


def _version_command() -> Callable[[], None]:
    from ablate.process.version import print_version  # its imports are for this flag alone

    return print_version


def _kill_children() -> None:
    """Kill the idle processes of a launcher's pool; multiprocessing would wait for their end."""
    if process := sys.modules.get("multiprocessing.process"):
        for child in process.active_children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)


def _exit_code(code: int) -> int:
    """The exit code of a signal that is pending, which is reported; or else the one given."""
    sys.stdout.flush()
    sys.stderr.flush()
    stopped = stop.acknowledge()
    if stopped:
        print(STOPPED, file=sys.stderr, flush=True)
    return stopped or code


@contextlib.contextmanager
def stop_between_imports() -> Iterator[None]:
    """Make the import of each module in the block a safe point: all of them take seconds."""
    sys.meta_path.insert(0, _SafePoint)
    try:
        yield
    finally:
        sys.meta_path.remove(_SafePoint)


class _SafePoint:
    """A finder that finds nothing; Python asks it before each import."""

    @staticmethod
    def find_spec(name: str, *unused: object) -> None:
        stop.check()
