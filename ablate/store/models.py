"""Which trained models a study keeps: `model.keras` next to the result of a run."""

from __future__ import annotations

from collections.abc import Iterable

from ablate.store.disk import remove
from ablate.store.folder import RunFolder, StudyFolder
from ablate.study.response import Response
from ablate.study.result import Status


def kept_models(folder: StudyFolder, cell: str) -> tuple[int, ...]:
    """The seeds of a cell whose trained model is on disk, in their order."""
    own = folder.path / cell
    # A link may lead out of the study: what it leads to is neither read nor removed.
    found = [
        path.name
        for path in ([] if own.is_symlink() else own.glob("*"))
        if path.name.isdecimal()
        and not path.is_symlink()
        and not (path / "model.keras").is_symlink()
        and (path / "model.keras").is_file()
    ]
    return tuple(sorted(int(seed) for seed in found))


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


def remove_models(folder: StudyFolder, cells: Iterable[str]) -> None:
    """Remove the models of some cells."""
    for cell in cells:
        for seed in kept_models(folder, cell):
            remove(folder.run(cell, seed).model)


def _validation_score(run: RunFolder, response: Response) -> float:
    """How good a run is on the validation images; higher is better, also for a loss."""
    result = run.result()
    if result is None or result.status is not Status.COMPLETE:
        return float("-inf")
    name = response.name.removeprefix("test_")
    if f"val_{name}" in result.responses:
        score = result.responses[f"val_{name}"]
        return score if response.direction == "higher" else -score
    return -result.responses.get("val_loss", float("inf"))
