"""Trains the seeds of a cell with an external program, one after the other."""

from __future__ import annotations

import json
import os
import signal
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablate.config.program import Program
from ablate.store.disk import open_to_append, remove
from ablate.store.folder import RunFolder
from ablate.store.program_command import RunCommand, run_command
from ablate.store.reader import DamagedFileError, read_file
from ablate.store.schema import SchemaError, parse_json
from ablate.study.result import Cost, Status
from ablate.training.initial_state import InitialState
from ablate.wording import error_message, one_line
from ablate.workers.cell_trainer import Failed, Finished, Step
from ablate.workers.exits import count_oom_kills, shows_out_of_memory, signal_text
from ablate.workers.program_output import (
    SIZES,
    ProgramError,
    ProgramOutput,
    numbers_of,
    responses_of,
)
from ablate.workers.program_process import ProgramExit, ProgramProcess

MOST_RESULT_BYTES = 10**7
LONGEST_ERROR = 300
KILLS = ("SIGKILL", "SIGTERM", "SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGINT")
"""Signals for which a shell ends with 128 and their number, when they have ended its program."""
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables by which numerical libraries are told how many threads to use."""


@dataclass(frozen=True, slots=True)
class FinishedProgram(Finished):
    """A program has trained its run to the end.

    Attributes:
        cost: What it cost.
    """

    cost: Cost


class ProgramCellTrainer:
    """Trains the seeds of a cell with an external program; see `CellTrainer` for its methods."""

    def __init__(
        self,
        program: Program,
        *,
        responses: Sequence[str],
        run_folder: Callable[[int], RunFolder],
        lock: Path,
        threads: int,
        heartbeat: Callable[[], None],
    ) -> None:
        """Remember what to run; nothing is started yet.

        Args:
            program: The program.
            responses: The names of the numbers that its result must hold.
            run_folder: Returns the folder of the run of a seed.
            lock: The file of the workers' lock.
            threads: How many CPU threads it should use.
            heartbeat: Called every second.
        """
        self._program, self._responses = program, responses
        self._run_folder, self._lock = run_folder, lock
        self._threads, self._heartbeat = threads, heartbeat

    def prepare(self) -> None:
        """Do nothing: the seeds share nothing."""

    def train(
        self, seeds: Sequence[int], start: Callable[[int], InitialState]
    ) -> Iterator[tuple[int, Step]]:
        """Train seeds, each to its end before the next one starts."""
        for seed in seeds:
            try:
                start(seed)
                for step in self._run(seed):
                    yield seed, step
            except (Exception, SystemExit) as error:
                yield seed, Failed(error)

    def save_model(self, path: Path) -> None:
        """Raise an error: whatever the program saves is in its working directory."""
        raise NotImplementedError("An external program saves its models itself.")

    def state(self, seed: int) -> None:
        """None: a program that was interrupted starts again."""

    def fits(self, start: InitialState) -> bool:
        """Whether there is no checkpoint."""
        return not start.arrays

    def _run(self, seed: int) -> Iterator[Step]:
        folder = self._run_folder(seed)
        command = run_command(self._program, seed=seed, folder=folder)
        remove(command.work)  # of an earlier attempt
        command.write_files()
        output = ProgramOutput(self._responses)
        seconds: dict[int, float] = {}
        kills = count_oom_kills()
        with open_to_append(folder.log) as log:
            log.write(f"$ {one_line(command.text)}\n")
            log.flush()
            with ProgramProcess(
                command.words,
                directory=command.work if self._program.directory == "run" else Path.cwd(),
                environment=self._environment(),
                log=log.buffer,
                lock=self._lock,
            ) as process:
                for line in process.lines(
                    timeout_seconds=self._program.timeout_seconds, heartbeat=self._heartbeat
                ):
                    epoch = output.read(line)
                    if epoch is not None:
                        seconds[epoch.epoch] = epoch.seconds
                        yield epoch
                ended = process.exit()
        fault = fault_of(ended, self._program, oom_kills=count_oom_kills() - kills)
        if fault is not None:
            raise fault
        content = _content(command, output, needed=self._responses)
        # A study that is judged by what is measured here needs no number of the program.
        yield FinishedProgram(
            responses_of(content, self._responses) or {"train_seconds": ended.seconds},
            _cost(ended, content, seconds=list(seconds.values())),
        )

    def _environment(self) -> dict[str, str]:
        """The user's variables, and where they are not set, those that programs are run with."""
        path = os.environ.get("PYTHONPATH")
        return {
            "PYTHONUNBUFFERED": "1",  # epochs are read as they end
            **dict.fromkeys(THREADS, str(self._threads)),
            **os.environ,
            # Modules next to the command are found from the working directory of the run, too.
            "PYTHONPATH": os.pathsep.join([os.getcwd(), *([path] if path else [])]),
        }


