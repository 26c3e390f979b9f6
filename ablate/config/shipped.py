"""Hydra with the configuration of this program, for what is composed besides the request."""

from __future__ import annotations

from contextlib import AbstractContextManager

from hydra import initialize_config_dir

from ablate.config.locate import shipped_folder


def shipped_configuration() -> AbstractContextManager[object]:
    """A block in which `hydra.compose` composes files of `conf/` and the user's `experiments/`."""
    return initialize_config_dir(str(shipped_folder("conf")), version_base="1.3")
