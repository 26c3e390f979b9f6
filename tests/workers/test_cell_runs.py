"""What a worker records of the runs that a cell trainer trains, whatever the trainer is."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from ablate.config.retention import Retention
from ablate.store.folder import RunFolder
from ablate.study.result import Result, Status
from ablate.training.initial_state import FRESH, Epoch, InitialState
from ablate.training.trainer import DivergedError
from ablate.workers import cell_runs
from ablate.workers.cell_runs import Callbacks, CellRuns
from ablate.workers.cell_trainer import Failed, Finished, Step
from tests.store.written import Written, written

EPOCHS = 3


class InterleavingTrainer:
    """Trains all seeds at the same time, one epoch each in turn.

    Attributes:
        errors: What is raised instead of the second epoch, by seed.
        unprepared: What `prepare` raises; empty if it succeeds.
        starts: What each seed was started from.
        lost: Seeds whose state cannot be read.
        unsavable: Whether its models cannot be saved.
    """

    def __init__(self, *, resumable: bool = True) -> None:
        self.errors: dict[int, BaseException] = {}
        self.unprepared: list[Exception] = []
        self.starts: dict[int, InitialState] = {}
        self.lost: set[int] = set()
        self.unsavable = False
        self._resumable = resumable
        self._epochs: dict[int, list[Epoch]] = {}

    def prepare(self) -> None:
        if self.unprepared:
            raise self.unprepared.pop(0)

    def train(
        self, seeds: Sequence[int], start: Callable[[int], InitialState]
    ) -> Iterator[tuple[int, Step]]:
        self.starts |= {seed: start(seed) for seed in seeds}
        self._epochs = {seed: list(self.starts[seed].epochs) for seed in seeds}
        training = list(seeds)
        while training:
            for seed in list(training):
                step = self._step(seed)
                yield seed, step
                if not isinstance(step, Epoch):
                    training.remove(seed)

    def _step(self, seed: int) -> Step:
        number = len(self._epochs[seed]) + 1
        if number == 2 and seed in self.errors:
            return Failed(self.errors[seed])
        if number > EPOCHS:
            return Finished({"test_accuracy": seed / 10, "val_accuracy": seed / 10})
        numbers = {"loss": 1 / number, "accuracy": 0.5, "val_loss": 1 / number, "val_accuracy": 0.5}
        self._epochs[seed].append(Epoch(number, numbers, 0.1))
        return self._epochs[seed][-1]

    def save_model(self, path: Path) -> None:
        if self.unsavable:
            raise TypeError("no get_config")
        path.write_bytes(b"a model")

    def state(self, seed: int) -> InitialState | None:
        if seed in self.lost:
            raise ValueError("the state is lost")
        if not self._resumable:
            return None
        arrays = (np.full(2, seed, np.float32),)
        return InitialState(tuple(self._epochs[seed]), arrays)

    def fits(self, start: InitialState) -> bool:
        return [array.shape for array in start.arrays] == [(2,)]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cell_runs, "changed_files", lambda planned, plan: [])
    return written(replicates=3)


def train(
    study: Written,
    trainer: InterleavingTrainer,
    *seeds: int,
    keep: bool = False,
    keep_model: str = "none",
) -> None:
    planned = study.plan.cells[0]
    runs = CellRuns(
        study.folder, study.plan, planned=planned, trainer=trainer, callbacks=Callbacks()
    )
    runs.train(seeds or planned.seeds, retention=Retention(keep, keep_model))


def run_of(study: Written, seed: int) -> RunFolder:
    return study.folder.run(study.plan.cells[0].cell.slug, seed)


def result_of(study: Written, seed: int) -> Result:
    result = run_of(study, seed).result()
    assert result is not None
    return result


def events_of(study: Written, seed: int) -> list[str]:
    lines = run_of(study, seed).journal.read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


def test_interleaved_seeds_are_recorded_one_by_one(study: Written) -> None:
    train(study, InterleavingTrainer())
    for seed in (0, 1, 2):
        assert result_of(study, seed).status is Status.COMPLETE
        assert result_of(study, seed).responses["test_accuracy"] == seed / 10
        assert events_of(study, seed) == ["started", "epoch", "epoch", "epoch"]
        assert not run_of(study, seed).checkpoints.exists()


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        pytest.param(
            DivergedError(2, "training loss"),
            Status.DIVERGED,
            "The training loss was not finite after epoch 2.",
            id="diverged",
        ),
        pytest.param(ValueError("bad"), Status.FAILED, "ValueError: bad", id="failed"),
        pytest.param(SystemExit("enough"), Status.FAILED, "SystemExit: enough", id="sys_exit"),
    ],
)
def test_a_seed_that_fails_does_not_end_the_others(
    study: Written, error: BaseException, status: Status, message: str
) -> None:
    trainer = InterleavingTrainer()
    trainer.errors[1] = error
    train(study, trainer)
    assert (result_of(study, 1).status, result_of(study, 1).error) == (status, message)
    assert result_of(study, 0).status is result_of(study, 2).status is Status.COMPLETE


def test_exhausted_memory_leaves_the_other_seeds_to_another_process(study: Written) -> None:
    trainer = InterleavingTrainer()
    trainer.errors[1] = MemoryError()
    train(study, trainer)
    assert result_of(study, 1).status is Status.OUT_OF_MEMORY
    assert result_of(study, 1).error == "Memory ran out: MemoryError"
    assert run_of(study, 0).result() is run_of(study, 2).result() is None


def test_a_disk_error_ends_the_worker(study: Written) -> None:
    trainer = InterleavingTrainer()
    trainer.errors[0] = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        train(study, trainer)


def test_a_cell_that_cannot_be_built_fails_every_seed(study: Written) -> None:
    trainer = InterleavingTrainer()
    trainer.unprepared = [ValueError("no model") for _ in range(3)]
    train(study, trainer)
    assert [result_of(study, seed).error for seed in (0, 1, 2)] == ["ValueError: no model"] * 3
    assert trainer.starts == {}


def test_an_epoch_that_cannot_be_saved_fails_its_seed_only(study: Written) -> None:
    trainer = InterleavingTrainer()
    trainer.lost = {1}
    train(study, trainer)
    assert result_of(study, 1).error == "ValueError: the state is lost"
    assert result_of(study, 0).status is result_of(study, 2).status is Status.COMPLETE


def test_an_interrupted_seed_starts_from_its_checkpoint(study: Written) -> None:
    trainer = InterleavingTrainer()
    trainer.errors[0] = RuntimeError("once")
    train(study, trainer, 0)
    again = InterleavingTrainer()
    train(study, again, 0, 1, keep=True)
    assert [epoch.epoch for epoch in again.starts[0].epochs] == [1]
    assert again.starts[1] == FRESH
    assert events_of(study, 0) == ["started", "epoch", "interrupted", "resumed", "epoch", "epoch"]
    cost = result_of(study, 0).cost
    assert cost is not None
    assert cost.train_seconds == pytest.approx(0.3)
    assert sorted(file.name for file in run_of(study, 0).checkpoints.iterdir()) == [
        "000002", "000003"
    ]  # fmt: skip


def test_a_checkpoint_of_another_model_is_not_used(study: Written) -> None:
    trainer = InterleavingTrainer()
    trainer.errors[0] = RuntimeError("once")
    train(study, trainer, 0)
    again = InterleavingTrainer()
    again.fits = lambda start: False  # type: ignore[method-assign]
    train(study, again, 0)
    assert again.starts[0] == FRESH
    assert "a checkpoint that does not fit the model" in run_of(study, 0).journal.read_text()


def test_a_trainer_without_checkpoints_starts_again(study: Written) -> None:
    trainer = InterleavingTrainer(resumable=False)
    trainer.errors[0] = RuntimeError("once")
    train(study, trainer, 0)
    assert not run_of(study, 0).checkpoints.exists()
    again = InterleavingTrainer(resumable=False)
    train(study, again, 0)
    assert again.starts[0] == FRESH
    assert result_of(study, 0).status is Status.COMPLETE


def test_code_that_changed_since_the_plan_fails_the_run(
    study: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cell_runs, "changed_files", lambda planned, plan: ["models/mine.py"])
    train(study, InterleavingTrainer(), 0)
    assert "changed since then: models/mine.py" in result_of(study, 0).error


@pytest.mark.parametrize(("keep_model", "kept"), [("all", [0, 1, 2]), ("best", [2]), ("none", [])])
def test_the_trained_models_that_were_asked_for_are_kept(
    study: Written, keep_model: str, kept: list[int]
) -> None:
    train(study, InterleavingTrainer(), keep_model=keep_model)
    assert [seed for seed in range(3) if run_of(study, seed).model.exists()] == kept


def test_a_better_model_of_a_later_command_replaces_the_kept_one(study: Written) -> None:
    train(study, InterleavingTrainer(), 0, 1, keep_model="best")
    run_of(study, 2).path.mkdir(parents=True)
    run_of(study, 2).model.write_bytes(b"of an earlier attempt")
    train(study, InterleavingTrainer(), 2, keep_model="best")
    assert [seed for seed in range(3) if run_of(study, seed).model.exists()] == [2]
    assert run_of(study, 2).model.read_bytes() == b"a model"


def test_a_run_whose_model_cannot_be_saved_is_complete(
    study: Written, capfd: pytest.CaptureFixture[str]
) -> None:
    trainer = InterleavingTrainer()
    trainer.unsavable = True
    train(study, trainer, keep_model="all")
    assert result_of(study, 0).status is Status.COMPLETE
    assert "The trained model cannot be saved: TypeError: no get_config" in capfd.readouterr().out