def _content(
    command: RunCommand, output: ProgramOutput, *, needed: Sequence[str]
) -> Mapping[str, Any]:
    """The result that a program has written, or else printed; may be empty if nothing is needed.

    Raises:
        ProgramError: There is none, or it is no JSON object.
    """
    path = command.result
    if path is None and (output.last is not None or not needed):
        return output.last or {}
    if path is None:
        raise ProgramError(
            Status.FAILED,
            f"Expected a line of JSON as the result, such as {json.dumps({needed[0]: 0.9})}; the "
            f"program has printed none. One that writes a file gets its path as {{result}}.",
        )
    try:
        content = parse_json(read_file(path, most_bytes=MOST_RESULT_BYTES))
    except FileNotFoundError:
        raise ProgramError(
            Status.FAILED, f"Expected the result in {path}; the program has not written it."
        ) from None
    except (SchemaError, DamagedFileError) as error:
        raise ProgramError(
            Status.FAILED, f"Expected JSON as the result in {path}: {error_message(error)}."
        ) from None
    if not isinstance(content, dict):
        raise ProgramError(
            Status.FAILED, f"Expected a JSON object in {path}; found {one_line(content, 60)}."
        )
    return content


def fault_of(ended: ProgramExit, program: Program, *, oom_kills: int) -> ProgramError | None:
    """Why a program has not trained its run to the end; None if it has.

    Args:
        ended: How it ended.
        program: The program.
        oom_kills: How many processes the kernel has killed for memory meanwhile.
    """
    if ended.timed_out:
        return ProgramError(
            Status.TIMEOUT,
            f"The program ran for more than {program.timeout_seconds:g} s (cell.timeout_seconds)",
        )
    if ended.code == 0:
        return None
    last = _last_line(ended.errors)
    number = _signal_of(ended.code)
    how = f"exit code {ended.code}" if number is None else signal_text(number)
    if (number == signal.SIGKILL and oom_kills > 0) or shows_out_of_memory(ended.errors):
        return ProgramError(
            Status.OUT_OF_MEMORY, f"Memory ran out, and the program ended with {how}"
        )
    if number is not None:
        return ProgramError(Status.CRASHED, f"The program ended with {how}")
    if not last:
        return ProgramError(Status.FAILED, f"The program ended with {how}, without a message.")
    return ProgramError(Status.FAILED, f"{last} ({how})")


def _signal_of(code: int) -> int | None:
    """The signal that ended a program, or the program of a shell; None if none did."""
    known = [signal.Signals[name].value for name in KILLS]
    if code < 0:
        return -code
    return code - 128 if code - 128 in known else None


def _last_line(text: str) -> str:
    """The last line that is not empty; of a line that was written over, the last state."""
    lines = [line.rpartition("\r")[2] or line for line in text.split("\n")]
    return next((one_line(line, LONGEST_ERROR) for line in reversed(lines) if line.strip()), "")


def _cost(ended: ProgramExit, content: Mapping[str, Any], *, seconds: Sequence[float]) -> Cost:
    """What a run cost; the size of a model is known only if the result holds it."""
    numbers = numbers_of(content, SIZES)
    parameters, macs = (
        int(number) if 0 <= (number := numbers.get(name, 0.0)) < 2**62 else 0 for name in SIZES
    )
    return Cost(
        parameters=parameters,
        macs=macs,
        train_seconds=ended.seconds,
        seconds_per_epoch=statistics.median(seconds[1:] or seconds or [ended.seconds]),
        peak_memory_bytes=ended.memory_bytes,
    )
