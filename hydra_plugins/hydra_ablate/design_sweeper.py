"""The sweeper `design`: passes a study to the runner."""

from __future__ import annotations

from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class DesignSweeper(Sweeper):
    """Runs the cells of a study's design instead of a product of swept values."""

    def __init__(self) -> None:
        self.config: DictConfig
        self.launcher: Launcher
        self.hydra_context: HydraContext

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Store what Hydra provides, and create the launcher that the configuration chooses.

        Raises:
            CompactHydraException: Another application than `ablate` uses this sweeper.
        """
        from ablate.config.application import check_application

        check_application(
            hydra_context.config_loader.get_search_path(),
            plugin="hydra/sweeper=design",
            instead="hydra/sweeper=basic",
        )
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Run the study; raise SystemExit with its exit code."""
        # Every Hydra application in this environment imports this file, so import the runner here.
        from ablate.process.entry import stop_between_imports

        with stop_between_imports():
            from ablate.runner.sweep import sweep

        code = sweep(self.hydra_context, self.config, launcher=self.launcher, arguments=arguments)
        # Hydra drops what a sweep returns, and replaces exceptions by its own messages.
        raise SystemExit(code)


ConfigStore.instance().store(
    group="hydra/sweeper",
    name="design",
    node={"_target_": f"{__name__}.{DesignSweeper.__name__}"},
    provider="ablate",
)
