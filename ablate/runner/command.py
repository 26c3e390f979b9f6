"""What `python -m ablate` does: check the request and pass it to Hydra."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import hydra

from ablate.config.arguments import check_arguments
from ablate.config.help import help_text
from ablate.config.hydra_errors import REQUEST_ERRORS, request_error_line
from ablate.config.locate import shipped_folder
from ablate.credentials import hide_arguments, hide_in_yaml
from ablate.process import stop
from ablate.process.entry import stop_between_imports
from ablate.runner.script import stop_with_script

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main() -> None:
    """Run a study with `--multirun`, else one variant; raise SystemExit with the exit code."""
    # With this Hydra raises errors; without it, it prints them in its own way and exits with 1.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    command = hydra.main(
        version_base="1.3", config_path=str(shipped_folder("conf")), config_name="config"
    )
    stop_with_script()
    with _exit_when_refused():
        sys.argv[1:] = check_arguments(sys.argv[1:])
        stop.check()
        if "--help" in sys.argv[1:]:
            print(help_text(sys.argv[1:], resolve="--resolve" in sys.argv[1:]))
            return
        if {"--cfg", "--info"} & {*sys.argv[1:]}:
            _print_without_credentials(command(task))
        else:
            command(task)()


def _print_without_credentials(show: Callable[[], None]) -> None:
    """Let Hydra print a configuration, without the credentials that it holds."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            show()
    finally:
        text = hide_arguments(hide_in_yaml(printed.getvalue()), sys.argv[1:])
        print(text, end="", flush=True)


def task(config: DictConfig) -> None:
    """Train one run, or one job of a study; Hydra calls it with a composed configuration."""
    stop.check()
    if config.unit is not None:
        from ablate.workers.launch import train_job

        train_job(config)
        return
    with stop_between_imports():
        from ablate.runner.single import run_one

    # Hydra would add lines of its own to an exception that leaves this function.
    with _exit_when_refused():
        raise SystemExit(run_one(config))


@contextlib.contextmanager
def _exit_when_refused() -> Iterator[None]:
    """Print a mistake in the request on one line and exit with code 2."""
    try:
        yield
    except REQUEST_ERRORS as error:
        print(f"ablate: {request_error_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None
