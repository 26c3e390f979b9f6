"""What `--help` prints: every key with its value and the comment that explains it in its file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml
from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from ablate.config.keys import GROUPS, KEYS
from ablate.config.locate import shipped_folder
from ablate.config.shipped import shipped_configuration
from ablate.credentials import shown_argument
from ablate.wording import printable

WIDTH = 44
"""Column of the comments; a longer value moves its comment to the line above it."""


def help_text(arguments: Sequence[str], *, resolve: bool = False) -> str:
    """The text of `--help` for a request.

    Args:
        arguments: What `check_arguments` has returned.
        resolve: Whether interpolations are shown as what they stand for.
    """
    overrides = [word for word in arguments if not word.startswith("-")]
    with shipped_configuration():
        config = compose("config", overrides=overrides, return_hydra_config=True)
        loader = GlobalHydra.instance().config_loader()
        options = {group: loader.get_group_options(group) for group in GROUPS}
    lines = [*config.hydra.help.header.rstrip().splitlines(), "", "Groups, as group=choice:", ""]
    lines += [f"  {group}: {', '.join(names)}" for group, names in options.items()]
    lines += ["", "Keys and their values, as key=value (within a group group.key=value):", ""]
    lines += _lines_of_keys(config, resolve=resolve)
    lines += ["", config.hydra.help.footer.rstrip()]
    return "\n".join(map(printable, lines))


def _lines_of_keys(config: DictConfig, *, resolve: bool) -> Iterator[str]:
    root = comments_of(shipped_folder("conf") / "config.yaml")
    for key in (key for key in KEYS if key in config and key not in (*GROUPS, "unit")):
        yield from _line(f"  {key}", _value(config, key, resolve=resolve), root.get(key, ""))
    for group in GROUPS:
        node, choice = config.get(group), config.hydra.runtime.choices.get(group)
        if not isinstance(node, DictConfig):
            continue
        comments = _comments_with_defaults(group, str(choice))
        yield from ("", f"  {group}={choice}: {comments.get('', '')}")
        for key in map(str, node):
            comment = comments.get(key) or root.get(f"{group}.{key}", "")
            value = _value(node, key, resolve=resolve)
            if group == "store":
                value = shown_argument(f"store.{key}={value}").partition("=")[2]
            yield from _line(f"    {key}", value, comment)


def _value(node: DictConfig, key: str, *, resolve: bool) -> str:
    """The value of a key on one line, in YAML."""
    value = OmegaConf.to_container(OmegaConf.masked_copy(node, key), resolve=False)
    if resolve:
        value = {key: node[key]}
        if OmegaConf.is_config(value[key]):
            value = {key: OmegaConf.to_container(value[key], resolve=True)}
    assert isinstance(value, dict)
    text: str = yaml.safe_dump(value[key], default_flow_style=True, width=10**6, sort_keys=False)
    return text.removesuffix("...\n").strip()


def _line(key: str, value: str, comment: str) -> Iterator[str]:
    line = f"{key}: {value}"
    if comment and len(line) >= WIDTH:
        indent = " " * (len(key) - len(key.lstrip()))
        yield f"{indent}# {comment}"
        yield line
    else:
        yield f"{line:{WIDTH}}# {comment}" if comment else line


def _comments_with_defaults(group: str, choice: str) -> dict[str, str]:
    """The comments of the file of a choice, and of the files of its group that it is made of."""
    comments: dict[str, str] = {}
    waiting, seen = [choice], set()
    while waiting:
        name = waiting.pop(0)
        file = _file_of(group, name)
        if file is None or name in seen:
            continue
        seen.add(name)
        comments = {**comments_of(file), **comments}
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        defaults = content.get("defaults") if isinstance(content, dict) else None
        waiting += [str(entry) for entry in defaults or () if isinstance(entry, str)]
    return comments


def _file_of(group: str, choice: str) -> Path | None:
    """The file of a choice, in the order of Hydra's search path."""
    folders = (Path("experiments"), shipped_folder("conf"), shipped_folder("experiments"))
    files = (folder / group / f"{choice}.yaml" for folder in folders)
    return next((file for file in files if file.is_file()), None)


def comments_of(file: Path) -> Mapping[str, str]:
    """The comments at the ends of the lines of a YAML file, by key, such as ``study.design``.

    The empty key has the first sentence of the comment at the top of the file.
    """
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    top = " ".join(line.lstrip("# ").strip() for line in lines[: _length_of_header(lines)])
    comments = {"": re.split(r"(?<=[.?!])\s", top, maxsplit=1)[0]}
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if isinstance(root, yaml.MappingNode):
        comments.update(_comments_below(root, lines, ""))
    return comments


def _length_of_header(lines: Sequence[str]) -> int:
    return next((i for i, line in enumerate(lines) if not re.match(r"#\s*\S", line)), len(lines))


def _comments_below(
    node: yaml.MappingNode, lines: Sequence[str], prefix: str
) -> Iterator[tuple[str, str]]:
    for key, value in node.value:
        path = f"{prefix}{key.value}"
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield from _comments_below(value, lines, f"{path}.")
            end = key.end_mark
        else:
            end = value.end_mark
        rest = lines[end.line][end.column :] if end.line < len(lines) else ""
        if found := re.match(r":?\s*#\s*(.*)", rest):
            yield path, found[1]
