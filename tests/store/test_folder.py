from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.errors import RequestError
from ablate.store.folder import RunFolder, StudyFolder
from ablate.store.plan import Plan, PlannedCell
from ablate.study.design import cells_of
from ablate.study.result import Cost, Result, Status
from ablate.study.study import Factor, Level, Study
from tests.conftest import ACCURACY

IMAGES = {"shape": [8, 8, 1], "classes": ["a", "b"], "train": 6, "validation": 2, "test": 2,
          "chance": 0.5, "excluded": []}  # fmt: skip


def plan_of(replicates: int = 2, *, epochs: int = 1) -> Plan:
    factor = Factor("residual", (Level("present"), Level("absent")))
    study = Study("mine", (factor,), replicates=replicates, responses=(ACCURACY,))
    cells = tuple(
        PlannedCell(
            cell,
            Variant({"_target_": "a.b", "residual": cell["residual"]}, {}, Recipe(epochs=epochs)),
            images="pixels",
            seeds=tuple(range(replicates)),
            parameters=10,
            macs=20,
        )
        for cell in cells_of(study)
    )
    return Plan(study, cells, {"pixels": IMAGES}, "code", "tensorflow", {"ablate": "0"})


def finish(folder: StudyFolder, plan: Plan, *, accuracy: float = 0.5) -> None:
    for planned, run in plan.runs():
        place = folder.run(planned.cell.slug, run.seed)
        place.open("attempt", fingerprint=plan.fingerprint(planned, run.seed))
        place.append({"event": "epoch", "epoch": 1, "loss": 1.0, "accuracy": 0.25,
                      "val_loss": 1.0, "val_accuracy": 0.5, "seconds": 0.1})  # fmt: skip
        place.commit(
            Result(
                planned.cell.slug,
                run.seed,
                plan.fingerprint(planned, run.seed),
                Status.COMPLETE,
                {"test_accuracy": accuracy},
                Cost(10, 20, 0.1, 0.1, 1000),
                {"device": "cpu"},
            )
        )


def settled(folder: StudyFolder, plan: Plan) -> int:
    return len(folder.settled(plan))


