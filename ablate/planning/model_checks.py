"""Checks of the models before training, by worker processes: do they build, their size and pace."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from ablate.errors import RequestError
from ablate.process import stop
from ablate.store.plan import Datasets, ModelSize, PlannedCell
from ablate.store.schema import decode
from ablate.workers.processes import CONTEXT, end, spawn
from ablate.workers.slots import Slot

TRIES = 3
"""How often a process that builds models is started: it may have been killed by chance."""
PACE_TIMEOUT_SECONDS = 60.0
"""Longest time for measuring a pace: a plan without a forecast is better than none."""


def measure_cells(
    cells: Sequence[PlannedCell],
    slots: Sequence[Slot],
    *,
    datasets: Datasets,
    timeout_seconds: float,
) -> dict[str, ModelSize]:
    """Parameters and MACs of every cell's model, each built once in a worker process.

    Args:
        cells: The cells.
        slots: What each worker may use.
        datasets: The data sets.
        timeout_seconds: Longest time for building a model.

    Returns:
        Sizes by the slug of the cell.

    Raises:
        RequestError: A model cannot be built. The message names the cell, unless all cells fail in
            the same way.
    """
    answers = ask_cells(
        cells, slots, question=_measure, datasets=datasets, timeout_seconds=timeout_seconds
    )
    return {slug: decode(answer["size"], ModelSize) for slug, answer in answers.items()}


def ask_cells(
    cells: Sequence[PlannedCell],
    slots: Sequence[Slot],
    *,
    question: Callable[..., None],
    datasets: Datasets,
    timeout_seconds: float,
) -> dict[str, dict[str, Any]]:
    """What worker processes answer for each cell.

    Args:
        cells: The cells.
        slots: What each worker may use.
        question: Called in a worker with cells, its slot, the data sets and a connection, to which
            it sends an answer a cell, in their order: a JSON mapping, with `refusal` if it cannot.
        datasets: The data sets.
        timeout_seconds: Longest time for an answer.

    Returns:
        Answers by the slug of the cell.

    Raises:
        RequestError: A model cannot be built. The message names the cell, unless all cells fail in
            the same way.
    """
    answers: dict[str, dict[str, Any]] = {}
    for tries in range(TRIES):
        left = [planned for planned in cells if planned.cell.slug not in answers]
        found, exit_codes = _ask_all(
            left, slots, question=question, datasets=datasets, timeout_seconds=timeout_seconds
        )
        answers |= found
        if len(answers) == len(cells):
            break
        if tries == TRIES - 1:
            code = exit_codes[0]
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            name = next(each.cell.name for each in left if each.cell.slug not in answers)
            raise RequestError(f"The process that builds the model of {name} ended with {how}.")
    refused = {slug: answer["refusal"] for slug, answer in answers.items() if "refusal" in answer}
    for slug, refusal in refused.items():
        shared = len(refused) == len(cells) and len(set(refused.values())) == 1
        raise RequestError(refusal if shared else f"In cell {slug}: {refusal}")
    return answers


def _ask_all(
    cells: Sequence[PlannedCell],
    slots: Sequence[Slot],
    *,
    question: Callable[..., None],
    datasets: Datasets,
    timeout_seconds: float,
) -> tuple[dict[str, dict[str, Any]], list[int]]:
    """Answers of worker processes by cell, and the exit codes of those that ended too early."""
    shares = [list(cells[start :: len(slots)]) for start in range(len(slots))]
    answers: dict[str, dict[str, Any]] = {}
    exit_codes = []
    with contextlib.ExitStack() as workers:
        asked = [
            (share, *_start(workers, question, share, slot, datasets))
            for share, slot in zip(shares, slots, strict=True)
            if share
        ]
        for share, receiver, process in asked:
            for planned in share:
                try:
                    answers[planned.cell.slug] = _receive(receiver, timeout_seconds)
                except TimeoutError:
                    raise RequestError(
                        f"Expected the model of {planned.cell.name} to be built within "
                        f"{timeout_seconds:g} s (device.heartbeat_timeout_seconds); it was not."
                    ) from None
                except EOFError:
                    stop.wait([process.sentinel])
                    exit_codes.append(process.exitcode or 0)
                    break
    return answers, exit_codes


def time_cells(
    cells: Sequence[PlannedCell],
    slots: Sequence[Slot],
    *,
    datasets: Datasets,
    timeout_seconds: float,
) -> list[dict[str, Any]]:
    """How fast some cells train, as many at once as there are slots; those that fail left out.

    Args:
        cells: The cells.
        slots: What each worker may use.
        datasets: The data sets.
        timeout_seconds: Seconds after which a process counts as hanging.
    """
    seconds = min(timeout_seconds, PACE_TIMEOUT_SECONDS)
    answers = []
    for start in range(0, len(cells), len(slots)):
        with contextlib.ExitStack() as workers:
            asked = [
                _start(workers, _probe, planned, slot, datasets)
                for planned, slot in zip(cells[start:], slots, strict=False)
            ]
            for receiver, _ in asked:
                with contextlib.suppress(EOFError, TimeoutError):
                    answers.append(_receive(receiver, seconds))
    return answers


def _start(
    workers: contextlib.ExitStack, target: Callable[..., None], *arguments: Any
) -> tuple[Connection, BaseProcess]:
    """Start a worker process that answers through its last argument, a connection.

    It is killed at the end of `workers`, whatever ends them: it has answered, or it hangs.
    """
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = spawn(target, *arguments, sender)
    workers.callback(end, [process])
    sender.close()
    return receiver, process


def _receive(receiver: Connection, timeout_seconds: float) -> dict[str, Any]:
    """The next answer of a process.

    Raises:
        EOFError: The process ended.
        TimeoutError: It did not answer in time.
    """
    if not stop.wait([receiver], timeout_seconds):
        raise TimeoutError
    answer: dict[str, Any] = json.loads(receiver.recv_bytes())
    return answer


def _measure(
    cells: list[PlannedCell],
    slot: Slot,
    datasets: Datasets,
    answer: Connection,
) -> None:
    from ablate.workers.model_checks import measure

    measure(cells, slot, datasets=datasets, answer=answer)


def _probe(
    planned: PlannedCell,
    slot: Slot,
    datasets: Datasets,
    answer: Connection,
) -> None:
    from ablate.workers.model_checks import probe

    probe(planned, slot, datasets=datasets, answer=answer)
