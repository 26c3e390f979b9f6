"""One study in this process, as `python -m ablate` runs it, with a module loaded into its workers.

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
    """Run the study that the command line asks for, and end with its exit code."""
    preload = processes.CONTEXT.set_forkserver_preload

    def and_module(names: Sequence[str]) -> None:
        preload([*names, f"benchmarks.overhead.{module}"])

    processes.CONTEXT.set_forkserver_preload = and_module
    if module == "bare":
        sweep.study_lock = lambda place: contextlib.nullcontext()
        sweep.check_disk_space = lambda path, needed=0: None
    main()


if __name__ == "__main__":
    run(sys.argv.pop(1))
