"""Training what is missing, while the terminal and MLflow follow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ablate.config import DeviceRequest
from ablate.data.images import Images
from ablate.device import Slot, share_out, visible_gpus
from ablate.runner.pool import measure_cells
from ablate.runner.processes import warm_up
from ablate.runner.progress import Progressing
from ablate.runner.watch import Watch, Watching
from ablate.store.folder import StudyFolder
from ablate.store.images import discard, freeze
from ablate.store.plan import Plan

if TYPE_CHECKING:
    from ablate.store.mlflow import Recorder

LOOK_SECONDS = 0.25
RECORD_SECONDS = 1.0


def slots_for(plan: Plan, device: DeviceRequest) -> list[Slot]:
    """What each worker of a study may use.

    Raises:
        Refusal: A GPU is asked for and there is none.
    """
    pixels = max(item["shape"][0] * item["shape"][1] for item in plan.images.values())
    cores = len(os.sched_getaffinity(0))
    return share_out(device, gpus=visible_gpus(), cores=cores, pixels=pixels)


def measured(plan: Plan, folder: StudyFolder, *, slots: Sequence[Slot]) -> Plan:
    """The plan with parameters and MACs of every cell, as an earlier plan of the folder knew them.

    Raises:
        Refusal: A model cannot be built.
    """
    plan = plan.with_measures(folder.measures(plan))
    unknown = [planned for planned in plan.cells if not planned.parameters]
    if unknown or folder.pending(plan):
        start_server(plan, folder)
    if unknown:
        plan = plan.with_measures(measure_cells(unknown, slots, images=plan.images))
    return plan


def start_server(plan: Plan, folder: StudyFolder) -> None:
    """Let the server that workers are forked from begin to import."""
    os.environ["KERAS_BACKEND"] = plan.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder.path.mkdir(parents=True, exist_ok=True)
    warm_up(folder.path / "server.log")


@dataclass
class Recording:
    """What became of the recording in MLflow.

    Attributes:
        recorder: The recorder; None if MLflow could not be reached.
        fault: Why recording stopped; empty if it did not.
    """

    recorder: Recorder | None = None
    fault: str = ""

    def finish(self, report: Path | None) -> None:
        """Attach the report and close the study's run."""
        if self.recorder is not None and not self.fault:
            try:
                self.recorder.close(report)
            except Exception as error:
                self.fault = _first_line(error)


def execute(
    plan: Plan,
    folder: StudyFolder,
    *,
    images: Mapping[str, Images],
    train: Callable[[], None],
    console: Console,
    store_uri: str,
) -> Recording:
    """Train, and let the terminal and MLflow follow until all is over.

    Args:
        plan: The frozen plan.
        folder: Its folder.
        images: The images of the plan, by fingerprint.
        train: Trains the pending runs; called if there are any, returns when they have ended.
        console: Where progress is shown.
        store_uri: MLflow's tracking URI.
    """
    recording = Recording()
    pending = folder.pending(plan)

    def record() -> Watch:
        from ablate.store.mlflow import Recorder  # takes a second to import, in its own thread

        recording.recorder = Recorder(store_uri, plan, folder)
        return Watch(folder, plan, follower=recording.recorder, runs=plan.runs())

    def show() -> Watch:
        return Watch(folder, plan, follower=progress, runs=pending)

    progress = Progressing(console, plan=plan, folder=folder, runs=[run for _, run in pending])
    recorder = Watching(record, seconds=RECORD_SECONDS)
    shower = Watching(show, seconds=LOOK_SECONDS)
    with _frozen(images, folder, plan=plan), recorder:
        if pending:
            with progress, shower:
                train()
    if shower.fault is not None:
        raise shower.fault
    if recorder.fault is not None:
        recording.fault = _first_line(recorder.fault)
    return recording


@contextlib.contextmanager
def _frozen(images: Mapping[str, Images], folder: StudyFolder, *, plan: Plan) -> Iterator[None]:
    """Images frozen for the workers, for as long as a run may need them."""
    if folder.pending(plan):
        for item in images.values():
            freeze(folder.images, item)
    yield
    if not folder.pending(plan):
        discard(folder.images)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
