"""Which trained models a study keeps: `model.keras` next to the result of a run."""

from __future__ import annotations

from collections.abc import Iterable

from ablate.store.disk import remove
from ablate.store.folder import StudyFolder
from ablate.study.response import Response
from ablate.study.result import Result


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


def beats_kept_models(folder: StudyFolder, result: Result, *, response: Response) -> bool:
    """Whether a complete run is better on the validation images than all of its cell that are kept.

    Args:
        folder: The folder of the study.
        result: The result of the run.
        response: What the study is judged by; `val_accuracy` stands for `test_accuracy`.
    """
    others = set(kept_models(folder, result.cell)) - {result.seed}
    kept = [folder.run(result.cell, seed).read_result()[0] for seed in others]
    score = _validation_score(result, response)
    return all(score > _validation_score(other, response) for other in kept if other is not None)


def keep_one_model(folder: StudyFolder, cell: str, *, seed: int) -> None:
    """Remove the models of a cell but that of one run."""
    for other in kept_models(folder, cell):
        if other != seed:
            remove(folder.run(cell, other).model)


def remove_models(folder: StudyFolder, cells: Iterable[str]) -> None:
    """Remove the models of some cells."""
    for cell in cells:
        for seed in kept_models(folder, cell):
            remove(folder.run(cell, seed).model)


def _validation_score(result: Result, response: Response) -> float:
    """How good a run is on the validation images; higher is better, also for a loss."""
    name = response.name.removeprefix("test_")
    if f"val_{name}" in result.responses:
        score = result.responses[f"val_{name}"]
        return score if response.direction == "higher" else -score
    return -result.responses.get("val_loss", float("inf"))
