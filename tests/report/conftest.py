from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ablate.analysis.findings import Analysis
from ablate.report.page import write_report
from ablate.study.record import StudyRecord
from ablate.study.response import Response
from ablate.study.study import Factor, Level, Study
from tests.analysis.planted import part
from tests.conftest import ACCURACY
from tests.report.simulated import (
    HELD_CONSTANT,
    HOSTILE,
    MEASURES,
    PROVENANCE,
    histories_of,
    runs_of,
)


@pytest.fixture(scope="session")
def xyz() -> Study:
    parts = (part("residual"), part("norm"), part("separable"))
    return Study("xyz", parts, replicates=3, responses=(ACCURACY,), question="Which?")


@pytest.fixture(scope="session")
def chapter() -> Study:
    """24 cells, one factor with three levels, level names other than present and absent."""
    return Study(
        "chapter",
        (
            part("residual"),
            Factor("norm", (Level("before_activation"), Level("after_activation"), Level("none"))),
            Factor("conv", (Level("separable"), Level("conv2d"))),
            Factor("downsampling", (Level("max_pool"), Level("strides"))),
        ),
        replicates=3,
        responses=(ACCURACY,),
    )


@pytest.fixture(scope="session")
def hostile() -> Study:
    bad = HOSTILE
    return Study(
        "hostile",
        (
            Factor(bad[0], (Level(bad[1]), Level(bad[2]))),
            Factor(bad[3], (Level(bad[4]), Level(bad[5]))),
            Factor(bad[6], (Level(bad[7]), Level(bad[8]))),
        ),
        responses=(Response(f"acc{bad[0]}_%", "higher", "<i>"),),
        question=bad[0] + bad[8] + bad[9],
    )


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Study], tuple[Path, Analysis]]:
    """Write the report of a study once a session; return its folder and its analysis."""
    written: dict[str, tuple[Path, Analysis]] = {}

    def write(study: Study) -> tuple[Path, Analysis]:
        if study.name not in written:
            folder = tmp_path_factory.mktemp("reports") / study.name
            runs = runs_of(study)
            hostile = dict.fromkeys(HOSTILE, HOSTILE[0])
            provenance = hostile if study.name == "hostile" else PROVENANCE
            record = StudyRecord(
                study,
                runs,
                histories_of(runs),
                provenance,
                HELD_CONSTANT,
                chance=0.1,
                measures=MEASURES,
            )
            analysis = write_report(folder, record)
            written[study.name] = (folder, analysis)
        return written[study.name]

    return write
