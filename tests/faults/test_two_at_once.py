"""Two commands on one study: the second is refused by the name of the first, whatever it asks."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Command
from tests.faults.disturbed import (
    DISTURBED,
    epochs_of,
    events_of,
    lay_out,
    paused,
    started,
    table,
    until,
)


def test_a_second_command_is_refused_and_no_run_is_trained_twice(
    ablate: Command, undisturbed: Path, tmp_path: Path
) -> None:
    lay_out(tmp_path)
    with started(tmp_path, *DISTURBED) as process:
        until(lambda: epochs_of(tmp_path) >= 5, "five epochs")
        with paused(process):
            second = ablate(tmp_path, *DISTURBED, "study.replicates=3")
        assert second.returncode == 2, second.stdout + second.stderr
        assert f"being trained by process {process.pid} on " in second.stderr
        assert "study=disturbed" in second.stderr
        assert len(second.stderr.splitlines()) == 1
        output, _ = process.communicate()
    assert process.returncode == 0, output
    assert table(tmp_path) == table(undisturbed)
    assert [event["event"] for event in events_of(tmp_path)].count("started") == 4
    assert epochs_of(tmp_path) == 4 * 40


def test_a_plan_and_a_report_may_look_on_meanwhile(ablate: Command, tmp_path: Path) -> None:
    lay_out(tmp_path)
    with started(tmp_path, *DISTURBED) as process:
        until(lambda: list((tmp_path / "runs").rglob("result.json")), "a run to end")
        with paused(process):
            report = ablate(tmp_path, "study=disturbed", module="ablate.report")
        output, _ = process.communicate()
    assert process.returncode == 0, output
    # The report of a study at work marks what is missing, and is no success.
    assert report.returncode == 1, report.stdout + report.stderr
    assert "Report: reports/disturbed/index.html" in report.stdout
    assert report.stderr == ""
