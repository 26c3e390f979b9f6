"""From blocks to HTML, Markdown and LaTeX: templates, and the escaping of all that they insert."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from ablate.analysis.findings import Verdict
from ablate.report.blocks import Link, Strong, Symbol, Table
from ablate.report.drawing import Picture
from ablate.wording import NO_BREAK, one_line

REPORT = Path(__file__).resolve().parent
LAST_LATIN = "\u024f"
LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": "$-$",
    "–": "--",
    "—": "---",
    "×": r"$\times$",
    "✓": r"$\checkmark$",
    "●": r"$\bullet$",
    "○": r"$\circ$",
    "†": r"\dag{}",
    "…": r"\dots{}",
    "±": r"$\pm$",
    "’": "'",
    NO_BREAK: "~",
    "[": "{[}",
    "]": "{]}",
}


def render(template: str, content: Mapping[str, Any]) -> str:
    """A template filled with content, every text in it escaped for the template's language."""
    return _environment(Path(template).suffix).get_template(template).render(content)


@functools.cache
def _environment(suffix: str) -> jinja2.Environment:
    """The environment of a language; `finalize` escapes everything that a template inserts."""
    shared: dict[str, Any] = {
        "loader": jinja2.FileSystemLoader([REPORT / "templates", REPORT / "sections"]),
        "undefined": jinja2.StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "keep_trailing_newline": True,
        "autoescape": True,
    }
    if suffix == ".html":
        environment = jinja2.Environment(finalize=html, **shared)
        environment.filters["drawing"] = _drawing
        environment.filters["own_layout"] = _own_layout
        return environment
    if suffix == ".tex":
        return jinja2.Environment(
            finalize=latex,
            variable_start_string="<<",
            variable_end_string=">>",
            block_start_string="<%",
            block_end_string="%>",
            comment_start_string="<#",
            comment_end_string="#>",
            **shared,
        )
    environment = jinja2.Environment(finalize=markdown, **shared)
    environment.filters["code"] = _code
    environment.filters["file"] = Markup
    return environment


def html(value: object) -> Markup:
    """Text for HTML in which no character is markup."""
    match value:
        case tuple():
            return Markup("").join(html(piece) for piece in value)
        case Verdict():
            name = value.replace(" ", "-")
            return Markup('<span class="badge {}">{}</span>').format(name, str(value))
        case Strong():
            return Markup("<b>{}</b>").format(value.text)
        case Symbol():
            return Markup("<i>{}</i>").format(value.letter)
        case Link():
            return Markup('<a href="{}">{}</a>').format(value.file, value.text or value.file)
        case _:
            return escape(value)


def markdown(value: object) -> Markup:
    """Text for Markdown in which no character is markup."""
    match value:
        case Markup():
            return value
        case tuple():
            return Markup("").join(markdown(piece) for piece in value)
        case Verdict():
            return Markup("**{}**").format(markdown(str(value)))
        case Strong():
            return Markup("**{}**").format(markdown(value.text))
        case Symbol():
            return markdown(value.letter)
        case Link():
            return Markup("[{}]({})").format(markdown(value.text or value.file), value.file)
        case _:
            return Markup(_markdown_text(_line(value)))


def latex(value: object) -> Markup:
    """Text for LaTeX in which no character is a command."""
    match value:
        case Markup():
            return value
        case tuple():
            return Markup("").join(latex(piece) for piece in value)
        case Strong():
            return Markup(r"\textbf{{{}}}").format(latex(value.text))
        case Symbol():
            return Markup("${}$").format(latex(value.letter))
        case Link():
            return latex(value.text or value.file)
        case _:
            return Markup("".join(_latex_letter(letter) for letter in _line(value)))


def _line(value: object) -> str:
    """A text on one line, with a space at its ends where it is joined to other pieces."""
    text = str(value)
    first, last = text.startswith(" "), text.endswith(" ")
    return f"{' ' * first}{one_line(text)}{' ' * last}"


def _markdown_text(text: str) -> str:
    escaped = re.sub(r"([\\`*_{}\[\]#|~$!])", r"\\\1", text)
    return (
        escaped.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("@", "&#64;")
    )


def _latex_letter(letter: str) -> str:
    # pdfTeX stops at a letter that its fonts lack, such as an emoji in the name of a level.
    return LATEX.get(letter) or (letter if letter <= LAST_LATIN else f"U+{ord(letter):04X}")


def _code(command: str) -> Markup:
    """A command in Markdown, as a line of an indented block."""
    return Markup("    " + one_line(command))


def _drawing(picture: Picture) -> Markup:
    """A figure that was drawn here, whose labels matplotlib has escaped."""
    return Markup(picture.svg)


def _own_layout(table: Table) -> Markup:
    """A table laid out by the template of its section."""
    return Markup(render(table.template, table.content))
