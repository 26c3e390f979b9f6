"""The files of an external program: which its command names, and their part of a run's identity.

The scripts and other files that the command and the options name count, the modules of its own that
a Python script imports, and what the user lists as `cell.files`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ablate.config.command_line import SCRIPT_FOLLOWS
from ablate.config.program import Program
from ablate.errors import RequestError, nearest
from ablate.process import stop
from ablate.store.identity import Source, file_digest
from ablate.store.plan import digest

PYTHON = re.compile(r"(python|pypy)[\d.]*")
INTERPRETER = re.compile(r"(python|pypy)[\d.]*|Rscript|julia|bash|sh|dash|zsh|ksh|node|perl|ruby")
INLINE = ("-c", "-e", "-m")
"""Flags after which no script follows: code or the name of a module does."""
WITH_VALUE = ("-W", "-X")
"""Flags of Python that take the next word."""
MOST_FILES = 10_000
"""Files in a folder of `cell.files`; more are probably a mistake, and take long to read."""


def source_digest(name: str) -> str:
    """The digest of a file: of its code if Python reads it, else of its bytes.

    Raises:
        RequestError: It cannot be read.
    """
    path = Path(name)
    return Source.read(path).digest if path.suffix == ".py" else file_digest(path)


def program_sources(
    program: Program, *, digest_of: Callable[[str], str] = source_digest
) -> tuple[str, Mapping[str, str]]:
    """The files that can change the results of a program.

    Args:
        program: The program.
        digest_of: `source_digest`, or a cache of it for programs that share files.

    Returns:
        A digest of all of them, and by name the digest of each.

    Raises:
        RequestError: One does not exist, or cannot be read.
    """
    paths = map(os.path.expanduser, _named_paths(program))
    named = [path for path in paths if os.path.isfile(path)]
    names = dict.fromkeys([*named, *_declared_files(program.files), *_modules(program, named)])
    sources = {}
    for name in sorted(names):
        stop.check()
        # A name without a dot or a slash would be taken for that of a library.
        shown = name if set(name) & set("./") else f"./{name}"
        sources[shown] = digest_of(name)
    return digest(sources), sources


def script_index(words: Sequence[str]) -> int | None:
    """The index of the script that an interpreter, the first word, runs; None if there is none."""
    if not INTERPRETER.fullmatch(Path(words[0]).name):
        return None
    index = 1
    while index < len(words) and words[index].startswith("-"):
        if words[index] in INLINE or SCRIPT_FOLLOWS.fullmatch(words[index]):
            return None
        index += 2 if words[index] in WITH_VALUE else 1
    return index if index < len(words) and "{" not in words[index] else None


def with_full_path(text: str) -> str:
    """A text, or the part of it behind ``=``, as a full path if it is the path of what exists.

    The program may have another working directory than the command in which paths were written.
    """
    for path in _paths_in(text):
        before = text.removesuffix(path)
        return before + os.path.abspath(os.path.expanduser(path))
    return text


def words_with_full_paths(words: Sequence[str]) -> list[str]:
    """The words of a command, before its placeholders are filled, with the full paths of files."""
    script = script_index(words)
    full = [with_full_path(word) for word in words]
    if "/" not in words[0]:
        full[0] = words[0]  # is searched for in PATH
    if script is not None and _exists(words[script]):
        full[script] = os.path.abspath(words[script])
    return full


def _named_paths(program: Program) -> Iterator[str]:
    """The paths that the command and the options name, as they are written."""
    words = program.words
    script = script_index(words)
    if "/" in words[0] and _is_script(words[0]):
        yield words[0]
    for index, word in enumerate(words[1:], start=1):
        if index == script and _exists(word):
            yield word
        else:
            yield from _paths_in(word)
    for value in program.flat_options.values():
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, str):
                yield from _paths_in(item)
    module = _module_of(words)
    if module is not None:
        yield module


def _paths_in(text: str) -> Iterator[str]:
    """The path that a text is, or that follows ``=`` in it, if there is something."""
    for path in (text, text.partition("=")[2]):
        if set(path) & set("./") and _exists(os.path.expanduser(path)):
            yield path
            return


def _is_script(name: str) -> bool:
    """Whether a program is a text; that of a compiled one is not read."""
    try:
        with open(name, "rb") as file:
            return file.read(4) != b"\x7fELF"
    except OSError:
        return False


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long for a path, or with characters that none can have
        return False


def _module_of(words: Sequence[str]) -> str | None:
    """The file of the module that `python -m` runs, if it is in the working directory."""
    if not PYTHON.fullmatch(Path(words[0]).name) or "-m" not in words[:-1]:
        return None
    path = os.path.join(*words[words.index("-m") + 1].split("."))
    files = (f"{path}.py", os.path.join(path, "__main__.py"))
    return next((file for file in files if os.path.isfile(file)), None)


def visible_names(folder: str) -> list[str]:
    """What is in a folder, for a hint; empty if there is no such folder."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(name for name in names if not name.startswith("."))


def _declared_files(names: Iterable[str]) -> Iterator[str]:
    """The files that `cell.files` lists, and all in the folders that it lists."""
    for name in names:
        if os.path.isfile(name):
            yield name
        elif os.path.isdir(name):
            yield from _files_below(name)
        else:
            known = visible_names(os.path.dirname(name) or ".")
            raise RequestError(
                f"Expected cell.files to list files and folders; there is no {name!r}."
                f"{nearest(os.path.basename(name), known)}"
            )


def _files_below(folder: str) -> list[str]:
    found: list[str] = []
    for root, folders, files in os.walk(folder):
        stop.check()
        folders[:] = sorted(each for each in folders if not each.startswith((".", "__pycache__")))
        found += [os.path.join(root, each) for each in sorted(files) if not each.startswith(".")]
        if len(found) > MOST_FILES:
            raise RequestError(
                f"Expected at most {MOST_FILES:,} files in a folder of cell.files; {folder} has "
                f"more. List a file that changes with them, such as an index."
            )
    return [each for each in found if os.path.isfile(each)]


def _modules(program: Program, named: Sequence[str]) -> list[str]:
    """The files that Python scripts import from their own folder or the working directory."""
    module = _module_of(program.words)
    found: dict[str, None] = {}
    waiting = [(name, os.path.dirname(name)) for name in named if name.endswith(".py")]
    if module is not None:
        waiting.append((module, ""))
    while waiting:
        name, folder = waiting.pop()
        for imported, level in Source.read(Path(name)).imports:
            starts = {folder, ""}
            if level:
                starts = {
                    os.path.normpath(os.path.join(os.path.dirname(name), *[".."] * (level - 1)))
                }
            for start in starts:
                for file in _files_of_module(start, imported):
                    if file not in found:
                        found[file] = None
                        waiting.append((file, folder))
    return list(found)


def _files_of_module(start: str, name: str) -> Iterator[str]:
    """The files of a module, and of the packages that hold it, below a folder."""
    path = start
    for part in name.split("."):
        path = os.path.join(path, part)
        files = (f"{path}.py", os.path.join(path, "__init__.py"))
        yield from (file for file in files if os.path.isfile(file))
