from __future__ import annotations

from ablate.analysis.analyse import analyse
from ablate.study.design import cells_of
from ablate.study.response import Response
from ablate.study.study import Factor, Level
from tests.analysis.planted import broken, study_of, table_of

WORTH = {"x": 5.0, "y": 1.0, "z": 3.0}


def additive(levels: dict[str, str], seed: int) -> float:
    present = sum(WORTH[name] for name, level in levels.items() if level == "present")
    return present + 0.01 * seed


def order(path, direction):
    return list(path.loc[path["direction"] == direction, "part"])


def test_the_least_useful_part_is_removed_first():
    study = study_of("x", "y", "z")
    path = analyse(table_of(study, additive), study).path

    assert order(path, "remove") == ["", "y", "z", "x"]
    assert order(path, "add") == ["", "x", "z", "y"]
    assert path["mean"].tolist()[:4] == [9.02, 8.02, 5.02, 0.02]
    assert path["cell"].iloc[0] == path["cell"].iloc[-1] == cells_of(study)[0].slug


def test_the_path_follows_the_direction_of_the_response():
    study = study_of("x", "y", "z", responses=(Response("score", "lower"),))
    path = analyse(table_of(study, additive), study).path

    assert order(path, "remove") == ["", "x", "z", "y"]


def test_a_factor_with_three_levels_leaves_its_reference_once():
    norm = Factor("norm", (Level("before"), Level("after"), Level("none")))
    study = study_of("x", norm)
    worth = {"before": 3.0, "after": 2.9, "none": 0.0}
    runs = table_of(study, lambda levels, _: worth[levels["norm"]] + (levels["x"] == "present"))
    path = analyse(runs, study).path

    assert order(path, "remove") == ["", "norm=after", "x"]
    assert order(path, "add") == ["", "norm=none", "x"]


def test_a_direction_that_meets_a_missing_cell_is_left_out():
    study = study_of("x", "y", "z")
    runs = table_of(study, additive)
    lost = (runs["x"] == "absent") & (runs["y"] == "absent") & (runs["z"] == "absent")
    path = analyse(broken(runs, lost), study).path

    assert set(path["direction"]) == set()
    # Only adding the best part first looks at y alone.
    lost = (runs["x"] == "absent") & (runs["y"] == "present") & (runs["z"] == "absent")
    path = analyse(broken(runs, lost), study).path
    assert set(path["direction"]) == {"remove"}
