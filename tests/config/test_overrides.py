"""Values that are taken as they stand, whatever Hydra's grammar makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from ablate.config.overrides import parse_override, parse_values, quote_text
from ablate.errors import RequestError


@pytest.mark.parametrize(
    "value",
    [
        "~/x.npz",
        "photos (1).npz",
        "Bücher.npz",
        "runs/epoch=3.npz",
        "/a/b.npz",
        "a b.npz",
        "[old].npz",
        "{x}.npz",
        "a,b.npz",
        "range(3)",
        "it's.npz",
        'say "hi".npz',
        "a#b.npz",
        "007",
        "12",
        "true",
        "写真.npz",
        "x\\y.npz",
        'x\\"y.npz',
    ],
)
@pytest.mark.parametrize("key", ["data.path", "+data.path", "store.uri"])
def test_a_path_is_taken_as_it_stands(key: str, value: str) -> None:
    assert parse_override(quote_text(f"{key}={value}")).value() == value


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        pytest.param("data.path=null", None, id="null"),
        pytest.param("data.path=[a,b]", ["a", "b"], id="list"),
        pytest.param("data.path={a: b}", {"a": "b"}, id="mapping"),
        pytest.param('data.path="photos (1).npz"', "photos (1).npz", id="quoted"),
        pytest.param(r"data.path=photos \(1\).npz", "photos (1).npz", id="escaped"),
        pytest.param("data.path=${oc.env:HOME}/x", "${oc.env:HOME}/x", id="interpolation"),
        pytest.param("data.path=${a}/x (1)", "${a}/x (1)", id="interpolation_and_brackets"),
        pytest.param("seed=7", 7, id="another_key"),
    ],
)
def test_what_hydra_reads_in_its_own_way_stays(argument: str, expected: Any) -> None:
    assert parse_override(quote_text(argument)).value() == expected


def test_another_key_is_refused_with_the_form_to_type() -> None:
    with pytest.raises(RequestError) as refusal:
        parse_override("model.weights=photos (1).keras")
    line = str(refusal.value)
    assert """write 'model.weights="photos (1).keras"'.""" in line


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("runs=results (1).csv", "results (1).csv"),
        ("runs=~/a,b.csv", "~/a,b.csv"),
        ("response=Test Acc (%)", "Test Acc (%)"),
        ("factors=[größe,b]", ["größe", "b"]),
        ('factors=["größe (cm)", b]', ["größe (cm)", "b"]),
        ("reference={größe: ja}", {"größe": "ja"}),
        ("factors=[a,b]", ["a", "b"]),
        ("reference={a: 0.5}", {"a": 0.5}),
    ],
)
def test_words_in_any_script_are_values_of_a_command(argument: str, expected: Any) -> None:
    key = argument.partition("=")[0]
    keys = ("runs", "response", "factors", "reference")
    assert parse_values([argument], keys=keys, text_keys=("runs",)) == {key: expected}


@pytest.mark.parametrize("argument", ["+runs=x", "a b=ü", "=ü", "factors", "factors=ü\n"])
def test_what_is_no_key_and_value_is_refused(argument: str) -> None:
    with pytest.raises(RequestError, match="Expected key=value"):
        parse_values([argument], keys=("runs", "factors"))
