from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ablate.store.events import EpochEnded, Interrupted, Resumed, Started
from ablate.store.state import StudyState
from ablate.study.design import Run, cells_of
from ablate.study.response import Response
from ablate.study.result import Result, Status
from ablate.study.study import Factor, Level, Study
from ablate.tracking.progress import ProgressDisplay, show_forecast, show_plan
from tests.store.written import Written, written


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.chdir(tmp_path)
    return written()


def display_of(study: Written, *measures: Response) -> tuple[ProgressDisplay, io.StringIO]:
    """A display for a study whose data sets have these measures, and what it prints."""
    datasets = {
        fingerprint: dataclasses.replace(info, measures=measures)
        for fingerprint, info in study.plan.datasets.items()
    }
    plan = dataclasses.replace(study.plan, datasets=datasets)
    output = io.StringIO()
    console = Console(file=output, width=200)
    return ProgressDisplay(console, plan=plan, folder=study.folder, runs=study.runs), output


def shown(display: ProgressDisplay, run: Run) -> str:
    return display._active[run]


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        pytest.param(
            [Response("accuracy", "higher", "fraction"), Response("other", "higher")],
            "epoch 2/10, validation accuracy 97.50 %, 0.25 s",
            id="fraction",
        ),
        pytest.param(
            [Response("mean_error", "lower")],
            "epoch 2/10, validation mean error 3.5000, 0.25 s",
            id="number",
        ),
        pytest.param([], "epoch 2/10, 0.25 s", id="loss_only"),
    ],
)
def test_an_epoch_shows_the_first_measure_of_its_data_set(
    study: Written, measures: list[Response], expected: str
) -> None:
    display, _ = display_of(study, *measures)
    run = study.runs[0]
    numbers = {"val_loss": 0.1, "val_accuracy": 0.975, "val_mean_error": 3.5, "val_other": 7.0}
    display.event(run, EpochEnded(2, numbers, 0.25))
    assert shown(display, run) == expected


def test_interruptions_and_skipped_checkpoints_are_printed(study: Written) -> None:
    display, output = display_of(study)
    run = study.runs[0]
    display.event(run, Started("first", "fingerprint"))
    display.event(run, Interrupted(Status.CRASHED, "signal 9"))
    assert shown(display, run) == "building the model"
    display.event(run, Resumed(3, "signal 9", ("checkpoint of epoch 4: truncated",)))
    assert shown(display, run) == "resuming after epoch 3"
    assert output.getvalue().splitlines() == [
        f"{run.cell.name}, seed 0: interrupted (crashed: signal 9); retrying.",
        f"{run.cell.name}, seed 0: checkpoint of epoch 4: truncated; skipped.",
    ]


def test_a_stopped_study_prints_no_interruption(study: Written) -> None:
    display, output = display_of(study)
    display.event(study.runs[0], Interrupted(Status.PREEMPTED, "stopped"))
    assert output.getvalue() == ""


def plan_lines(study: Written, **changes: Any) -> list[str]:
    datasets = {
        fingerprint: dataclasses.replace(info, **changes)
        for fingerprint, info in study.plan.datasets.items()
    }
    plan = dataclasses.replace(study.plan, datasets=datasets)
    output = io.StringIO()
    show_plan(Console(file=output, width=200), StudyState.read(study.folder, plan))
    return output.getvalue().splitlines()


def test_the_plan_shows_what_is_known_of_the_images(study: Written) -> None:
    assert plan_lines(study, values=(0.0, 0.5))[-1] == (
        "Images: 8 x 8 x 1, values 0 to 0.5; 6 to train, 2 to validate, 2 to test; "
        "2 classes: a and b."
    )
    assert plan_lines(study, notes=("A note.",))[-1] == "A note."
    many = tuple(f"c{number}" for number in range(200))
    assert plan_lines(study, classes=many)[-1].endswith("c8, c9 and 190 more.")
    left_out = tuple(f"cat/{number}.jpg: empty" for number in range(5))
    assert plan_lines(study, excluded=left_out)[-1] == (
        "Left out: cat/0.jpg: empty; cat/1.jpg: empty; cat/2.jpg: empty; and 2 more."
    )


ESCAPE = "\x1b]0;owned\x07\x1b[2J\u202e[bold]"
"""What sets the title of a terminal, clears it and reverses its text."""


def test_names_of_factors_and_levels_do_not_control_the_terminal(study: Written) -> None:
    levels = (Level("present" + ESCAPE), Level("absent" + ESCAPE))
    named = Study("mine", (Factor("residual" + ESCAPE, levels), Factor("b" + ESCAPE, levels)))
    named = dataclasses.replace(named, design="leave_one_out", responses=study.plan.study.responses)
    cells = tuple(
        dataclasses.replace(study.plan.cells[0], cell=cell, seeds=(0,)) for cell in cells_of(named)
    )
    state = study.state.with_plan(dataclasses.replace(study.plan, study=named, cells=cells))
    output = io.StringIO()
    console = Console(file=output, width=200)
    show_plan(console, state)
    show_forecast(console, state.plan, lines=["a" + ESCAPE])
    shown = output.getvalue()
    assert "present\\x1b]0;owned" in shown
    assert "[bold]" in shown
    assert not set(shown) & {"\x1b", "\x07", "\u202e"}


def test_what_a_journal_says_does_not_control_the_terminal(study: Written) -> None:
    display, output = display_of(study)
    run = study.runs[0]
    display.event(run, Interrupted(Status.CRASHED, ESCAPE))
    display.event(run, Resumed(1, "", (ESCAPE,)))
    display.ended(run, Result(run.cell.slug, 0, "f", Status.FAILED, error=ESCAPE))
    assert not set(output.getvalue()) & {"\x1b", "\x07", "\u202e"}
