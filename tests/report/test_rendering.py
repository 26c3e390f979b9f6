from __future__ import annotations

import pytest

from ablate.analysis.findings import Verdict
from ablate.report.blocks import Link, Strong, Symbol, Text
from ablate.report.rendering import html, latex, markdown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b", r"a\_b"),
        ("50 %", r"50 \%"),
        ("R&D #1", r"R\&D \#1"),
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a~b^c", r"a\textasciitilde{}b\textasciicircum{}c"),
        ("−0.1", "$-$0.1"),
        ("[x]", "{[}x{]}"),
        ("😀", "U+1F600"),
        ("é", "é"),
    ],
)
def test_no_letter_becomes_a_latex_command(text: str, expected: str) -> None:
    assert latex(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("a_b*c", r"a\_b\*c"),
        ("<b>", "&lt;b&gt;"),
        ("![x](y)", r"\!\[x\](y)"),
        ("`x`", r"\`x\`"),
        ("@you", "&#64;you"),
        ("two\nlines", "two lines"),
    ],
)
def test_no_letter_becomes_markdown_markup(text: str, expected: str) -> None:
    assert markdown(text) == expected


@pytest.mark.parametrize(
    ("text", "in_html", "in_markdown", "in_latex"),
    [
        pytest.param("<_", "&lt;_", "&lt;\\_", r"\textless{}\_", id="text"),
        pytest.param(Strong("a_b"), "<b>a_b</b>", "**a\\_b**", r"\textbf{a\_b}", id="strong"),
        pytest.param(Symbol("p"), "<i>p</i>", "p", "$p$", id="symbol"),
        pytest.param(
            Link("runs.csv"), '<a href="runs.csv">runs.csv</a>', "[runs.csv](runs.csv)", "runs.csv",
            id="link",
        ),
        pytest.param(
            Verdict.NOT_NEEDED, '<span class="badge not-needed">not needed</span>',
            "**not needed**", "not needed", id="verdict",
        ),
        pytest.param(
            ("with ", Symbol("n"), " > 1"), "with <i>n</i> &gt; 1", "with n &gt; 1",
            r"with $n$ \textgreater{} 1", id="several_pieces",
        ),
    ],
)  # fmt: skip
def test_pieces_of_text_are_written_in_each_language(
    text: Text, in_html: str, in_markdown: str, in_latex: str
) -> None:
    assert html(text) == in_html
    assert markdown(text) == in_markdown
    assert latex(text) == in_latex
