"""How much disk space a study will need."""

from __future__ import annotations

from collections.abc import Mapping

from ablate.data.images import Images
from ablate.store.checkpoint import CHECKPOINTS_KEPT
from ablate.store.state import StudyState

STUDY_BYTES = 10_000_000
"""MLflow's empty store, the report with its figures, and the logs of the processes."""
RUN_BYTES = 30_000
"""A run's journal, result and log, and MLflow's copy of them."""
VALUE_BYTES = 4
VALUES_PER_PARAMETER = 3
"""A weight and two moments of the optimizer."""


def bytes_needed(state: StudyState, images: Mapping[str, Images], *, workers: int) -> int:
    """About how much a study will write: cached images, checkpoints of active runs, records.

    Args:
        state: The study.
        images: Its images, by fingerprint.
        workers: Number of worker processes.
    """
    if not state.pending:
        return STUDY_BYTES
    pixels = sum(
        array.nbytes
        for item in images.values()
        if not (state.folder.images / item.fingerprint).is_dir()
        for part in item.parts.values()
        for array in (part.x, part.y)
    )
    largest = max(planned.parameters for planned, _ in state.pending)
    # While a checkpoint is written, the older ones still exist.
    files = workers * (CHECKPOINTS_KEPT + 1)
    checkpoints = files * largest * VALUES_PER_PARAMETER * VALUE_BYTES
    return STUDY_BYTES + pixels + checkpoints + RUN_BYTES * len(state.pending)
