from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from ablate.report.section import ReportData
from ablate.report.sections.learning_curves import content, curve_measure, curves_picture
from ablate.study.response import Response
from ablate.study.study import Study
from tests.report.simulated import data_of, histories_of, runs_of

IOU = Response("mean_iou", "higher", "fraction")
ERROR = Response("error", "lower", "pixels")


def with_measures(data: ReportData, *measures: Response, **columns: pd.Series) -> ReportData:
    histories = data.record.histories
    assert histories is not None
    record = replace(data.record, measures=measures, histories=histories.assign(**columns))
    return replace(data, record=record)


@pytest.fixture
def data(xyz: Study) -> ReportData:
    runs = runs_of(xyz)
    return data_of(xyz, runs, histories=histories_of(runs))


@pytest.mark.parametrize(
    ("response", "measures", "expected"),
    [
        pytest.param("test_accuracy", ("mean_iou", "accuracy"), "accuracy", id="of_the_response"),
        pytest.param("val_mean_iou", ("accuracy", "mean_iou"), "mean_iou", id="of_validation"),
        pytest.param("test_loss", ("mean_iou", "accuracy"), "mean_iou", id="first_for_a_loss"),
        pytest.param("train_seconds", ("accuracy",), "accuracy", id="first_for_a_cost"),
        pytest.param("test_accuracy", (), None, id="none_known"),
    ],
)
def test_curves_show_the_measure_behind_the_response(
    data: ReportData, response: str, measures: tuple[str, ...], expected: str | None
) -> None:
    study = replace(data.study, responses=(Response(response, "higher"),))
    record = replace(
        data.record, study=study, measures=tuple(Response(name, "higher") for name in measures)
    )
    measure = curve_measure(record)
    assert (measure.name if measure else None) == expected


def test_axis_and_words_are_those_of_the_measure(data: ReportData) -> None:
    histories = data.record.histories
    assert histories is not None
    other = with_measures(data, ERROR, error=histories["loss"], val_error=histories["val_loss"])
    picture = curves_picture(other.analysis, other.record)
    assert picture is not None
    assert "error, pixels" in picture.svg
    assert "validation error of the full model" in picture.caption
    assert "val error at the last epoch: 1 · full model 0.2\u00a0pixels" in picture.alternative


def test_without_the_columns_of_the_measure_there_are_no_curves(data: ReportData) -> None:
    assert content(with_measures(data, IOU)) is None
    assert content(data) is not None
