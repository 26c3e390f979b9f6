"""What data sets in folders share: their paths and entries, and decoding many files at once."""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ablate.data.memory import DecodingMemory
from ablate.data.photograph import BadImageError, read
from ablate.data.stored import allocate, release, rows_at_once
from ablate.errors import RequestError
from ablate.process.output import console
from ablate.wording import escaped_name, first_few, quantity

IGNORED = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
"""Files that Windows and macOS create in folders, in addition to hidden files."""

TEXTS = frozenset(
    {".txt", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".md", ".rst", ".html"}
    | {".htm", ".log", ".ini", ".cfg", ".toml", ".pdf"}
)
"""How the names of lists, labels and descriptions end, which lie next to images."""
TEXT_NAMES = frozenset({"readme", "license", "licence", "labels", "classes"})
"""Names of such files that have no ending."""


NAMED = 5
"""How many bad files an error message names."""
FEWEST = 4
"""The fewest images of a class that give each part one image."""


def check_image_size(image_size: object) -> tuple[int, int]:
    """Return height and width.

    Raises:
        RequestError: `image_size` is not a list of two whole numbers of 1 or more.
    """
    sides = list(image_size) if isinstance(image_size, list | tuple) else []
    if len(sides) == 2 and all(type(side) is int and side >= 1 for side in sides):
        return sides[0], sides[1]
    raise RequestError(
        f"Expected data.image_size as height and width in whole pixels, such as [64,64]; "
        f"received {image_size!r}."
    )


def check_folder(path: object, key: str = "data.path") -> Path:
    """Return a folder, with links in its own path resolved.

    Args:
        path: Its path.
        key: The key that gives it.

    Raises:
        RequestError: There is no such folder; the message names the nearest one.
    """
    if not isinstance(path, str) or not path:
        raise RequestError(f"Expected {key} to be the path of a folder; received {path!r}.")
    # os.path.isdir returns False for unreadable paths; Path.is_dir raises.
    folder = Path(os.path.expanduser(path))
    if os.path.isdir(folder):
        return folder.resolve()
    if os.path.exists(folder):
        hint = " For an archive, give data=npz." if folder.suffix == ".npz" else ""
        raise RequestError(f"Expected {key} to be a folder; {escaped_name(path)} is a file.{hint}")
    siblings = subfolders(folder.parent) if os.path.isdir(folder.parent) else []
    close = difflib.get_close_matches(folder.name, [item.name for item in siblings], n=1)
    hint = f" Did you mean {escaped_name(folder.parent / close[0])}?" if close else ""
    raise RequestError(f"Expected the folder {escaped_name(path)}; there is none.{hint}")


def entries(folder: Path) -> list[Path]:
    """The entries of a folder, sorted by name: file systems list them in different orders.

    Raises:
        RequestError: The folder cannot be read.
    """
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise RequestError(
            f"Expected to read the folder {escaped_name(folder)}; {error.strerror}."
        ) from error
    return [
        folder / name
        for name in names
        if name.startswith("._") or not (name.startswith(".") or name.lower() in IGNORED)
    ]


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name.

    Raises:
        RequestError: The folder cannot be read.
    """
    return [entry for entry in entries(folder) if os.path.isdir(entry)]


def is_text(entry: Path) -> bool:
    """Whether a file is a list, labels or a description, which no one takes for an image."""
    name = entry.name.lower()
    return not name.startswith("._") and (entry.suffix.lower() in TEXTS or name in TEXT_NAMES)


def count_texts(texts: Sequence[Path], root: Path) -> tuple[str, ...]:
    """Text files that are left out, counted by the end of their names."""
    found: dict[str, list[Path]] = {}
    for file in texts:
        found.setdefault((file.suffix or file.name).lower(), []).append(file)
    return tuple(
        f"{quantity(len(files), 'text file')} {ending}, such as "
        f"{escaped_name(files[0].relative_to(root))}"
        for ending, files in sorted(found.items())
    )


def path_fault(entry: Path, *, extensions: Collection[str]) -> str | None:
    """Why an entry cannot be a file of the data set, judged by its path; None if it can.

    A link to a file elsewhere can: subsets of large data sets are made of such links.

    Args:
        entry: The entry of a folder.
        extensions: How the names of its files end, in lower case.
    """
    if entry.name.startswith("._"):
        return "a file that macOS adds to a folder"
    if os.path.isdir(entry):
        return f"a folder in the folder {escaped_name(entry.parent.name)}"
    if not os.path.isfile(entry):  # opening a pipe would block
        return "not a readable file"
    if entry.suffix.lower() not in extensions:
        return f"its name ends in none of {', '.join(extensions)}"
    return None


def check_counts(counts: Mapping[str, int], path: str) -> None:
    """Check that there are two classes or more, with enough images each.

    Args:
        counts: The images of each class, by its name.
        path: Where they are, as the user wrote it.

    Raises:
        RequestError: There are too few.
    """
    found = ", ".join(f"{count} of {escaped_name(name)}" for name, count in counts.items())
    if len(counts) < 2 or min(counts.values()) < FEWEST:
        raise RequestError(
            f"Expected two classes or more with {FEWEST} valid images or more each in "
            f"{escaped_name(path)}; received {found or 'none'}."
        )


def name_within(file: Path, root: Path) -> str:
    """The path of a file for messages, from a folder if it is in it."""
    return escaped_name(file.relative_to(root) if file.is_relative_to(root) else file)


def refuse(faults: Mapping[Path, str], root: Path) -> None:
    """Refuse bad files by name.

    Args:
        faults: The files, each with what is wrong.
        root: The folder of the data set.

    Raises:
        RequestError: There are some.
    """
    if faults:
        named = [f"{name_within(file, root)}: {faults[file]}" for file in sorted(faults)]
        raise RequestError(
            f"Expected valid images in {escaped_name(root)}; {len(named)} bad: "
            f"{first_few(named, most=NAMED)}. Repair or remove them."
        )


def read_photographs(
    files: Sequence[Path], *, height: int, width: int
) -> tuple[NDArray[np.uint8], dict[Path, str]]:
    """The pixels of photographs, `(files, height, width, 3)`, and for each bad file the reason.

    Args:
        files: The files.
        height: Height in pixels to which each is resized.
        width: Its width in pixels.
    """
    x = allocate((len(files), height, width, 3), np.uint8)
    memory, step = DecodingMemory(), rows_at_once(x)

    def fill(row: int) -> None:
        if row % step == 0:
            release(x)
        x[row] = read(files[row], height=height, width=width, memory=memory)

    return x, read_all(files, fill)


def _bar() -> Progress:
    """A progress bar, where there is a terminal to show it."""
    terminal = console(stderr=True)
    columns = (TextColumn("Read images"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal)


def read_all(files: Sequence[Path], read: Callable[[int], None]) -> dict[Path, str]:
    """Read files in parallel, and return for each bad file the reason.

    Args:
        files: The files.
        read: Reads the file with an index in `files` and stores what it needs of it; raises
            `BadImageError` if the file is bad.
    """

    def fault(index: int) -> str | None:
        try:
            read(index)
        except BadImageError as error:
            return str(error)
        return None

    Image.init()  # before the threads, or each of them would import the decoders
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool, _bar() as bar:
        # Pillow warns about odd metadata, which changes no pixel, and about bombs, which are bad.
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        reasons = list(bar.track(pool.map(fault, range(len(files))), total=len(files)))
    return {file: reason for file, reason in zip(files, reasons, strict=True) if reason}
