"""Where the photographs of a folder are: in a folder for each class, possibly in parts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ablate.data.folders import entries, is_text, path_fault, subfolders
from ablate.data.parts import NO_TEST_FOLDER
from ablate.data.photograph import FORMATS
from ablate.errors import RequestError
from ablate.wording import enumeration, escaped_name

PART_NAMES = {
    "train": r"train(ing)?",
    "validation": r"val(id(ation)?)?|dev",
    "test": r"test(ing)?",
}
"""How the folder of each part is called, in any case; `_set` may follow."""

NAMED = 5
"""How many folders an error message names."""

TO_SPLIT = ""
"""The part of photographs that the program splits into parts."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """A file that should be a photograph.

    Attributes:
        file: Its path.
        label: Its class, the name of a folder.
        part: Its part; `TO_SPLIT` where the data set has none.
    """

    file: Path
    label: str
    part: str

    def is_nested(self, listing: Listing) -> bool:
        """Whether it is in a folder within the folder of its class."""
        return self.file.parent != listing.folders[self.part, self.label]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder of photographs holds, judged by paths alone.

    Attributes:
        classes: The names of the classes, sorted.
        photographs: The files to read.
        bad: Entries that cannot be photographs, each with the reason.
        texts: Text files, which no one takes for photographs.
        parts: The parts that the data set has.
        folders: The folder of each class in each part.
    """

    classes: tuple[str, ...]
    photographs: list[Photograph] = field(default_factory=list)
    bad: dict[Path, str] = field(default_factory=dict)
    texts: list[Path] = field(default_factory=list)
    parts: tuple[str, ...] = (TO_SPLIT,)
    folders: dict[tuple[str, str], Path] = field(default_factory=dict)

    def notes(self, root: Path) -> tuple[str, ...]:
        """How the folder was read where it could be read in another way, a sentence each."""
        found = []
        nested = [item.file for item in self.photographs if item.is_nested(self)]
        if nested:
            found.append(
                f"{len(nested)} of {len(self.photographs)} photographs are in folders within the "
                f"folder of their class, such as {escaped_name(nested[0].relative_to(root))}."
            )
        if len(self.parts) > 1 and "test" not in self.parts:
            found.append(NO_TEST_FOLDER)
        return tuple(found)


def list_photographs(root: Path, given: str) -> Listing:
    """The photographs below a folder, whose folders are classes or parts with classes.

    Folders within the folder of a class belong to the class.

    Args:
        root: The folder, with links in its own path resolved.
        given: Its path as the user wrote it, for messages.

    Raises:
        RequestError: There are no classes; the message names a folder that may have been meant.
    """
    parts = _part_folders(root, given)
    if not parts:
        folders = _class_folders(root, given)
        listing = Listing(tuple(folder.name for folder in folders))
        _add(listing, root, folders, part=TO_SPLIT)
        return listing
    listing = Listing(_equal_classes(parts, given), parts=tuple(parts))
    for part, folder in parts.items():
        _add(listing, folder, subfolders(folder), part=part)
    for entry in entries(root):
        if entry in parts.values():
            continue
        if os.path.isdir(entry):
            names = enumeration([folder.name for folder in parts.values()])
            listing.bad[entry] = f"a folder next to {names}"
        elif entry.suffix.lower() in FORMATS:
            listing.bad[entry] = "an image outside the class folders"
    return listing


def _add(listing: Listing, root: Path, folders: Sequence[Path], *, part: str) -> None:
    """Add what the class folders of one part hold, and photographs next to them."""
    for entry in entries(root):
        if entry.suffix.lower() in FORMATS and not os.path.isdir(entry):
            listing.bad[entry] = "an image outside the class folders"
    for folder in folders:
        listing.folders[part, folder.name] = folder
        for entry, fault in _walk(folder, (os.path.realpath(root),)):
            if fault:
                listing.bad[entry] = fault
            elif is_text(entry):
                listing.texts.append(entry)
            elif reason := path_fault(entry, extensions=FORMATS):
                listing.bad[entry] = reason
            else:
                listing.photographs.append(Photograph(entry, folder.name, part))


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    """The files in a folder at any depth, sorted, each with what is wrong with its path."""
    real = os.path.realpath(folder)
    if real in above:
        yield folder, "a link to a folder that it is in"
        return
    for entry in entries(folder):
        if os.path.isdir(entry):
            yield from _walk(entry, (*above, real))
        else:
            yield entry, ""


