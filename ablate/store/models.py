"""Which trained models a study keeps: `model.keras` next to the result of a run."""

from __future__ import annotations

from collections.abc import Collection

from ablate.store.disk import remove
from ablate.store.folder import RunFolder, StudyFolder
from ablate.study.response import Response
from ablate.study.result import Status


def kept_models(folder: StudyFolder, cell: str) -> tuple[int, ...]:
    """The seeds of a cell whose trained model is on disk, in their order."""
    files = folder.path.joinpath(cell).glob("*/model.keras")
    seeds = [path.parent.name for path in files if path.is_file() and not path.is_symlink()]
    return tuple(sorted(int(seed) for seed in seeds if seed.isdecimal()))


def keep_best_model(folder: StudyFolder, cell: str, *, response: Response) -> None:
    """Remove the models of a cell but that of the run with the best score on validation images.

    Args:
        folder: The folder of the study.
        cell: The cell's slug.
        response: What the study is judged by; `val_accuracy` stands for `test_accuracy`.
    """
    seeds = kept_models(folder, cell)
    scores = {seed: _validation_score(folder.run(cell, seed), response) for seed in seeds}
    best = max(seeds, key=lambda seed: (scores[seed], -seed), default=None)
    for seed in seeds:
        if seed != best:
            remove(folder.run(cell, seed).model)


def keep_models_of(folder: StudyFolder, cells: Collection[str]) -> None:
    """Remove the models of all cells but these."""
    for path in folder.path.glob("*/*/model.keras"):
        if path.parent.parent.name not in cells:
            remove(path)


def _validation_score(run: RunFolder, response: Response) -> float:
    """How good a run is on the validation images; higher is better, also for a loss."""
    result = run.read_result()[0]
    if result is None or result.status is not Status.COMPLETE:
        return float("-inf")
    name = response.name.removeprefix("test_")
    if f"val_{name}" in result.responses:
        score = result.responses[f"val_{name}"]
        return score if response.direction == "higher" else -score
    return -result.responses.get("val_loss", float("inf"))
