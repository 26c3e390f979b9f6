"""The command `python -m ablate`: checks the request and passes it to Hydra."""

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
from ablate.config.hydra_errors import REQUEST_ERRORS, request_error_line
from ablate.config.locate import shipped_folder
from ablate.runner.stop import StopError, stop_on_signals

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main() -> None:
    """Run a study with `--multirun`, else one variant; raise SystemExit with the exit code."""
    # Without this Python spends a second at exit on garbage collection of all imported modules.
    atexit.register(gc.freeze)
    # With this Hydra raises errors; without it, it prints them in its own way and exits with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    command = hydra.main(
        version_base="1.3", config_path=str(shipped_folder("conf")), config_name="config"
    )
    with _exit_when_stopped(), _exit_when_refused():
        sys.argv[1:] = check_arguments(sys.argv[1:])
        command(task)()


def task(config: DictConfig) -> None:
    """Train one run, or one job of a study; Hydra calls it with a composed configuration."""
    if config.unit is not None:
        from ablate.workers.launch import train_job

        train_job(config)
        return
    from ablate.runner.single import run_one

    # Hydra would add lines of its own to an exception that leaves this function.
    with _exit_when_refused():
        raise SystemExit(run_one(config))


@contextlib.contextmanager
def _exit_when_stopped() -> Iterator[None]:
    """Exit with the code of Ctrl-C or SIGTERM when one of them arrives."""
    try:
        with stop_on_signals():
            yield
    except StopError as stop:
        print("ablate: Stopped. Finished runs are saved.", file=sys.stderr)
        raise SystemExit(stop.code) from None


@contextlib.contextmanager
def _exit_when_refused() -> Iterator[None]:
    """Print a mistake in the request on one line and exit with code 2."""
    try:
        yield
    except REQUEST_ERRORS as error:
        print(f"ablate: {request_error_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
