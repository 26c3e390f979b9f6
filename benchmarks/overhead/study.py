"""Runs one study like `python -m ablate`, with a module of this package loaded into its workers.

python -m benchmarks.overhead.study MODULE ARGUMENT ...
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from ablate.__main__ import main
from ablate.runner import sweep
from ablate.workers import processes


def run(module: str) -> None:
    """Run the study of the command line; exit with its exit code."""
    preload = processes.CONTEXT.set_forkserver_preload

    def set_preload(names: Sequence[str]) -> None:
        preload([*names, f"benchmarks.overhead.{module}"])

    processes.CONTEXT.set_forkserver_preload = set_preload
    if module == "bare":
        sweep.study_lock = lambda path: contextlib.nullcontext()
        sweep.check_disk_space = lambda path, needed=0: None
    main()


if __name__ == "__main__":
    run(sys.argv.pop(1))
