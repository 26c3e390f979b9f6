"""The command `python -m ablate.sync`: brings MLflow's copy of a study up to date."""

from __future__ import annotations

from collections.abc import Callable

from ablate.process.entry import run


def main() -> None:
    """Run the command and end this process with its exit code."""
    run(_command)


def _command() -> Callable[[], None]:
    from ablate.tracking.sync import main as command

    return command


if __name__ == "__main__":
    main()
