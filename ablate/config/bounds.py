"""Bounds of what a user's files may expand to, checked before anything expands it.

A few lines of YAML whose aliases or interpolations refer to each other can stand for more values
than a memory holds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ablate.config.keys import leads_out
from ablate.errors import RequestError
from ablate.wording import escaped_name

MOST_BYTES = 2_000_000
"""Of a YAML file; a study of thousands of cells that are listed by hand has less."""
MOST_VALUES = 20_000
"""That aliases or interpolations may expand to; Hydra needs half a millisecond for each."""
MOST_COMPUTED_KEYS = 12
"""Interpolations whose key is an interpolation, so that their size is not known before."""
LETTERS = 64
"""A text of so many letters counts as one more value."""


def check_own_files(folder: Path) -> None:
    """Check the YAML files of a folder, none of which is read by Hydra before.

    Args:
        folder: The user's `experiments/`, which may be missing.

    Raises:
        RequestError: One is no file, is too large, has aliases that expand to too much, or has a
            name that could steer the terminal, since Hydra's help shows it.
    """
    for file in _yaml_files(folder):
        if not str(file).isprintable():  # --help lists the choices of each group
            raise RequestError(
                f"Expected file names that a terminal can show; received {escaped_name(file)}."
            )
        if not os.path.isfile(file):
            raise RequestError(
                f"Expected a file; {escaped_name(file)} is a pipe, a socket or a device."
            )
        if (size := os.path.getsize(file)) > MOST_BYTES:
            raise RequestError(
                f"Expected YAML files of at most {MOST_BYTES:,} bytes; {escaped_name(file)} has "
                f"{size:,}."
            )
        _check_content(file)


def _yaml_files(folder: Path) -> Iterator[Path]:
    visited: set[str] = set()
    for root, folders, files in os.walk(folder, onerror=_refuse, followlinks=True):
        if (real := os.path.realpath(root)) in visited:  # a link to a folder above
            folders.clear()
            continue
        visited.add(real)
        for name in sorted(files):
            file = Path(root) / name
            if file.suffix == ".yaml" and os.path.exists(file):
                yield file


def _refuse(error: OSError) -> None:
    """Refuse a folder whose files cannot be listed, since Hydra could read one of them."""
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise RequestError(f"Cannot list {escaped_name(error.filename)}: {error.strerror}.")


def _check_content(file: Path) -> None:
    """Check the aliases and the defaults lists of a file; malformed ones are left to Hydra."""
    try:
        content = file.read_bytes()
        # A name may be written with escapes.
        if not (b"&" in content and b"*" in content) and not re.search(rb"defaults|\\", content):
            return
        root = yaml.compose(content, Loader=yaml.SafeLoader)
        values = 0 if root is None else _count(root, {})
        path = None if root is None else next(_paths(root), None)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return  # Hydra's message names the fault
    if values > MOST_VALUES:
        raise RequestError(
            f"Expected at most {MOST_VALUES:,} values in {escaped_name(file)}; its aliases "
            f"expand to {values:,}."
        )
    if path is not None:
        raise RequestError(
            f"Expected names of files in the folders of the groups in the defaults list of "
            f"{escaped_name(file)}; received {path!r}."
        )


def _paths(root: yaml.Node) -> Iterator[str]:
    """What lists of defaults name outside of the folders of groups, which were not checked."""
    for node in _nodes_below(root):
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            # Also in nodes that are merged into others.
            if key.value == "defaults" and isinstance(value, yaml.SequenceNode):
                yield from _paths_of_defaults(value)


def _paths_of_defaults(defaults: yaml.SequenceNode) -> Iterator[str]:
    for entry in defaults.value:
        if isinstance(entry, yaml.MappingNode):
            keys = [str(key.value) for key, _ in entry.value]
            yield from (key for key in keys if _is_path_of_group(key))
            choices = [each for _, value in entry.value for each in _nodes_below(value)]
            yield from (each.value for each in choices if _is_path(each))
        elif isinstance(entry, yaml.ScalarNode) and leads_out(entry.value.removeprefix("/")):
            yield entry.value


def _is_path_of_group(key: str) -> bool:
    return key[-1:] in ("", "/") or leads_out(re.sub(r"(^|\s)/(?!/)", r"\1", key))


def _is_path(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and leads_out(node.value)


def _nodes_below(root: yaml.Node) -> Iterator[yaml.Node]:
    """A node and all below it, each once."""
    waiting, found = [root], {id(root)}
    while waiting:
        node = waiting.pop()
        yield node
        for each in _nodes_in(node):
            if id(each) not in found:
                found.add(id(each))
                waiting.append(each)


def _count(node: yaml.Node, known: dict[int, int]) -> int:
    """The values below a node; an anchor is counted once and remembered."""
    if id(node) not in known:
        known[id(node)] = 0  # as long as it is being counted: one that contains itself is malformed
        known[id(node)] = 1 + sum(_count(each, known) for each in _nodes_in(node))
    return known[id(node)]


def _nodes_in(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def check_interpolations(content: Mapping[str, Any]) -> None:
    """Check what the interpolations of a configuration expand to.

    Args:
        content: The configuration as plain values, its interpolations not resolved.

    Raises:
        RequestError: It is too much.
    """
    nodes = dict(_nodes_of(content))
    size = _Sizes(nodes)
    computed = 0
    for path, text in nodes.items():
        if not isinstance(text, str) or "${" not in text:
            continue
        computed += len(re.findall(r"\$\{[^{}:]*\$\{", text))
        if size.of(path) > MOST_VALUES:
            key = escaped_name(".".join(path))
            raise RequestError(
                f"Expected interpolations that expand to at most {MOST_VALUES:,} values; {key} "
                f"expands to more."
            )
    if computed > MOST_COMPUTED_KEYS:
        raise RequestError(
            f"Expected at most {MOST_COMPUTED_KEYS} interpolations whose key is an interpolation; "
            f"received {computed}."
        )


KeyPath = tuple[str, ...]
"""The keys that lead to a node, from the outermost."""


def _nodes_of(node: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """A node and all below it, each with its path."""
    yield path, node
    for key, value in _items(node):
        yield from _nodes_of(value, (*path, key))


def _items(node: object) -> list[tuple[str, Any]]:
    if isinstance(node, Mapping):
        return [(str(key), value) for key, value in node.items()]
    return [(str(key), value) for key, value in enumerate(node)] if isinstance(node, list) else []


class _Sizes:
    """How many values each node stands for once interpolations are resolved."""

    def __init__(self, nodes: Mapping[KeyPath, object]) -> None:
        self._nodes = nodes
        self._known: dict[KeyPath, int] = {}

    def of(self, path: KeyPath) -> int:
        """The size of the node at a path; 0 if there is none."""
        if path not in self._known:
            self._known[path] = 0  # as long as it is being counted: circles are refused later
            self._known[path] = self._count(path) if path in self._nodes else 0
        return self._known[path]

    def _count(self, path: KeyPath) -> int:
        node = self._nodes[path]
        if isinstance(node, str):
            return 1 + len(node) // LETTERS + sum(self.of(key) for key in _keys(node, path))
        return 1 + sum(self.of((*path, key)) for key, _ in _items(node))


def _keys(text: str, path: KeyPath) -> Iterator[KeyPath]:
    """The paths that the interpolations of a text name."""
    named = re.findall(r"\$\{([^${}:]+)\}", text)
    named += re.findall(r"\$\{oc\.(?:select|deprecated|dict\.\w+):([^,${}]+)", text)
    for key in map(str.strip, named):
        plain = key.lstrip(".")
        above = len(key) - len(plain)  # one dot is the node that holds the text
        start = path[: max(0, len(path) - above)] if above else ()
        yield (*start, *(part for part in re.split(r"[.\[\]]+", plain) if part))
