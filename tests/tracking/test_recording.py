"""What a recording reports when MLflow lacks something."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.store.folder import StudyFolder
from ablate.store.state import StudyState
from ablate.tracking.recording import Recording
from tests.store.written import plan_of


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://bob:to/p hunter2@host/runs",
        "postgresql://host/runs?user=bob&password=hunter2",
        "http://bob:hunter2@host/path",
        "http://bob:a/hunter2@host/path",
    ],
)
def test_a_fault_holds_no_credentials_of_the_store(tmp_path: Path, uri: str) -> None:
    recording = Recording(StudyState.read(StudyFolder(tmp_path / "mine"), plan_of()), uri)
    filler = "x" * 180
    for message in (f"cannot reach {uri}/api", f"no user bob with 'hunter2' {filler} {uri}"):
        try:
            raise ConnectionError("outer") from OSError(message)
        except ConnectionError as error:
            recording.settle(error)
        assert "Not everything is in MLflow (OSError: " in recording.fault
        assert "python -m ablate.sync study=mine" in recording.fault
        for secret in ("hunter", "bob", "to/p"):
            assert secret not in recording.fault
