"""The command `python -m ablate.new`: writes the files of a study to start from."""

from __future__ import annotations

from collections.abc import Callable

from ablate.process.entry import run


def main() -> None:
    """Run the command and end this process with its exit code."""
    run(_command)


def _command() -> Callable[[], None]:
    from ablate.runner.new import main as command

    return command


if __name__ == "__main__":
    main()