def test_a_plan_reads_back_what_was_frozen(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    folder.write_plan(plan_of())
    assert folder.read_plan() == plan_of()


def test_a_study_reads_back_as_a_table_of_runs(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    plan = plan_of()
    folder.adopt(plan)
    finish(folder, plan)
    record = folder.read_study()
    assert record.runs["status"].tolist() == ["complete"] * 4
    assert record.runs["residual"].tolist() == ["present", "present", "absent", "absent"]
    assert record.runs["test_accuracy"].tolist() == [0.5] * 4
    assert record.histories["val_accuracy"].tolist() == [0.5] * 4
    assert record.held_constant["recipe.epochs"] == "1"
    assert "model.residual" not in record.held_constant
    assert record.chance == 0.5


def test_more_replicates_leave_what_is_done_done(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    folder.adopt(plan_of(2))
    finish(folder, plan_of(2))
    folder.adopt(plan_of(3))
    assert settled(folder, plan_of(3)) == 4
    assert folder.read_study().runs["status"].tolist().count("missing") == 2


def test_results_of_another_recipe_are_laid_aside_and_come_back(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    short, long = plan_of(epochs=1), plan_of(epochs=2)
    folder.adopt(short)
    finish(folder, short, accuracy=0.5)
    assert settled(folder, long) == 0
    folder.adopt(long)
    finish(folder, long, accuracy=0.75)
    assert settled(folder, short) == 4
    folder.adopt(short)
    assert folder.read_study().runs["test_accuracy"].tolist() == [0.5] * 4
    folder.adopt(long)
    assert folder.read_study().runs["test_accuracy"].tolist() == [0.75] * 4


@pytest.mark.parametrize(
    ("status", "again"),
    [
        (Status.DIVERGED, False),
        (Status.FAILED, True),
        (Status.CRASHED, True),
        (Status.OUT_OF_MEMORY, True),
        (Status.TIMEOUT, True),
        (Status.PREEMPTED, True),
    ],
)
def test_only_what_training_could_change_is_trained_again(
    tmp_path: Path, status: Status, again: bool
) -> None:
    folder, plan = StudyFolder(tmp_path / "mine"), plan_of()
    planned = plan.cells[0]
    place = folder.run(planned.cell.slug, 0)
    identity = (planned.cell.slug, 0, plan.fingerprint(planned, 0))
    place.open("attempt", fingerprint=identity[2])
    place.commit(Result(*identity, status, error="why"))
    assert (settled(folder, plan) == 0) == again
    folder.adopt(plan)
    assert place.open("another", fingerprint=identity[2])
    stopped = status is Status.PREEMPTED
    assert place.cause() == ("the study was stopped" if stopped else f"{status}: why")
    assert place.result() is None


def test_a_factor_that_is_added_later_loses_no_result(tmp_path: Path) -> None:
    folder, plan = StudyFolder(tmp_path / "mine"), plan_of()
    folder.adopt(plan)
    finish(folder, plan)
    wider = with_factor(plan)
    assert settled(folder, wider) == 4
    folder.adopt(wider)
    assert settled(folder, wider) == 4
    runs = folder.read_study().runs
    assert (runs["status"] == "complete").sum() == 4
    kept = runs[runs["status"] == "complete"]
    assert kept["width"].unique().tolist() == ["narrow"]
    folder.adopt(plan)
    assert settled(folder, plan) == 4


def with_factor(plan: Plan) -> Plan:
    """The plan of a study with one more factor, whose reference level changes nothing."""
    width = Factor("width", (Level("narrow"), Level("wide")))
    study = dataclasses.replace(plan.study, factors=(*plan.study.factors, width))
    variants = {planned.cell["residual"]: planned for planned in plan.cells}
    cells = []
    for cell in cells_of(study):
        planned = dataclasses.replace(variants[cell["residual"]], cell=cell)
        if cell["width"] == "wide":
            model = {**planned.variant.model, "width": 2}
            variant = dataclasses.replace(planned.variant, model=model)
            planned = dataclasses.replace(planned, variant=variant)
        cells.append(planned)
    return dataclasses.replace(plan, study=study, cells=tuple(cells))


def test_a_result_that_was_damaged_is_trained_again(tmp_path: Path) -> None:
    folder, plan = StudyFolder(tmp_path / "mine"), plan_of()
    folder.adopt(plan)
    finish(folder, plan)
    slug = plan.cells[0].cell.slug
    (folder.run(slug, 0).path / "result.json").write_bytes(b"\0" * 100)
    assert settled(folder, plan) == 3
    folder.adopt(plan)
    assert folder.read_study().runs["status"].tolist().count("missing") == 1


def test_a_plan_that_was_damaged_is_told_in_one_line(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "mine")
    folder.adopt(plan_of())
    (tmp_path / "mine" / "plan.json").write_text("{")
    with pytest.raises(RequestError, match="cannot be read"):
        folder.read_plan()


def test_runs_that_were_stopped_are_preempted_and_others_stay(tmp_path: Path) -> None:
    folder, plan = StudyFolder(tmp_path / "mine"), plan_of()
    folder.adopt(plan)
    planned = plan.cells[0]
    place = folder.run(planned.cell.slug, 0)
    place.open("attempt", fingerprint=plan.fingerprint(planned, 0))
    place.append({"event": "epoch", "epoch": 3})
    folder.preempt(plan)
    statuses = folder.read_study().runs["status"].tolist()
    assert statuses == ["preempted", "missing", "missing", "missing"]
    result = place.result()
    assert result is not None
    assert "after epoch 3" in result.error


def test_a_run_whose_worker_died_before_its_first_line_loses_nothing_afterwards(
    tmp_path: Path,
) -> None:
    folder, plan = StudyFolder(tmp_path / "mine"), plan_of()
    folder.adopt(plan)
    slug, wanted = plan.cells[0].cell.slug, plan.fingerprint(plan.cells[0], 0)
    place = folder.run(slug, 0)
    place.break_off(Status.CRASHED, "signal 9")
    place.commit(Result(slug, 0, wanted, Status.CRASHED, error="signal 9"))
    assert not place.open("attempt", fingerprint=wanted)
    place.append({"event": "epoch", "epoch": 1})
    assert place.result() is None
    folder.adopt(plan)  # the study was killed, and the same command is given again
    assert place.open("other", fingerprint=wanted)
    assert [event["event"] for event in place.events()[0]] == ["broken_off", "started", "epoch"]


@pytest.mark.parametrize("status", [Status.CRASHED, Status.PREEMPTED])
@pytest.mark.parametrize("begun", [True, False])
def test_a_result_is_gone_before_the_journal_tells_of_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: Status, begun: bool
) -> None:
    place = RunFolder(tmp_path)
    if begun:
        place.open("attempt", fingerprint="print")
    place.commit(Result("cell", 0, "print", status, error="why"))
    plain, there = RunFolder.append, []

    def append(run: RunFolder, event: dict) -> None:
        there.append(run.result())
        plain(run, event)

    monkeypatch.setattr(RunFolder, "append", append)
    assert place.open("other", fingerprint="print") == begun
    assert there == [None]


def test_a_line_that_a_dying_process_left_is_cut_off(tmp_path: Path) -> None:
    place = RunFolder(tmp_path)
    place.open("attempt", fingerprint="print")
    with place.journal.open("a") as file:
        file.write('{"event": "epo')
    assert place.open("other", fingerprint="print")
    place.append({"event": "epoch", "epoch": 1})
    assert [event["event"] for event in place.events()[0]] == ["started", "epoch"]


def test_a_line_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    place = RunFolder(tmp_path)
    place.open("attempt", fingerprint="print")
    with place.journal.open("a") as file:
        file.write('{"event": "epo')
    events, offset = place.events()
    assert [event["event"] for event in events] == ["started"]
    with place.journal.open("a") as file:
        file.write('ch", "epoch": 1}\n')
    events, _ = place.events(offset)
    assert events == [{"event": "epoch", "epoch": 1}]


def test_a_study_that_was_never_run_is_answered_with_those_that_were(tmp_path: Path) -> None:
    StudyFolder(tmp_path / "mine").write_plan(plan_of())
    with pytest.raises(RequestError, match="Did you mean 'mine'"):
        StudyFolder(tmp_path / "mien").read_plan()


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"model": {"_target_": "a.b", "residual": "other"}}, False),
        ({"recipe": Recipe(epochs=1, batch_size=8)}, False),
        ({"data": {"_target_": "c.d", "path": "elsewhere"}}, True),
        ({"allow": ("theirs",)}, True),
    ],
    ids=["model", "recipe", "where_images_lie", "what_is_allowed"],
)
def test_a_run_is_identified_by_what_can_change_its_result(change: dict, same: bool) -> None:
    plan = plan_of()
    planned = plan.cells[0]
    other = dataclasses.replace(planned, variant=dataclasses.replace(planned.variant, **change))
    assert (plan.fingerprint(planned, 0) == plan.fingerprint(other, 0)) == same
    assert plan.fingerprint(planned, 0) != plan.fingerprint(planned, 1)


def test_measures_are_kept_while_models_and_code_stay(tmp_path: Path) -> None:
    folder, plan = StudyFolder(tmp_path / "mine"), plan_of(epochs=1)
    folder.write_plan(plan)
    known = folder.measures(plan_of(replicates=5, epochs=3))
    assert list(known.values()) == [{"parameters": 10, "macs": 20}] * 2
    assert folder.measures(dataclasses.replace(plan, code="other")) == {}
