"""The search path of Hydra: the user's `experiments/`, then `conf/`, then the shipped ones."""

from __future__ import annotations

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.plugins.search_path_plugin import SearchPathPlugin


class ExperimentsSearchPath(SearchPathPlugin):
    """Adds both `experiments/` folders to the search path of `ablate` and of no other program."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add the folders if the application's own configuration is that of `ablate`."""
        from ablate.config.application import is_own_application
        from ablate.config.locate import shipped_folder

        if not is_own_application(search_path):
            return
        own = Path.cwd() / "experiments"
        if own.is_dir():
            search_path.prepend("own-experiments", str(own), SearchPathQuery(provider="main"))
        search_path.append("experiments", str(shipped_folder("experiments")))
