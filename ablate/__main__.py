"""The command `python -m ablate`: a study with `--multirun`, else one variant."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable

from ablate.process.entry import run


def main() -> None:
    """Run the command and end this process with its exit code."""
    _find_code_of_working_directory()
    run(_command)


def _find_code_of_working_directory() -> None:
    """Let the installed command `ablate` import what `python -m ablate` can import."""
    with contextlib.suppress(FileNotFoundError):  # the folder was removed
        if not sys.flags.safe_path and os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())


def _command() -> Callable[[], None]:
    from ablate.runner.command import main as command

    return command


if __name__ == "__main__":
    main()
