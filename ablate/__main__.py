"""The command `python -m ablate`: reads the request and hands it on."""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import hydra

from ablate.config.arguments import check_arguments
from ablate.config.hydra_errors import REQUEST_ERRORS, in_one_line
from ablate.config.locate import shipped
from ablate.runner.stop import StopError, stoppable

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main() -> None:
    """Run a study with `--multirun`, one variant without it; ends with the exit code."""
    # Without it Python looks for a second, at its end, for garbage in all that was imported.
    atexit.register(gc.freeze)
    # Hydra would print errors in its own way and exit with 1; with this it lets them through.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    command = hydra.main(version_base="1.3", config_path=str(shipped("conf")), config_name="config")
    with _stopping(), _refusing():
        sys.argv[1:] = check_arguments(sys.argv[1:])
        command(task)()


def task(config: DictConfig) -> None:
    """What Hydra calls with a composed configuration: for one run, or for one job of a study."""
    if config.unit is not None:
        from ablate.workers.launch import train_job

        train_job(config)
        return
    from ablate.runner.single import run_one

    # Hydra would add lines of its own to an exception that left here.
    with _refusing():
        raise SystemExit(run_one(config))


@contextlib.contextmanager
def _stopping() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the command with their exit code, wherever it is."""
    try:
        with stoppable():
            yield
    except StopError as stop:
        print("ablate: stopped; nothing that was finished is lost.", file=sys.stderr)
        raise SystemExit(stop.code) from None


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """A mistake in the request is one line and exit code 2."""
    try:
        yield
    except REQUEST_ERRORS as error:
        print(f"ablate: {in_one_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
