"""A report from elsewhere sends no file from outside of its folder to MLflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.tracking.attachments import report_files


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """The folder of all reports, with a report of two files; a private file is next to it."""
    folder = tmp_path / "work" / "reports"
    (folder / "xyz" / "figures").mkdir(parents=True)
    (folder / "xyz" / "index.html").write_text("page")
    (folder / "xyz" / "figures" / "grid.svg").write_text("grid")
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "id_rsa").write_text("secret")
    return folder


def names(report: Path) -> list[str]:
    return [str(file.relative_to(report)) for file in report_files(report)]


def test_all_files_of_a_report_are_attached(reports: Path) -> None:
    assert names(reports / "xyz") == ["figures/grid.svg", "index.html"]


def test_links_in_a_report_are_left_out(reports: Path) -> None:
    report, private = reports / "xyz", reports.parent.parent / "private"
    (report / "link").symlink_to(private / "id_rsa")
    (report / "index.html").unlink()
    (report / "index.html").symlink_to("figures/grid.svg")
    (report / "more").symlink_to(private, target_is_directory=True)
    (report / "lost").symlink_to("nowhere")
    (report / "circle").symlink_to("circle")
    assert names(report) == ["figures/grid.svg"]


def test_a_report_that_is_a_link_has_no_files(reports: Path) -> None:
    (reports / "mine").symlink_to(reports.parent.parent / "private", target_is_directory=True)
    assert names(reports / "mine") == []


def test_the_folder_of_all_reports_may_be_a_link(reports: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(reports, target_is_directory=True)
    assert names(tmp_path / "elsewhere" / "xyz") == ["figures/grid.svg", "index.html"]
