"""Which files of a report are attached to its study in MLflow."""

from __future__ import annotations

from pathlib import Path


def report_files(report: Path) -> list[Path]:
    """The files in the folder of a report, without links.

    A folder from somebody else could hold a link to a private file, which would be sent to MLflow.

    Args:
        report: The folder, such as `reports/xyz`. The folder above it may be a link.
    """
    if report.is_symlink():
        return []
    inside = report.parent.resolve() / report.name
    return sorted(
        file
        for file in report.rglob("*")
        if file.is_file() and file.resolve() == inside / file.relative_to(report)
    )
