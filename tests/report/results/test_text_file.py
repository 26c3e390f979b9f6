"""CSV files in the dialects that programs write."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest

from ablate.errors import RequestError
from ablate.report.results.read import Results, read_results
from ablate.report.results.request import Request

PLAIN = """skip,norm,seed,accuracy
true,true,0,0.943
true,true,1,0.9365
true,false,0,0.9129
true,false,1,0.9126
false,true,0,0.9249
false,true,1,0.9289
false,false,0,0.9019
false,false,1,0.9033
"""
LINES = PLAIN.splitlines()
COLUMNS = ("skip", "norm", "seed", "accuracy")


def read(path: Path) -> Results:
    return read_results(
        Request(path, ("skip", "norm"), response="accuracy", name="mine", seed="seed")
    )


def german(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


def with_index(text: str) -> str:
    file = io.StringIO()
    pd.read_csv(io.StringIO(text)).to_csv(file)
    return file.getvalue()


def as_r_writes(text: str) -> str:
    heading, *rows = text.splitlines()
    numbered = [f'"{number}",{row}' for number, row in enumerate(rows, start=1)]
    return "\n".join([heading, *numbered])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(german(PLAIN).encode(), id="semicolons_and_decimal_commas"),
        pytest.param(PLAIN.replace(",", ";").encode(), id="semicolons"),
        pytest.param(PLAIN.replace(",", "\t").encode(), id="tabs"),
        pytest.param(PLAIN.replace(",", ", ").encode(), id="spaces"),
        pytest.param(PLAIN.replace(",", " , ").encode(), id="more_spaces"),
        pytest.param(b"\xef\xbb\xbf" + PLAIN.encode(), id="byte_order_mark"),
        pytest.param(PLAIN.encode("utf-16"), id="utf_16"),
        pytest.param(german(PLAIN).replace(";", "\t").encode("utf-16"), id="excel_unicode_text"),
        pytest.param(PLAIN.encode("utf-16-le"), id="utf_16_without_mark"),
        pytest.param(PLAIN.encode("utf-16-be"), id="utf_16_of_the_other_kind"),
        pytest.param(PLAIN.replace("\n", "\r\n").encode(), id="lines_of_windows"),
        pytest.param(b"# May 2024\n" + PLAIN.encode(), id="note_first"),
        pytest.param(b"Results of May, 2024\n\n" + PLAIN.encode(), id="title_first"),
        pytest.param(b"sep=;\n" + german(PLAIN).encode(), id="separator_first"),
        pytest.param(b"# " + PLAIN.encode(), id="heading_as_a_note"),
        pytest.param(PLAIN.replace("true,true,1", "# again\n\ntrue,true,1").encode(), id="notes"),
        pytest.param(with_index(PLAIN).encode(), id="index_of_pandas"),
        pytest.param(as_r_writes(PLAIN).encode(), id="row_names_of_r"),
        pytest.param(PLAIN.replace("\n", ",\n").encode(), id="separator_at_the_end"),
        pytest.param(
            "\n".join([LINES[0], *(f"{line},," for line in LINES[1:])]).encode(), id="empty_ends"
        ),
        pytest.param(PLAIN.replace("0.", "00.").encode(), id="leading_zeros"),
        pytest.param(PLAIN.replace("Skip", "skip").replace("norm", "Norm").encode(), id="case"),
        pytest.param(
            PLAIN.replace("\n", ",ä\n").replace("accuracy,ä", "accuracy,größe").encode("cp1252"),
            id="letters_of_windows",
        ),
    ],
)
def test_a_table_is_the_same_in_every_dialect(tmp_path: Path, content: bytes) -> None:
    plain, other = tmp_path / "plain.csv", tmp_path / "other.csv"
    plain.write_text(PLAIN)
    other.write_bytes(content)
    expected, found = read(plain), read(other)
    pd.testing.assert_frame_equal(found.runs, expected.runs)
    assert found.study.factors == expected.study.factors
    assert found.study.margin == expected.study.margin


@pytest.mark.parametrize("sign", ["%", " %", "\u00a0%"])
@pytest.mark.parametrize("comma", [False, True], ids=["point", "comma"])
def test_percent_signs_make_fractions(tmp_path: Path, sign: str, comma: bool) -> None:
    rows = [line.rsplit(",", 1) for line in LINES[1:]]
    text = "\n".join([LINES[0], *(f"{row},{float(value) * 100:.2f}{sign}" for row, value in rows)])
    path = tmp_path / "percent.csv"
    path.write_text(german(text) if comma else text, encoding="utf-8")
    found = read(path)
    assert found.runs["accuracy"].tolist() == [float(value) for _, value in rows]
    assert found.study.response.unit == "fraction"
    assert found.study.margin == 0.01


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "it is empty", id="empty"),
        pytest.param("skip,norm,seed,accuracy\n", "received no row", id="no_row"),
        pytest.param(
            PLAIN.replace("0.9129", "91.29%"),
            "percent sign in every row or in none; row 2 of results.csv holds '0.943', row 4",
            id="some_percent_signs",
        ),
        pytest.param(
            PLAIN.replace("0.9129", "0,9129"),
            "received 5 values for the 4 names in row 4",
            id="commas",
        ),
        pytest.param(
            PLAIN.replace(",0.", ",0,"), "5 values for the 4 names in row 2", id="commas_all"
        ),
        pytest.param(
            re.sub(r"0\.9(\d\d)\d?", r"1,2\1", PLAIN.replace(",", ";")),
            "which may be thousands",
            id="thousands",
        ),
        pytest.param(PLAIN + 'true,true,2,"0.9\n', "unexpected end of data", id="open_quote"),
        pytest.param(PLAIN.replace("norm", "skip"), "'skip' 2 times", id="column_twice"),
        pytest.param(
            "Wall time,Step,Value\n1,2,0.3\n", "TensorBoard's export of one curve", id="curve"
        ),
        pytest.param("PK\x03\x04", "an Excel workbook", id="workbook"),
        pytest.param(
            PLAIN.replace("norm", "params.norm").replace("seed", "user_attrs_norm"),
            "Expected one of 'params.norm' and 'user_attrs_norm'",
            id="two_prefixes",
        ),
    ],
)  # fmt: skip
def test_a_table_that_is_not_clear_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results.csv").write_text(text)
    with pytest.raises(RequestError) as refusal:
        read(Path("results.csv"))
    assert message in str(refusal.value)
    assert str(refusal.value).isprintable()
