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


def bytes_needed(
    state: StudyState, images: Mapping[str, Images], *, workers: int, keep_model: str
) -> int:
    """About how much a study will write: cached images, checkpoints, models and records.

    Args:
        state: The study.
        images: Its images, by fingerprint.
        workers: Number of worker processes.
        keep_model: Which trained models are kept; see `ablate.config.retention`.
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
    checkpoints = workers * (CHECKPOINTS_KEPT + 1)
    # Until the report is written, every cell keeps its best model.
    models = {"none": 0, "best": len(state.plan.cells), "all": len(state.pending)}[keep_model]
    files = (checkpoints + models) * largest * VALUES_PER_PARAMETER * VALUE_BYTES
    return STUDY_BYTES + pixels + files + RUN_BYTES * len(state.pending)
