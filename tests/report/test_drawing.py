from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree

import matplotlib
import pytest

from ablate.report.drawing import Picture
from ablate.report.page import pictures, section_contents
from ablate.report.section import ReportData
from ablate.study.study import Study
from tests.report.simulated import data_of, histories_of, runs_of

ALL = ["grid", "effects", "learning_curves", "cost"]


def pictures_of(study: Study) -> tuple[Picture, ...]:
    runs = runs_of(study)
    return pictures(section_contents(data_of(study, runs, histories=histories_of(runs))))


def names_of(data: ReportData) -> list[str]:
    return [picture.name for picture in pictures(section_contents(data))]


@pytest.mark.parametrize("name", ["xyz", "chapter", "hostile"])
def test_every_figure_is_drawn_as_clean_xml(name: str, request: pytest.FixtureRequest) -> None:
    found = pictures_of(request.getfixturevalue(name))
    assert [picture.name for picture in found] == ALL
    for picture in found:
        tree = ElementTree.fromstring(picture.svg)
        tags = {element.tag.rpartition("}")[2] for element in tree.iter()}
        assert not tags & {"script", "image", "foreignObject", "a", "b"}
        assert "date" not in tags
        assert picture.alternative
        assert picture.png.startswith(b"\x89PNG")


def test_no_letter_is_smaller_than_nine_points(xyz: Study) -> None:
    for picture in pictures_of(xyz):
        # In matplotlib's SVG a unit is a point.
        sizes = [
            float(size) for size in re.findall(r"font(?:-size)?: (?:\w+ )?([\d.]+)px", picture.svg)
        ]
        assert sizes
        assert min(sizes) >= 9


def test_equal_input_gives_equal_bytes(xyz: Study) -> None:
    assert pictures_of(xyz) == pictures_of(xyz)


def test_identifiers_of_different_figures_do_not_clash(xyz: Study) -> None:
    found = [set(re.findall(r'\bid="([^"]+)"', picture.svg)) for picture in pictures_of(xyz)]
    assert sum(map(len, found)) == len(set.union(*found))
    for picture, own in zip(pictures_of(xyz), found, strict=True):
        used = re.findall(r'(?:href="#|url\(#)([^")]+)', picture.svg)
        assert set(used) <= own


def test_the_settings_of_matplotlib_are_left_as_they_were(xyz: Study) -> None:
    before = dict(matplotlib.rcParams)
    pictures_of(xyz)
    assert dict(matplotlib.rcParams) == before


def test_without_histories_there_are_no_curves(xyz: Study) -> None:
    runs = runs_of(xyz)
    assert names_of(data_of(xyz, runs)) == ["grid", "effects", "cost"]


def test_without_costs_there_is_no_plot_against_cost(xyz: Study) -> None:
    runs = runs_of(xyz).drop(columns=["macs", "train_seconds"])
    assert names_of(data_of(xyz, runs)) == ["grid", "effects"]


def test_one_run_a_cell_is_drawn_without_intervals(xyz: Study) -> None:
    runs = runs_of(xyz, seeds=1, failing=False)
    assert "grid" in names_of(data_of(xyz, runs, histories=histories_of(runs, epochs=1)))


def test_drawing_needs_no_display_and_no_global_figures() -> None:
    code = (
        "import sys, ablate.report.section as section; section.all_sections(); "
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
