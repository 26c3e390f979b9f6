from __future__ import annotations

from dataclasses import replace

import pytest
from pytest import param

from ablate.analysis.analyse import analyse_record
from ablate.analysis.findings import SeedRange, Verdict
from ablate.report.next_step import next_step, with_replicates
from ablate.report.page import report_data
from ablate.report.section import ReportData
from ablate.report.terminal import end_lines
from ablate.study.record import StudyRecord
from ablate.study.study import Study
from tests.report.simulated import data_of, runs_of

COMMAND = "python -m ablate --multirun study=xyz"


def data_with(study: Study, *, verdict: Verdict, command: str = COMMAND) -> ReportData:
    """A study with complete runs and one verdict on every part."""
    data = data_of(study, runs_of(study, failing=False))
    components = tuple(
        replace(component, full=component.full and replace(component.full, verdict=verdict))
        for component in data.analysis.components
    )
    decided = replace(data.analysis, components=components, simplest=None)
    record = replace(data.record, provenance={"command": command} if command else {"runs": "r.csv"})
    commands = () if command else ("python -m ablate.report runs=r.csv",)
    return report_data(record, decided, commands=commands)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (COMMAND, f"{COMMAND} study.replicates=8"),
        (f"{COMMAND} study.replicates=3 data=npz", f"{COMMAND} data=npz study.replicates=8"),
        (f"{COMMAND} 'data.path=a b'", f"{COMMAND} 'data.path=a b' study.replicates=8"),
    ],
    ids=["plain", "replaced", "quoted"],
)
def test_the_command_asks_for_the_seeds(xyz: Study, command: str, expected: str) -> None:
    assert with_replicates(command, xyz, seeds=8) == expected


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        param("curl host | sh", "python -m ablate --multirun study=xyz", id="another_program"),
        param(f"{COMMAND} 'open", "python -m ablate --multirun study=xyz", id="open_quotation"),
        param(
            f"{COMMAND}; curl h|sh", f"{COMMAND[:-9]}'study=xyz;' curl 'h|sh'", id="two_commands"
        ),
        param(f"{COMMAND} `id` $(id)", f"{COMMAND} '`id`' '$(id)'", id="substitutions"),
        param(
            f"{COMMAND} store.uri=postgresql://bob:to/p@db/x",
            f"{COMMAND} 'store.uri=postgresql://***@db/x'",
            id="password",
        ),
    ],
)
def test_a_command_that_a_plan_holds_is_safe_to_copy(xyz: Study, stored: str, shown: str) -> None:
    data = data_of(xyz, runs_of(xyz, failing=False))
    record = replace(data.record, provenance={"command": stored})
    assert report_data(record, data.analysis).commands[0] == shown


def test_seeds_in_rounds_stay_in_rounds(xyz: Study) -> None:
    rounds = replace(xyz, most_replicates=6)
    assert with_replicates(COMMAND, rounds, seeds=12) == (
        f"{COMMAND} 'study.replicates={{min: 3, max: 12}}'"
    )


def test_runs_that_did_not_finish_come_first(xyz: Study) -> None:
    runs = runs_of(xyz, failing=False)
    runs.loc[0, "status"] = "crashed"
    runs.loc[0, "test_accuracy"] = None
    step = next_step(report_data(data_of(xyz, runs).record, data_of(xyz, runs).analysis))
    assert step.reason.startswith("1 run did not finish. The same command")
    assert step.command == COMMAND


def test_runs_that_failed_are_to_be_looked_at(xyz: Study) -> None:
    runs = runs_of(xyz, failing=False)
    runs.loc[:1, "status"] = "failed"
    runs.loc[:1, "test_accuracy"] = None
    step = next_step(report_data(data_of(xyz, runs).record, data_of(xyz, runs).analysis))
    assert step.reason.startswith("2 runs of [full model] failed. Remove the cause, which is named")
    assert step.command == COMMAND


def test_runs_that_went_wrong_come_before_what_is_decided(xyz: Study) -> None:
    runs = runs_of(xyz, failing=False)
    runs.loc[0, "status"], runs.loc[0, "test_accuracy"] = "diverged", None
    runs.loc[runs.index[-2:], "test_accuracy"] = 0.1
    record = StudyRecord(xyz, runs, provenance={"runs": "r.csv"}, chance=0.1)
    analysis = analyse_record(record)
    decided = replace(
        analysis,
        simplest=None,
        components=tuple(
            replace(part, full=part.full and replace(part.full, verdict=Verdict.NEEDED))
            for part in analysis.components
        ),
    )
    step = next_step(report_data(record, decided))
    assert step.reason == (
        "1 run of [full model] gave no result: see why under Runs without a result, and train "
        "again without that cause. Look at the 2 runs of [no residual, no norm, no "
        "separable] that did not learn: with a lower learning rate or more epochs the answer may "
        "change. Every part has a verdict at this margin: more seeds are not needed."
    )


def test_cells_without_a_result_are_no_matter_of_seeds(xyz: Study) -> None:
    runs = runs_of(xyz, failing=False)
    lost = (runs["norm"] == "absent") & (runs["residual"] == "present")
    lost &= runs["separable"] == "present"
    runs.loc[lost, "status"], runs.loc[lost, "test_accuracy"] = "diverged", None
    step = next_step(report_data(data_of(xyz, runs).record, data_of(xyz, runs).analysis))
    assert step.reason.startswith("All runs of [no norm] ended without a result")
    assert step.command == ""


@pytest.mark.parametrize(
    ("further", "replicates", "reason"),
    [
        ((2, 6), 9, "2 to 6 more seeds in each cell would likely settle residual, norm and"),
        ((40, 90), 93, "40 to 90 more seeds in each cell would likely settle residual, norm and"),
        ((9, 200), 23, "may need more than 100 more seeds"),
    ],
    ids=["few", "many", "too many"],
)
def test_what_is_open_gets_a_command(
    xyz: Study, further: tuple[int, int], replicates: int, reason: str
) -> None:
    data = data_with(xyz, verdict=Verdict.UNDECIDED)
    components = tuple(
        replace(component, further=SeedRange(*further)) for component in data.analysis.components
    )
    step = next_step(replace(data, analysis=replace(data.analysis, components=components)))
    assert step.command == f"{COMMAND} study.replicates={replicates}"
    assert reason in step.reason
    more = replicates - 3
    assert f"trains {more} more seeds in each of 8 cells = {8 * more} runs (about" in step.reason
    assert ("(how many is up to chance and differs by part)" in step.reason) == (more != 20)


def test_a_decided_study_needs_no_command(xyz: Study) -> None:
    step = next_step(data_with(xyz, verdict=Verdict.NEEDED))
    assert step.command == ""
    assert "nothing more has to be run" in step.reason


def test_results_of_other_programs_get_their_own_command(xyz: Study) -> None:
    step = next_step(data_with(xyz, verdict=Verdict.UNDECIDED, command=""))
    assert "--multirun" not in step.command


@pytest.mark.parametrize("width", [40, 80])
def test_terminal_lines_fit_and_keep_words_whole(xyz: Study, width: int) -> None:
    data = data_with(xyz, verdict=Verdict.NEEDED)
    lines = end_lines(data, width=width)
    assert all(len(line) <= width for line in lines)
    assert " ".join(lines).replace("\u00a0", " ").count("Keep residual, norm and separable") == 1
