"""What a study passes on to its launcher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from ablate.runner.execute import Session
from ablate.runner.sweep import _Rounds
from ablate.store.folder import StudyFolder
from ablate.store.state import StudyState
from tests.store.written import plan_of


class Launcher:
    """Keeps the jobs that it is asked to launch."""

    def launch(self, jobs: Sequence[Sequence[str]], initial_job_idx: int) -> None:
        self.jobs = jobs


@pytest.mark.parametrize("plus", ["", "+", "++"])
def test_jobs_do_not_get_the_password_of_the_store(tmp_path: Path, plus: str) -> None:
    launcher = Launcher()
    arguments = ["study=mine", f"{plus}store.uri=postgresql://bob:secret@db/x", "store=mine"]
    session = Session({}, Console(), "postgresql://bob:secret@db/x")
    rounds = _Rounds(launcher, session, slots=[None], arguments=arguments)
    plan = plan_of()
    rounds._launch(StudyState.read(StudyFolder(tmp_path), plan))
    assert len(launcher.jobs) == len(plan.cells)
    for job in launcher.jobs:
        assert job[:3] == ["study=mine", "store.uri=sqlite:///mlflow.db", "store=mine"]
