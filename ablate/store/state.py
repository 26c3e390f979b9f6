"""A plan and its settled runs, read from disk once in a command and then handed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeGuard

from ablate.store.disk import clear_links, make_folder, remove
from ablate.store.folder import RunFolder, StudyFolder
from ablate.store.plan import Plan, PlannedCell
from ablate.study.design import Run
from ablate.study.record import COSTS
from ablate.study.result import Result, Status

SUPERSEDED = "superseded"
"""Folder of runs that the plan no longer asks for; a later plan may ask for them again."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """What a run folder holds.

    Attributes:
        folder: The folder.
        fingerprint: Identity of the run; empty if it is unknown.
        result: Its result; None if it has not ended.
        fault: What is wrong with its result, on one line; empty if nothing is.
    """

    folder: RunFolder
    fingerprint: str
    result: Result | None
    fault: str = ""

    @property
    def settled(self) -> bool:
        """Whether training the run again would change nothing."""
        return self.result is not None and self.result.status.settled


@dataclass(frozen=True, slots=True)
class StudyState:
    """A plan and the results of its runs.

    A result is found by its fingerprint, wherever its folder is; so adding a factor, a level or a
    seed loses no result.

    Attributes:
        folder: The folder of the study.
        plan: The plan.
        stored: What the run folders of the study hold, by path.
        results: Results of the planned runs, settled or not.
        fingerprints: Identities of the planned runs.
    """

    folder: StudyFolder
    plan: Plan
    stored: Mapping[Path, StoredRun]
    results: Mapping[Run, Result] = field(init=False)
    fingerprints: Mapping[Run, str] = field(init=False)

    def __post_init__(self) -> None:
        fingerprints = {
            Run(planned.cell, seed): fingerprint
            for planned in self.plan.cells
            for seed, fingerprint in self.plan.fingerprints(planned, planned.seeds).items()
        }
        object.__setattr__(self, "fingerprints", fingerprints)
        object.__setattr__(self, "results", self._results())

    @staticmethod
    def read(folder: StudyFolder, plan: Plan) -> StudyState:
        """Read every run folder of a study, each once."""
        names = ("journal.jsonl", "result.json")
        superseded = folder.path / SUPERSEDED
        roots = (folder.path,) if superseded.is_symlink() else (folder.path, superseded)
        paths = {
            path.parent
            for name in names
            for root in roots
            for path in root.glob(f"*/*/{name}")
            # What is elsewhere is not of this study, and must not be moved or overwritten.
            if not any(place.is_symlink() for place in path.parents[:2])
        }
        return StudyState(folder, plan, {path: _read(path) for path in sorted(paths)})

    def with_plan(self, plan: Plan) -> StudyState:
        """The state of another plan of the same study; nothing is read."""
        return replace(self, plan=plan)

    def refreshed(self) -> StudyState:
        """The state after training: the folders of pending runs are read again."""
        paths = [self._path(run) for _, run in self.pending]
        again = {path: _read(path) for path in paths if path.is_dir()}
        return replace(self, stored={**self.stored, **again})

    @property
    def settled(self) -> Mapping[Run, Result]:
        """Results of planned runs that training again would not change."""
        return {run: result for run, result in self.results.items() if result.status.settled}

    @property
    def faults(self) -> Mapping[Run, str]:
        """What is wrong with the damaged results of planned runs, a line each."""
        own = {run: self.stored.get(self._path(run)) for run in self.fingerprints}
        return {
            run: found.fault
            for run, found in own.items()
            if found is not None and found.fault and run not in self.results
        }

    @property
    def pending(self) -> tuple[tuple[PlannedCell, Run], ...]:
        """The planned runs that are not settled."""
        settled = self.settled
        return tuple((planned, run) for planned, run in self.plan.runs() if run not in settled)

    def adopt(self) -> StudyState:
        """Write the plan, and move earlier results to the folders where it expects them.

        A run's folder is named by cell and seed, so the same cell with other images or another
        recipe would overwrite it. Nothing that was trained is lost: it is kept in `superseded/`.
        """
        self.folder.write_plan(self.plan)
        stored = dict(self.stored)
        for run, wanted in self.fingerprints.items():
            path = self._path(run)
            found = stored.get(path)
            if found is None or not found.fingerprint:
                clear_links(path, below=self.folder.path)
                remove(path)
                stored.pop(path, None)
            elif found.fingerprint != wanted:
                superseded = self._superseded(run, found.fingerprint)
                _move(stored, found, superseded, below=self.folder.path)
        known = _by_fingerprint(stored)
        for run, wanted in self.fingerprints.items():
            path = self._path(run)
            if path not in stored and wanted in known:
                # The cell may have had another name when the run was trained.
                _move(stored, known[wanted], path, below=self.folder.path, cell=run.cell.slug)
        return replace(self, stored=stored)

    def preempt(self) -> None:
        """Commit interrupted runs as preempted: the next command resumes them."""
        for _, run in self.pending:
            stored, wanted = _read(self._path(run)), self.fingerprints[run]
            if stored.result is None and stored.fingerprint == wanted:
                epochs = max((event.epoch for event in stored.folder.epochs()), default=0)
                error = f"The study was stopped after epoch {epochs}; the same command resumes it."
                stored.folder.commit(
                    Result(run.cell.slug, run.seed, wanted, Status.PREEMPTED, error=error)
                )

    def _results(self) -> dict[Run, Result]:
        results: dict[Run, Result] = {}
        known = _by_fingerprint(self.stored)
        for run, wanted in self.fingerprints.items():
            own, other = self.stored.get(self._path(run)), known.get(wanted)
            for found in (own, other):
                if found is not None and found.fingerprint == wanted and self._fits(found.result):
                    results[run] = found.result
                    break
        return results

    def _fits(self, result: Result | None) -> TypeGuard[Result]:
        """Whether there is a result, and it has every response of the study if it is complete."""
        if result is None or result.status is not Status.COMPLETE:
            return result is not None
        return all(
            response.name in result.responses or response.name in COSTS
            for response in self.plan.study.responses
        )

    def _path(self, run: Run) -> Path:
        return self.folder.run(run.cell.slug, run.seed).path

    def _superseded(self, run: Run, fingerprint: str) -> Path:
        return self.folder.path / SUPERSEDED / run.cell.slug / f"{run.seed}-{fingerprint[:16]}"


def _read(path: Path) -> StoredRun:
    folder = RunFolder(path)
    result, fault = folder.read_result()
    fingerprint = folder.started_fingerprint() if result is None else result.fingerprint
    return StoredRun(folder, fingerprint, result, "" if fault is None else str(fault))


def _by_fingerprint(stored: Mapping[Path, StoredRun]) -> dict[str, StoredRun]:
    """Stored runs by fingerprint; of several with the same one, a settled run."""
    found = sorted(stored.values(), key=lambda each: each.settled)
    return {each.fingerprint: each for each in found if each.fingerprint}


def _move(
    stored: dict[Path, StoredRun],
    moved: StoredRun,
    target: Path,
    *,
    below: Path,
    cell: str | None = None,
) -> None:
    """Move the folder of a run in the study's folder, and correct the name of the cell."""
    source = moved.folder.path
    remove(target)
    make_folder(target.parent, below=below)
    source.rename(target)
    del stored[source]
    folder, result = RunFolder(target), moved.result
    if cell is not None and result is not None:
        result = replace(result, cell=cell)
        folder.commit(result)
    stored[target] = replace(moved, folder=folder, result=result)
