"""What a study file chooses next to its factors, as overrides: its model, data and recipe.

``model: mine`` in a study file means what ``model=mine`` means on the command line, ``recipe:
{epochs: 20}`` what ``recipe.epochs=20`` means, and so does ``data.path: FILE``. What stands below
``full`` takes effect with ``+size=full`` alone, and then takes precedence, key by key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString
from omegaconf import DictConfig, OmegaConf, open_dict

from ablate.config.keys import KEYS, LEVEL_GROUPS
from ablate.config.overrides import parse_override
from ablate.config.trust import (
    DOWNLOAD,
    check_command_of_file,
    check_download_of_file,
    packages_of_user,
)
from ablate.errors import RequestError
from ablate.wording import AddedArgument

SIZE_KEYS = ("size", "full")
"""Keys of a study that state its full size, and that it is asked for."""


def study_overrides(config: DictConfig, given: Sequence[str]) -> list[str]:
    """The overrides that the study of a configuration makes for all of its cells.

    The command line takes precedence: keys that it gives are left out. So are all keys of a group
    for which it makes another choice than the study, since they are those of the study's choice.

    Args:
        config: What Hydra composed; its groups need not be those that the study chooses.
        given: The overrides of the command line.

    Raises:
        RequestError: The study gives a key that it must not give, or a value that no override has.
    """
    study = config.get("study")
    if not isinstance(study, DictConfig):
        return []
    content = OmegaConf.to_container(study, resolve=False)
    assert isinstance(content, dict)
    _refuse_other_keys(content)
    choices, keys = _at_its_size(content)
    asked = {str(each.key_or_group): each for each in map(parse_override, given)}
    if "cell.command" in keys and "cell.command" not in asked:
        check_command_of_file(keys["cell.command"], packages_of_user(asked))
    if DOWNLOAD in keys and DOWNLOAD not in asked:
        check_download_of_file(keys[DOWNLOAD])
    # What the default study gives for Keras does not concern an external program.
    if "cell" in asked and asked["cell"].value() != "keras":
        choices, keys = (
            {key: value for key, value in each.items() if _group(key) == "cell"}
            for each in (choices, keys)
        )
    own = {group: _as_override(group, choice) for group, choice in choices.items()}
    left_out = [
        *(key for key in asked if key not in LEVEL_GROUPS or asked[key].is_delete()),
        *(group for group in own if group in asked and asked[group].value() != choices[group]),
    ]
    return [
        *(AddedArgument(own[group]) for group in own if group not in asked),
        *(
            AddedArgument(_as_override(key, value))
            for key, value in keys.items()
            if not any(key == one or key.startswith(f"{one}.") for one in left_out)
        ),
    ]


def drop_choices(config: DictConfig) -> None:
    """Remove from the node of the study what `study_overrides` has read."""
    study = config.get("study")
    if isinstance(study, DictConfig):
        with open_dict(study):
            for key in [key for key in study if _group(key) in (*LEVEL_GROUPS, *SIZE_KEYS)]:
                del study[key]


def _at_its_size(content: Mapping[Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The choices and the keys that a study gives for all of its cells, at the size asked for.

    Keys of a group for which `full` makes another choice are left out.
    """
    choices, keys = _split(content)
    if "size" not in content:
        return choices, keys
    full = content.get("full")
    if not isinstance(full, Mapping):
        raise RequestError(
            "Expected a study whose file states its full size below `full`; received +size=full "
            "for one without. Give the data set and the recipe on the command line."
        )
    for key in full:
        if _group(key) not in LEVEL_GROUPS:
            raise RequestError(
                f"Expected keys of {', '.join(LEVEL_GROUPS)} below `full` in a study file; "
                f"received {key!r}."
            )
    larger, added = _split(full)
    replaced = [group for group, choice in larger.items() if choice != choices.get(group)]
    kept = {key: value for key, value in keys.items() if _group(key) not in replaced}
    return {**choices, **larger}, {**kept, **added}


def _group(key: object) -> str:
    return str(key).partition(".")[0]


def _split(content: Mapping[Any, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the study chooses for groups, and the keys of groups that it gives."""
    choices: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    for key, value in ((str(key), value) for key, value in content.items()):
        if key in LEVEL_GROUPS and isinstance(value, dict):
            keys.update({f"{key}.{name}": item for name, item in value.items()})
        elif key in LEVEL_GROUPS and value is not None:
            choices[key] = value
        elif key not in LEVEL_GROUPS and _group(key) in LEVEL_GROUPS:
            keys[key] = value
    return choices, keys


def _refuse_other_keys(content: Mapping[Any, Any]) -> None:
    for key in content:
        if _group(key) in {*KEYS, "hydra"}.difference(LEVEL_GROUPS):
            raise RequestError(
                f"Expected {key} on the command line, since a study file chooses only "
                f"{', '.join(LEVEL_GROUPS)}; received it in the study file."
            )


def _as_override(key: str, value: Any) -> str:
    if key in LEVEL_GROUPS and not isinstance(value, str):
        raise RequestError(
            f"Expected study.{key} as one of the choices of {key}, or as a mapping of its keys; "
            f"received {value!r}."
        )
    text = f"{key}={_as_value(value)}"
    try:
        read = parse_override(text)
    except RequestError:
        read = None
    if read is None or read.key_or_group != key or read.value() != value:
        raise RequestError(
            f"Expected a key and a value that can be given on the command line as study.{key}; "
            f"received {value!r}. Give it in a file of your own, experiments/{_group(key)}/."
        )
    return text


def _as_value(value: Any) -> str:
    """A value in the grammar of overrides, in which text is quoted."""
    if isinstance(value, str):
        return QuotedString(value, Quote.double).with_quotes()
    if isinstance(value, dict):
        pairs = (f"{key}: {_as_value(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_as_value, value))}]"
    return "null" if value is None else str(value)
