from __future__ import annotations

import numpy as np
import pandas as pd

from ablate.analysis.analyse import analyse
from ablate.study.design import cells_of
from ablate.study.file import study_from_mapping
from ablate.study.study import Study
from tests.conftest import ACCURACY

LEVELS = {"levels": [{"name": "present", "overrides": ["a=1"]}, {"name": "absent"}]}


def planted(seeds: int = 6) -> tuple[Study, pd.DataFrame]:
    """A useful part, a useless one and a placebo, with little noise."""
    study = study_from_mapping(
        {
            "name": "mine",
            "factors": {"useful": LEVELS, "useless": LEVELS},
            "replicates": seeds,
            "margin": 0.01,
            "controls": ["placebo"],
        }
    ).judged_by([ACCURACY])
    generator = np.random.default_rng(0)
    rows = [
        {
            "cell": cell.slug,
            **dict(cell.levels),
            "seed": seed,
            "status": "complete",
            "error": "",
            "test_accuracy": 0.9 - 0.05 * (cell["useful"] == "absent") + generator.normal(0, 0.001),
        }
        for cell in cells_of(study)
        for seed in range(seeds)
    ]
    return study, pd.DataFrame(rows)


def test_a_placebo_is_judged_like_any_part() -> None:
    study, runs = planted()
    found = analyse(runs, study)
    verdicts = {item.name: str(item.full.verdict) for item in found.components if item.full}
    assert verdicts == {
        "useful": "needed",
        "useless": "no difference",
        "placebo": "no difference",
    }


def test_a_placebo_is_no_part_of_the_simplest_model() -> None:
    study, runs = planted()
    simplest = analyse(runs, study).simplest
    assert simplest is not None
    assert simplest.levels == {"useful": "present", "useless": "absent", "placebo": "present"}


def test_a_placebo_is_no_step_of_the_ablation_path() -> None:
    study, runs = planted()
    path = analyse(runs, study).path
    assert set(path["part"]) == {"", "useful", "useless"}
