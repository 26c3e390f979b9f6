"""The command with the stand-in for training: `python -m benchmarks.signals.life ARGUMENT ...`.

It differs from `python -m ablate` in what the server of its workers imports.
"""

from __future__ import annotations

from collections.abc import Callable

from ablate.process.entry import run


def load() -> Callable[[], None]:
    """Import the command; only then replace what trains."""
    from ablate.runner.command import main
    from ablate.workers import processes

    processes.PRELOADED = ("ablate.workers.server", "benchmarks.signals.server")
    return main


if __name__ == "__main__":
    run(load)
