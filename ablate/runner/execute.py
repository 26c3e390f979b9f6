"""Train the pending runs of a study, while the terminal and MLflow follow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from ablate.data.images import Images
from ablate.planning.matching import asks_for_matches, match_models
from ablate.planning.model_checks import measure_cells
from ablate.store.folder import StudyFolder
from ablate.store.image_cache import discard, save
from ablate.store.plan import Plan
from ablate.store.state import StudyState
from ablate.tracking.progress import ProgressDisplay
from ablate.tracking.recording import Recording
from ablate.tracking.watch import Watch, WatchThread
from ablate.training.library_environment import pin_environment
from ablate.wording import printable
from ablate.workers.processes import PRELOADED_WITHOUT_KERAS, warm_up
from ablate.workers.slots import Slot

PROGRESS_SECONDS = 0.25
"""Time between two updates of the terminal."""


@dataclass(frozen=True)
class Session:
    """What the runs of a study are trained with.

    Attributes:
        images: The images of the plan, by fingerprint.
        console: Where progress is shown.
        store_uri: MLflow's tracking URI.
    """

    images: Mapping[str, Images]
    console: Console
    store_uri: str

    def show(self, line: str, *, style: str = "") -> None:
        """Print a line as it is, without markup and control characters."""
        self.console.print(Text(printable(line)), style=style, soft_wrap=True)


def match_widths(
    plan: Plan, folder: StudyFolder, *, slots: Sequence[Slot], timeout_seconds: float
) -> tuple[Plan, list[str]]:
    """The plan with its models matched as `model.match` asks, and how near they come, a line each.

    Args:
        plan: The plan.
        folder: The folder of the study.
        slots: What each worker may use.
        timeout_seconds: Longest time for one cell.

    Raises:
        RequestError: A model cannot be matched.
    """
    if not asks_for_matches(plan):
        return plan, []
    start_server(plan, folder)
    return match_models(plan, slots, timeout_seconds=timeout_seconds)


def measure_models(
    state: StudyState, earlier: Plan | None, *, slots: Sequence[Slot], timeout_seconds: float
) -> StudyState:
    """The study with the parameters and MACs of every cell's model.

    Args:
        state: The study.
        earlier: The plan that the study's folder holds, whose sizes are used again; or None.
        slots: What each worker may use.
        timeout_seconds: Longest time for building a model.

    Raises:
        RequestError: A model cannot be built.
    """
    plan = state.plan if earlier is None else state.plan.with_model_sizes_of(earlier)
    unknown = [] if plan.is_of_programs else [each for each in plan.cells if not each.parameters]
    if unknown or state.pending:
        start_server(plan, state.folder)
    if unknown:
        sizes = measure_cells(
            unknown, slots, datasets=plan.datasets, timeout_seconds=timeout_seconds
        )
        plan = plan.with_model_sizes(sizes)
    return state.with_plan(plan)


def start_server(plan: Plan, folder: StudyFolder) -> None:
    """Start the server that workers are forked from, so that it imports Keras meanwhile."""
    folder.path.mkdir(parents=True, exist_ok=True)
    log = folder.path / "server.log"
    if plan.is_of_programs:
        warm_up(log, PRELOADED_WITHOUT_KERAS)
    else:
        pin_environment(plan.backend)
        warm_up(log)


def execute(
    state: StudyState, session: Session, *, train: Callable[[], float | None]
) -> tuple[StudyState, Recording]:
    """Train, and let the terminal and MLflow follow until everything has ended.

    Args:
        state: The study; only what its plan asks for is trained, of the plan in its folder.
        session: What to train with.
        train: Trains the pending runs; called if there are any, returns when they have ended.
            Returns how many seconds MLflow may take after that; None for as long as it answers.

    Returns:
        The state after training, and the recording in MLflow.
    """
    pending = state.pending
    runs = [run for _, run in pending]
    progress = ProgressDisplay(session.console, plan=state.plan, folder=state.folder, runs=runs)
    shown = Watch(state, follower=progress, runs=pending, from_now=True)
    shower = WatchThread(lambda: shown, seconds=PROGRESS_SECONDS)
    # The plan in the folder may hold more runs than this command asks for: MLflow gets them all.
    recorded = state.with_plan(state.folder.read_plan())
    recording = Recording(recorded, session.store_uri, show=session.show)
    recorder = recording.thread()
    with _cached_images(state, session.images), recorder:
        if pending:
            with progress, shower:
                recorder.most_seconds = train()
    if shower.fault is not None:
        raise shower.fault
    recording.settle(recorder.fault)
    return state.refreshed(), recording


@contextlib.contextmanager
def _cached_images(state: StudyState, images: Mapping[str, Images]) -> Iterator[None]:
    """Images cached for the workers, as long as a run may need them."""
    if state.pending:
        for item in images.values():
            save(state.folder.images, item)
    yield
    if not state.refreshed().pending:
        discard(state.folder.images)
