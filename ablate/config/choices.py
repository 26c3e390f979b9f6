"""Which choices of a group have a key: for a refusal of the key that the chosen one lacks."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from ablate.config.keys import LEVEL_GROUPS
from ablate.config.shipped import shipped_configuration

MOST_CHOICES = 50
"""Choices of a group that are looked at; each costs a tenth of a second."""


def hint_at_choices(key: str) -> str:
    """The end of a refusal of a key such as ``model.blocks``: which choices of its group have it.

    Composing calls nothing. Choices that cannot be composed are left out. Empty if none has it.
    """
    group = key.partition(".")[0]
    if group not in LEVEL_GROUPS:
        return ""
    with _hydra():
        names = GlobalHydra.instance().config_loader().get_group_options(group)
        found = [f"{group}={name}" for name in names[:MOST_CHOICES] if _has(key, group, name)]
    if not found:
        return ""
    choices = f"{', '.join(found[:-1])} or {found[-1]}" if len(found) > 1 else found[0]
    return f" Choose {choices}; in a study file, {group}: NAME."


def _hydra() -> AbstractContextManager[object]:
    if GlobalHydra.instance().is_initialized():
        return nullcontext()
    return shipped_configuration()


def _has(key: str, group: str, name: str) -> bool:
    try:
        node: Any = OmegaConf.to_container(compose("config", overrides=[f"{group}={name}"]))
    except Exception:  # a file of the user; Hydra and PyYAML raise many kinds
        return False
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True
