"""Open the results of a study that was run here."""

from __future__ import annotations

from pathlib import Path

from ablate.api.results import StudyResults
from ablate.errors import RequestError
from ablate.fields import check_folder_name
from ablate.store.folder import StudyFolder
from ablate.store.tables import read_record


def open(study: str, *, folder: str | Path = ".") -> StudyResults:
    """Open the results of a study, finished or not; nothing is trained.

    Args:
        study: Its name, such as ``xyz``.
        folder: Where the study was run: the folder that holds `runs/`.

    Raises:
        RequestError: No such study was run there.
    """
    if not isinstance(study, str):
        raise RequestError(f"Expected the name of a study; received {study!r}.")
    name = check_folder_name(study, "study")
    record = read_record(StudyFolder(Path(folder) / "runs" / name))
    return StudyResults(record, folder=Path(folder))
