"""The choices of `data` in conf/ fit the loaders that they name."""

import inspect
from pathlib import Path

import pytest
import yaml

from ablate.config.locate import locate

CHOICES = sorted((Path(__file__).parents[2] / "conf" / "data").glob("*.yaml"))


@pytest.mark.parametrize("file", CHOICES, ids=lambda file: file.stem)
def test_the_keys_are_the_loaders_keywords_with_their_defaults(file):
    node = yaml.safe_load(file.read_text())
    loader = locate(node.pop("_target_"), ())
    parameters = inspect.signature(loader).parameters.values()

    assert all(item.kind is item.KEYWORD_ONLY for item in parameters)
    assert list(node) == [item.name for item in parameters]
    defaults = {item.name: item.default for item in parameters if item.default is not item.empty}
    given = {key: tuple(node[key]) if isinstance(node[key], list) else node[key] for key in node}
    assert {key: given[key] for key in defaults} == defaults
