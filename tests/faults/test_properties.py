"""Any request leads to a plan, a report, or one line that states the mistake."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ablate.config.arguments import check_arguments
from ablate.config.hydra_errors import REQUEST_ERRORS, request_error_line
from ablate.report.command import main as report
from ablate.study.design import Cell
from tests.conftest import nothing_was_trained
from tests.faults.plan_requests import SMALL, refusal_of, write_study

BOUNDED = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
KEYS = (
    st.sampled_from(["study", "data", "model", "recipe", "device.kind", "store.uri", "seed"])
    | st.sampled_from(["allow", "unit", "plan_only", "model.conv", "model.filters"])
    | st.sampled_from(["model._target_", "recipe.epochs", "recipe.learning_rate"])
    | st.sampled_from(["study.cells", "study.factors", "study.replicates", "study.margin"])
    | st.sampled_from(["hydra.run.dir", "hydra/launcher", "hydra.callbacks", "no.such.key"])
)
TEXT = st.text(st.characters(codec=None), max_size=12)
VALUES = (
    st.sampled_from(["", "null", "true", "on", "nan", "-inf", "1e400", "-1", "0", "010"])
    | st.sampled_from(["[]", "{}", "[1,[2]]", "{a: {b: c}}", "a,b", "range(3)", "9" * 30])
    | st.sampled_from(["${seed}", "${", "../../x", "<script>", "'=cmd()'", "os.system"])
    | st.sampled_from(["ablate.data.digits.load", "keras.layers.Dense", "convnet"])
    | TEXT
    | st.integers().map(str)
    | st.floats().map(str)
)
ARGUMENTS = st.one_of(
    st.builds("{}{}={}".format, st.sampled_from(["", "", "", "+", "++", "~"]), KEYS, VALUES),
    st.builds("{}{}".format, st.sampled_from(["-", "--", "~", "+", "@"]), st.one_of(KEYS, TEXT)),
    TEXT,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A working directory of its own; nothing is created next to it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as outer:
        inner = Path(outer) / "here"
        inner.mkdir()
        os.chdir(inner)
        try:
            yield inner
        finally:
            os.chdir(before)
        assert [path.name for path in Path(outer).iterdir()] == ["here"]


@settings(BOUNDED, max_examples=200)
@given(arguments=st.lists(ARGUMENTS, min_size=1, max_size=3))
def test_any_arguments_are_accepted_or_refused_in_one_line(
    folder: Path, arguments: list[str]
) -> None:
    try:
        passed = check_arguments(arguments)
    except REQUEST_ERRORS as error:
        line = request_error_line(error)
        assert line
        assert line.isprintable()
    else:
        assert set(passed) >= {item for item in arguments if not item.startswith("-")}
    assert list(folder.iterdir()) == []


@settings(BOUNDED, max_examples=60)
@given(argument=st.builds("{}={}".format, KEYS, VALUES))
def test_any_override_of_a_small_study_is_planned_or_refused(folder: Path, argument: str) -> None:
    write_study(folder, SMALL)
    line = refusal_of("study=mine", argument)
    assert line.isprintable()
    assert nothing_was_trained(folder)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["residual", "present", "absent", "${study.name}", "${", "2026-01-01", "yes"]),
    st.sampled_from([-1, 0, 10**9, 10**30, float("nan"), float("inf")]),
)
NODES = st.recursive(
    SCALARS,
    lambda node: st.one_of(
        st.lists(node, max_size=3), st.dictionaries(st.text(max_size=5), node, max_size=3)
    ),
    max_leaves=6,
)
LEVELS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.one_of(st.sampled_from(["present", "absent", "yes", "1"]), NODES),
        "overrides": st.one_of(
            st.lists(st.one_of(ARGUMENTS, st.just("model.residual=false")), max_size=2), NODES
        ),
        "more": NODES,
    },
)
FACTORS = st.dictionaries(
    st.text(max_size=8),
    st.one_of(st.fixed_dictionaries({"levels": st.lists(LEVELS, max_size=3)}), NODES),
    max_size=3,
)
OTHERS = (
    "name",
    "question",
    "design",
    "replicates",
    "margin",
    "responses",
    "cells",
    "controls",
    "resolution",
)
STUDIES = st.fixed_dictionaries(
    {"factors": st.one_of(FACTORS, NODES)},
    optional=dict.fromkeys((*OTHERS, "more"), NODES),
)


@settings(BOUNDED, max_examples=70)
@given(study=STUDIES)
def test_any_study_file_is_planned_or_refused_in_one_line(folder: Path, study: object) -> None:
    # Half a surrogate pair cannot be in a file, only be spelt in one.
    write_study(folder, yaml.safe_dump(study, allow_unicode=False, sort_keys=False))
    line = refusal_of("study=mine")
    assert line.isprintable()
    assert nothing_was_trained(folder)


@settings(BOUNDED, max_examples=40)
@given(changes=st.dictionaries(st.sampled_from(OTHERS), NODES, min_size=1, max_size=2))
def test_any_change_of_a_valid_study_is_planned_or_refused(
    folder: Path, changes: dict[str, object]
) -> None:
    sound = yaml.safe_load(SMALL)
    write_study(folder, yaml.safe_dump({**sound, **changes}, allow_unicode=False))
    line = refusal_of("study=mine")
    assert line.isprintable()
    assert nothing_was_trained(folder)


@settings(BOUNDED, max_examples=100)
@given(content=st.binary(max_size=60))
def test_any_bytes_as_a_study_file_are_planned_or_refused(folder: Path, content: bytes) -> None:
    write_study(folder, content)
    line = refusal_of("study=mine")
    assert line
    assert line.isprintable()


def reported(*arguments: str) -> tuple[int, str, str]:
    """The exit code of a report, its output, and its error output."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        report(list(arguments))
    assert isinstance(end.value.code, int)
    return end.value.code, out.getvalue(), err.getvalue()


