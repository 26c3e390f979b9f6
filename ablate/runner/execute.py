"""Training what is missing, while the terminal and MLflow follow."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Console

from ablate.data.images import Images
from ablate.planning.model_checks import measure_cells
from ablate.store.folder import StudyFolder
from ablate.store.image_cache import discard, save
from ablate.store.plan import Plan
from ablate.tracking.progress import ProgressDisplay
from ablate.tracking.recording import Recording
from ablate.tracking.watch import Watch, WatchThread
from ablate.workers.processes import warm_up
from ablate.workers.slots import Slot

LOOK_SECONDS = 0.25


def measured(plan: Plan, folder: StudyFolder, *, slots: Sequence[Slot], patience: float) -> Plan:
    """The plan with parameters and MACs of every cell, as an earlier plan of the folder knew them.

    Args:
        plan: The plan.
        folder: Its folder.
        slots: What each worker may use.
        patience: Seconds that building a model may take.

    Raises:
        RequestError: A model cannot be built.
    """
    plan = plan.with_measures(folder.measures(plan))
    unknown = [planned for planned in plan.cells if not planned.parameters]
    if unknown or folder.pending(plan):
        start_server(plan, folder)
    if unknown:
        plan = plan.with_measures(
            measure_cells(unknown, slots, images=plan.images, patience=patience)
        )
    return plan


def start_server(plan: Plan, folder: StudyFolder) -> None:
    """Let the server that workers are forked from begin to import."""
    os.environ["KERAS_BACKEND"] = plan.backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    folder.path.mkdir(parents=True, exist_ok=True)
    warm_up(folder.path / "server.log")


def execute(
    plan: Plan,
    folder: StudyFolder,
    *,
    images: Mapping[str, Images],
    train: Callable[[], float | None],
    console: Console,
    store_uri: str,
) -> Recording:
    """Train, and let the terminal and MLflow follow until all is over.

    Args:
        plan: What is trained of the plan that is frozen in the folder.
        folder: The folder.
        images: The images of the plan, by fingerprint.
        train: Trains the pending runs; called if there are any, returns when they have ended.
            Returns how many seconds may be spent on what MLflow still lacks then; None for as long
            as MLflow answers.
        console: Where progress is shown.
        store_uri: MLflow's tracking URI.
    """
    pending = folder.pending(plan)
    progress = ProgressDisplay(console, plan=plan, folder=folder, runs=[run for _, run in pending])
    shown = Watch(folder, plan, follower=progress, runs=pending, from_now=True)
    shower = WatchThread(lambda: shown, seconds=LOOK_SECONDS)
    recording = Recording(folder, folder.read_plan(), store_uri)
    recorder = recording.following()
    with _frozen(images, folder, plan=plan), recorder:
        if pending:
            with progress, shower:
                recorder.most_seconds = train()
    if shower.fault is not None:
        raise shower.fault
    recording.settle(recorder.fault)
    return recording


@contextlib.contextmanager
def _frozen(images: Mapping[str, Images], folder: StudyFolder, *, plan: Plan) -> Iterator[None]:
    """Images frozen for the workers, for as long as a run may need them."""
    if folder.pending(plan):
        for item in images.values():
            save(folder.images, item)
    yield
    if not folder.pending(plan):
        discard(folder.images)
