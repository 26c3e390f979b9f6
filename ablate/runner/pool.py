"""A pool of worker processes: one fresh process a unit, one unit a slot at a time."""

from __future__ import annotations

import contextlib
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any

from ablate.device import Slot
from ablate.result import Result, Status
from ablate.runner.processes import CONTEXT, spawn
from ablate.runner.unit import Unit
from ablate.store.folder import StudyFolder
from ablate.store.plan import Plan, PlannedCell
from ablate.study import Refusal


def train_units(folder: StudyFolder, units: Sequence[Unit], *, slots: Sequence[Slot]) -> None:
    """Train units in worker processes until all have ended, one way or another.

    A process that dies is recorded as a crashed run; the seeds it had left go to a fresh one.
    """
    plan = folder.read_plan()
    waiting, free = deque(units), list(slots)
    active: dict[int, tuple[BaseProcess, Unit, Slot]] = {}
    try:
        while waiting or active:
            while waiting and free:
                slot, unit = free.pop(0), waiting.popleft()
                process = spawn(_train, folder, unit, slot)
                active[process.sentinel] = (process, unit, slot)
            for sentinel in connection.wait(list(active)):
                process, unit, slot = active.pop(sentinel)  # type: ignore[call-overload]
                process.join()
                free.append(slot)
                left = crashed(plan, folder, unit=unit, exit_code=process.exitcode or 0)
                if left is not None:
                    waiting.appendleft(left)
    finally:
        for process, _, _ in active.values():
            process.kill()
            process.join()


def measure_cells(
    cells: Sequence[PlannedCell], slots: Sequence[Slot], *, images: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, int]]:
    """Parameters and MACs of every cell's model, each built once in a worker process.

    Raises:
        Refusal: A model cannot be built; the message names the cell where not all share the fault.
    """
    shares = [list(cells[start :: len(slots)]) for start in range(len(slots))]
    asked = [
        (share, *_ask(_measure, share, slot, dict(images)))
        for share, slot in zip(shares, slots, strict=True)
        if share
    ]
    answers: dict[str, dict[str, Any]] = {}
    for share, receiver, process in asked:
        for planned in share:
            try:
                answers[planned.cell.slug] = json.loads(receiver.recv_bytes())
            except EOFError:
                process.join()
                raise Refusal(
                    f"The process that builds the model of {planned.cell.name} ended with exit "
                    f"code {process.exitcode}."
                ) from None
        process.join()
    refused = {slug: answer["refusal"] for slug, answer in answers.items() if "refusal" in answer}
    for slug, refusal in refused.items():
        shared = len(refused) == len(cells) and len(set(refused.values())) == 1
        raise Refusal(refusal if shared else f"In cell {slug}: {refusal}")
    return {slug: answer["measures"] for slug, answer in answers.items()}


def probe_cells(
    cells: Sequence[PlannedCell], slots: Sequence[Slot], *, images: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, float]]:
    """How fast some cells train, as many at once as there are slots; those that fail left out."""
    answers = []
    for start in range(0, len(cells), len(slots)):
        asked = [
            _ask(_probe, planned, slot, dict(images))
            for planned, slot in zip(cells[start:], slots, strict=False)
        ]
        for receiver, process in asked:
            with contextlib.suppress(EOFError):
                answers.append(json.loads(receiver.recv_bytes()))
            process.join()
    return answers


def _ask(target: Callable[..., None], *arguments: Any) -> tuple[connection.Connection, BaseProcess]:
    """A worker process that answers through the connection that is its last argument."""
    receiver, sender = CONTEXT.Pipe(duplex=False)
    process = spawn(target, *arguments, sender)
    sender.close()
    return receiver, process


def _train(folder: StudyFolder, unit: Unit, slot: Slot) -> None:
    from ablate.runner.worker import train  # in the worker, where Keras is already imported

    train(folder, unit, slot=slot)


def _measure(
    cells: list[PlannedCell], slot: Slot, images: dict[str, Any], answer: connection.Connection
) -> None:
    from ablate.runner.worker import measure

    measure(cells, slot, images=images, answer=answer)


def _probe(
    planned: PlannedCell, slot: Slot, images: dict[str, Any], answer: connection.Connection
) -> None:
    from ablate.runner.worker import probe

    probe(planned, slot, images=images, answer=answer)


def crashed(plan: Plan, folder: StudyFolder, *, unit: Unit, exit_code: int) -> Unit | None:
    """Record the run during which a worker process died, and return what the unit has left.

    Args:
        plan: The plan of the study.
        folder: Its folder.
        unit: What the process was training.
        exit_code: As the operating system gave it; negative for a signal.
    """
    planned = plan.find(unit.cell)
    left = [seed for seed in unit.seeds if not _ended(plan, planned, folder, seed)]
    if not left:
        return None
    seed, rest = left[0], tuple(left[1:])
    cause = f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}"
    run = folder.run(unit.cell, seed)
    run.path.mkdir(parents=True, exist_ok=True)
    run.commit(
        Result(
            unit.cell,
            seed,
            plan.fingerprint(planned, seed),
            Status.CRASHED,
            error=f"The worker process ended with {cause}; see {run.log}.",
        )
    )
    return Unit(unit.cell, rest) if rest else None


def _ended(plan: Plan, planned: PlannedCell, folder: StudyFolder, seed: int) -> bool:
    result = folder.run(planned.cell.slug, seed).result()
    return result is not None and result.fingerprint == plan.fingerprint(planned, seed)