def _part_folders(root: Path, given: str) -> dict[str, Path]:
    """The folders of the parts, train and one more or both; empty if the folders are classes.

    Raises:
        RequestError: A part has two folders, or one of them no folder of a class.
    """
    found = _called_as_parts(root)
    if "train" not in found or len(found) < 2 or not subfolders(found["train"][0]):
        return {}
    for part, folders in found.items():
        if len(folders) > 1:
            names = enumeration([escaped_name(folder.name) for folder in folders])
            raise RequestError(f"Expected one folder for the part {part}; received {names}.")
    parts = {part: found[part][0] for part in PART_NAMES if part in found}
    for folder in parts.values():
        if not subfolders(folder):
            inside = _shown(given, found["train"][0].name)
            raise RequestError(
                f"Expected a folder for each class in {_shown(given, folder.name)}; there is none, "
                f"so its images have no class. Give data.path={inside} to use the images of "
                f"{found['train'][0].name} alone."
            )
    return parts


def _called_as_parts(root: Path) -> dict[str, list[Path]]:
    """The folders in a folder that are called as a part is, by part."""
    found: dict[str, list[Path]] = {}
    for folder in subfolders(root):
        for part, pattern in PART_NAMES.items():
            if re.fullmatch(rf"({pattern})([ _-]?set)?", folder.name, re.IGNORECASE):
                found.setdefault(part, []).append(folder)
    return found


def _refuse_parts(folder: Path, given: str) -> None:
    """Refuse parts within the folder of a class, whose images would be mixed.

    Raises:
        RequestError: The folder holds train and another part.
    """
    found = _called_as_parts(folder)
    if "train" in found and len(found) > 1:
        names = enumeration([each.name for folders in found.values() for each in folders])
        path = _shown(given, folder.name)
        raise RequestError(
            f"Expected photographs of one class in {path}; received the folders {names}, which are "
            f"parts. Give data.path={path} if they hold a folder for each class, or else put the "
            f"classes into the parts."
        )


def _equal_classes(parts: Mapping[str, Path], given: str) -> tuple[str, ...]:
    """The names of the classes, which every part has.

    Raises:
        RequestError: A part lacks a class of another part.
    """
    classes = {part: {each.name for each in subfolders(folder)} for part, folder in parts.items()}
    known = set().union(*classes.values())
    for part, names in classes.items():
        if missing := sorted(known - names):
            all_parts = enumeration([folder.name for folder in parts.values()])
            shown = enumeration([escaped_name(name) for name in missing])
            raise RequestError(
                f"Expected the same classes in {all_parts} of {escaped_name(given)}; "
                f"{parts[part].name} has no folder {shown}."
            )
    return tuple(sorted(known))


def _class_folders(root: Path, given: str) -> list[Path]:
    """The folders of the classes: two or more, with a file in at least one.

    Raises:
        RequestError: There are none; the message names a folder that may have been meant.
    """
    folders = subfolders(root)
    for folder in folders:
        _refuse_parts(folder, given)
    above = (os.path.realpath(root),)
    if len(folders) >= 2 and any(any(_walk(folder, above)) for folder in folders):
        return folders
    names = ", ".join(escaped_name(folder.name) for folder in folders[:NAMED]) or "none"
    raise RequestError(
        f"Expected a folder of images for each of two classes or more in {escaped_name(given)}; "
        f"its folders: {names}.{_hint(root, folders, given)}"
    )


def _hint(root: Path, folders: Sequence[Path], given: str) -> str:
    """The end of an error message: the folder that may have been meant."""
    for folder in folders:
        if len(subfolders(folder)) >= 2:
            return f" Did you mean data.path={_shown(given, folder.name)}?"
    if not folders and len(subfolders(root.parent)) >= 2:
        written = Path(given).name not in ("", "..")
        above = Path(given).parent if written else root.parent
        return f" Did you mean data.path={escaped_name(above)}?"
    return ""


def _shown(given: str, name: str) -> str:
    return escaped_name(Path(given) / name)
