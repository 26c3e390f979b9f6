"""Load a trained model of a study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ablate.errors import RequestError, nearest
from ablate.fields import check_folder_name
from ablate.report.wording import FULL_MODEL, describe
from ablate.store.folder import StudyFolder
from ablate.store.models import kept_models
from ablate.store.plan import Plan
from ablate.study.design import Cell
from ablate.wording import error_summary

if TYPE_CHECKING:
    import keras


def load_model(
    study: str, *, cell: str = FULL_MODEL, seed: int | None = None, folder: str | Path = "."
) -> keras.Model:
    """Load a model that a study has trained and kept, for prediction or further training.

    Args:
        study: The study's name, such as ``xyz``.
        cell: The cell, as the report names it, such as ``no separable``; or the name of its folder.
        seed: The run seed; None: that of the kept model, or the lowest if there are several.
        folder: Where the study was run: the folder that holds `runs/`.

    Returns:
        The model as the run was judged: from images in [0, 1], `(batch, height, width, channels)`.
        It is not compiled.

    Raises:
        RequestError: There is no such study or cell, or it keeps no model.
    """
    stored = StudyFolder(Path(folder) / "runs" / check_folder_name(study, "study"))
    plan = stored.read_plan()
    chosen = _cell(plan, cell)
    kept = kept_models(stored, chosen.slug)
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise RequestError(f"Expected seed to be a whole number; received {seed!r}.")
    if not kept or (seed is not None and seed not in kept):
        raise RequestError(_not_kept(plan, stored, cell=chosen, seed=seed))
    path = stored.run(chosen.slug, kept[0] if seed is None else seed).model
    os.environ.setdefault("KERAS_BACKEND", plan.backend)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # as in the processes that train
    import keras  # only here: the rest of the interface needs no Keras

    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds for layers and files that it cannot read
        raise RequestError(
            f"Cannot load {path}: {error_summary(error, limit=300)}. A layer of your own must be "
            f"registered (@keras.saving.register_keras_serializable()) in a module that you have "
            f"imported; a damaged file is written again if you remove the run's folder and run the "
            f"study again."
        ) from error


def _cell(plan: Plan, name: str) -> Cell:
    cells = {describe(plan.study, dict(each.cell.levels)): each.cell for each in plan.cells}
    by_slug = {cell.slug: cell for cell in cells.values()}
    if not isinstance(name, str):
        raise RequestError(f"Expected the name of a cell; received {name!r}.")
    if name not in cells and name not in by_slug:
        raise RequestError(
            f"Expected a cell of study {plan.study.name!r}; received {name!r}."
            f"{nearest(name, [*cells, *by_slug])}"
        )
    return cells.get(name) or by_slug[name]


def _not_kept(plan: Plan, stored: StudyFolder, *, cell: Cell, seed: int | None) -> str:
    what = describe(plan.study, dict(cell.levels)) + ("" if seed is None else f", seed {seed}")
    kept = [
        f"{describe(plan.study, dict(each.cell.levels))} (seed {number})"
        for each in plan.cells
        for number in kept_models(stored, each.cell.slug)
    ]
    path = stored.run(cell.slug, 0 if seed is None else seed).path
    if plan.is_of_programs:
        return (
            f"No model of {what} is kept, since an external program trained it; what the program "
            f"has saved itself is in {path / 'work'}."
        )
    return (
        f"No trained model of {what} is kept; kept are: {', '.join(kept) or 'none'}. Remove {path} "
        f"and run the study again with store.keep_model=all: the run is trained again, to the same "
        f"numbers."
    )
