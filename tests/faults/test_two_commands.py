"""Two commands on one study: the second is refused and names the first."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Command
from tests.faults.interruption import (
    FOUR_RUNS,
    comparable_runs,
    count_epochs,
    pause,
    read_events,
    start_command,
    wait_for,
    write_study_files,
)


def test_a_second_command_is_refused_and_trains_no_run_twice(
    ablate: Command, uninterrupted: Path, tmp_path: Path
) -> None:
    write_study_files(tmp_path)
    with start_command(tmp_path, *FOUR_RUNS) as process:
        wait_for(lambda: count_epochs(tmp_path) >= 5, "five epochs")
        with pause(process):
            second = ablate(tmp_path, *FOUR_RUNS, "study.replicates=3")
        assert second.returncode == 2, second.stdout + second.stderr
        assert f"being trained by process {process.pid} on " in second.stderr
        assert "study=interrupted" in second.stderr
        assert len(second.stderr.splitlines()) == 1
        output, _ = process.communicate()
    assert process.returncode == 0, output
    assert comparable_runs(tmp_path) == comparable_runs(uninterrupted)
    assert [event["event"] for event in read_events(tmp_path)].count("started") == 4
    assert count_epochs(tmp_path) == 4 * 40


def test_a_report_may_be_written_during_training(ablate: Command, tmp_path: Path) -> None:
    write_study_files(tmp_path)
    with start_command(tmp_path, *FOUR_RUNS) as process:
        wait_for(lambda: list((tmp_path / "runs").rglob("result.json")), "a run to end")
        with pause(process):
            report = ablate(tmp_path, "study=interrupted", module="ablate.report")
        output, _ = process.communicate()
    assert process.returncode == 0, output
    # The report marks the missing runs, so its exit code is 1.
    assert report.returncode == 1, report.stdout + report.stderr
    assert "Report: reports/interrupted/index.html" in report.stdout
    assert report.stderr == ""
