"""What sections are made of: text, tables, figures and lists, without any markup language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ablate.analysis.findings import Verdict
from ablate.report.drawing import Picture


@dataclass(frozen=True, slots=True)
class Strong:
    """Text with emphasis."""

    text: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """A mathematical symbol, such as ``p``."""

    letter: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link to a file of the report, or to an address.

    Attributes:
        file: Path of the file relative to the report, or an address.
        text: What is shown in place of the path.
    """

    file: str
    text: str = ""


Piece = str | Strong | Symbol | Link | Verdict
Text = Piece | tuple[Piece, ...]
"""Text of a block: escaped when it is written, so that no part of it becomes markup."""

INTERVAL = "95\u00a0%\u00a0interval"
P, N = Symbol("p"), Symbol("n")
P_HOLM: Text = (P, ", Holm")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph; ``lead`` is large, ``note`` small."""

    text: Text
    style: Literal["", "lead", "note"] = ""
    kind: ClassVar[str] = "paragraph"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list with bullets, each item with a title or without."""

    items: tuple[Item, ...]
    kind: ClassVar[str] = "listing"


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a list, with a title in bold or without.

    Attributes:
        text: What is always shown.
        title: A few words in bold before the text.
        more: What the page shows only when the reader unfolds the item.
        marked: Whether the page highlights it.
    """

    text: Text
    title: str = ""
    more: Text = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Definitions:
    """Terms and what they mean, or keys and values; ``values`` is the small print."""

    pairs: tuple[tuple[Text, Text], ...]
    style: Literal["terms", "values"] = "terms"
    kind: ClassVar[str] = "definitions"


@dataclass(frozen=True, slots=True)
class Commands:
    """Commands to copy, a line each."""

    lines: tuple[str, ...]
    kind: ClassVar[str] = "commands"


@dataclass(frozen=True, slots=True)
class Illustration:
    """A picture with its caption.

    Attributes:
        picture: The picture.
        in_page: Whether the page shows it; else it is only in `report.md` and in `figures/`.
    """

    picture: Picture
    in_page: bool = True
    kind: ClassVar[str] = "illustration"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its heading.
        align: Alignment of its values.
        style: How the page shows its values: ``soft`` and ``number`` are grey, ``words`` may take
            several lines.
        heads_row: Whether its values are the headings of the rows.
        in_paper: Whether the table for a paper has it.
    """

    title: Text
    align: Literal["left", "right", "center"] = "left"
    style: Literal["", "soft", "number", "words"] = ""
    heads_row: bool = False
    in_paper: bool = True


def plain_text(text: Text) -> str:
    """A text without emphasis and links."""
    match text:
        case tuple():
            return "".join(plain_text(piece) for piece in text)
        case Symbol():
            return text.letter
        case Strong():
            return text.text
        case Link():
            return text.text or text.file
        case _:
            return str(text)


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        columns: Its columns.
        rows: A text for every column in each row.
        label: Names the table in a paper; a table without a label is in no paper.
        caption: Its caption in a paper.
        template: HTML template in `sections/` that the page uses in place of the general layout.
        content: What that template shows.
        paper: The table that a paper shows in place of this one.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Text, ...], ...]
    label: str = ""
    caption: Text = ""
    template: str = ""
    content: Mapping[str, object] = field(default_factory=dict)
    paper: Table | None = None
    kind: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"Expected {len(self.columns)} texts in a row; received {len(row)}."
                )

    @property
    def letters(self) -> int:
        """About how many letters wide the table is."""
        rows = ([column.title for column in self.columns], *self.rows)
        widths = zip(*([len(plain_text(text)) for text in row] for row in rows), strict=True)
        return sum(max(lengths) + 2 for lengths in widths)

    def for_paper(self) -> Table:
        """The table that a paper shows: its own, or this one with some of its columns."""
        if self.paper is not None:
            return self.paper
        kept = [index for index, column in enumerate(self.columns) if column.in_paper]
        return Table(
            tuple(self.columns[index] for index in kept),
            tuple(tuple(row[index] for index in kept) for row in self.rows),
            self.label,
            self.caption,
        )


@dataclass(frozen=True, slots=True)
class Fold:
    """Blocks that the page shows only when the reader unfolds them.

    Attributes:
        title: What the reader sees before.
        blocks: What is folded.
    """

    title: str
    blocks: tuple[Paragraph | Listing | Definitions | Table, ...]
    kind: ClassVar[str] = "fold"


Block = Paragraph | Listing | Definitions | Commands | Illustration | Table | Fold
