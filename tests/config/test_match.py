"""What `model.match` may ask."""

from __future__ import annotations

from typing import Any

import pytest

from ablate.config.matching import Match, match_of, with_widths
from ablate.config.variant import Variant, read_variant
from ablate.errors import RequestError

MODEL = {"_target_": "ablate.models.resnet.build", "filters": [4, 8]}


def variant(**model: Any) -> Variant:
    return read_variant({"model": {**MODEL, **model}, "data": {}, "recipe": {}})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("parameters", Match("parameters")),
        ("macs", Match("macs")),
        ({"parameters": 1000}, Match("parameters", 1000)),
    ],
)
def test_a_match_is_a_size_and_possibly_a_number(value: Any, expected: Match | None) -> None:
    assert match_of(variant(match=value)) == expected


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"match": "parameter"}, "Did you mean 'parameters'"),
        ({"match": {"flops": 3}}, "Unknown model.match 'flops'"),
        ({"match": {"macs": 0}}, "Expected model.match.macs to be a whole number of 1 or more"),
        (
            {"match": 1000},
            "Expected model.match to be parameters, macs or one of them with a number",
        ),
        ({"match": "macs", "filters": 4}, "Expected a list of whole numbers as model.filters"),
    ],
    ids=["near", "unknown", "zero", "number", "no_widths"],
)
def test_a_bad_match_is_refused_in_one_line(model: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as refusal:
        match_of(variant(**model))
    assert message in str(refusal.value)


def test_a_solved_variant_is_that_of_its_widths_alone() -> None:
    solved = with_widths(variant(match="macs"), (6, 12))
    assert solved == variant(filters=[6, 12])
    assert with_widths(variant(match="macs")) == variant() == variant(match=None)


def test_units_are_widths_where_there_are_no_filters() -> None:
    model = {"_target_": "ablate.models.mlp.build", "units": [8], "match": "macs"}
    asked = read_variant({"model": model, "data": {}, "recipe": {}})
    assert with_widths(asked, [3]).model["units"] == [3]