def check_answer(folder: Path, code: int, *, error: str) -> None:
    assert code in (0, 1, 2)
    if code == 2:
        assert len(error.splitlines()) == 1
        assert error.strip("\n").isprintable()
    else:
        assert error == ""
    assert {path.name for path in folder.iterdir()} <= {"r.csv", "reports"}


FIELDS = st.one_of(
    st.sampled_from(["present", "absent", "x", "y", "", "0", "1", "-1", "nan", "inf", "1e400"])
    | st.sampled_from(["=cmd()", "<script>", '"', "'", ",", "\0", "9" * 400, "0.0", "true", "é"]),
    st.floats().map(str),
    st.text(max_size=6),
)
HEADS = st.sampled_from(
    ("seed", "status", "error", "cell", "macs", "a.1", "r_mean", "", "n", "=1", "a")
)
ROWS = st.one_of(
    st.lists(FIELDS, max_size=7),
    st.tuples(
        st.sampled_from(["present", "absent"]),
        st.sampled_from(["x", "z"]),
        st.floats(0, 1).map(str),
        *[st.sampled_from(["0", "1", "complete", "x"])] * 2,
    ),
)
ARGUED = ("runs=r.csv", "factors=[a,b]", "response=r", "direction=higher")


@settings(BOUNDED, max_examples=100)
@given(
    heads=st.lists(HEADS, max_size=2, unique=True),
    rows=st.lists(ROWS, max_size=6),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_table_is_reported_or_refused_in_one_line(
    folder: Path, heads: list[str], rows: list[list[str] | tuple[str, ...]], end: str
) -> None:
    width = 3 + len(heads)
    cut = [row[:width] if isinstance(row, tuple) else row for row in rows]
    text = end.join(",".join(row) for row in [["a", "b", "r", *heads], *cut])
    (folder / "r.csv").write_bytes(text.encode("utf-8", "replace"))
    code, _, error = reported(*ARGUED)
    check_answer(folder, code, error=error)


NUMBERS = st.one_of(
    st.floats(0, 1), st.floats(-1e71, 1e71), st.sampled_from([0.0, 1.0, 1e-320, 1e69])
)


@settings(BOUNDED, max_examples=25)
@given(
    values=st.lists(NUMBERS.map(str), min_size=8, max_size=8),
    levels=st.lists(FIELDS, min_size=2, max_size=2, unique=True),
    seeds=st.sampled_from(["01010101", "01234567", "00000000"]),
)
def test_any_values_of_a_valid_table_are_reported_or_refused(
    folder: Path, values: list[str], levels: list[str], seeds: str
) -> None:
    cells = [(one, other) for one in levels for other in ("x", "z") for _ in range(2)]
    lines = [
        json.dumps(one, ensure_ascii=False) + f",{other},{value},{seed}"
        for (one, other), value, seed in zip(cells, values, seeds, strict=True)
    ]
    (folder / "r.csv").write_bytes("\n".join(["a,b,r,seed", *lines]).encode("utf-8", "replace"))
    code, _, error = reported(*ARGUED, "seed=seed")
    check_answer(folder, code, error=error)


@settings(BOUNDED, max_examples=100)
@given(content=st.binary(max_size=80))
def test_any_bytes_as_a_table_are_reported_or_refused(folder: Path, content: bytes) -> None:
    (folder / "r.csv").write_bytes(b"a,b,r\n" + content)
    code, _, error = reported(*ARGUED)
    check_answer(folder, code, error=error)


TABLE = "a,b,r\npresent,x,0.5\nabsent,x,0.4\npresent,z,0.6\nabsent,z,0.1\n"
WORTHWHILE = st.sampled_from(["lower", "{a: absent}", "{b: z}", "1e-3", "3", "mine", "a", "[a]"])


@settings(BOUNDED, max_examples=150)
@given(
    changed=st.dictionaries(
        st.sampled_from(["runs", "factors", "response", "seed", "reference", "direction"])
        | st.sampled_from(["margin", "name", "interactions", "study", "nam"]),
        VALUES | WORTHWHILE,
        max_size=2,
    ),
    more=st.lists(TEXT, max_size=1),
)
def test_any_arguments_of_a_report_work_or_are_refused(
    folder: Path, changed: dict[str, str], more: list[str]
) -> None:
    (folder / "r.csv").write_text(TABLE)
    arguments = {**dict(item.split("=") for item in ARGUED), **changed}
    code, _, error = reported(*map("=".join, arguments.items()), *more)
    check_answer(folder, code, error=error)


@settings(BOUNDED, max_examples=200)
@given(levels=st.lists(st.tuples(st.text(), st.text()), min_size=1, max_size=4))
def test_the_folder_of_any_cell_is_inside_its_study(levels: list[tuple[str, str]]) -> None:
    slug = Cell(tuple(levels)).slug
    assert 0 < len(slug.encode()) <= 120
    assert slug not in (".", "..")
    assert not set(slug) & set('/\\:*?"<>|\0\n')
    assert slug.isascii()
