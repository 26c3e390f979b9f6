"""The launcher `local`: trains the units of a study in a pool of processes on this machine."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class LocalLauncher(Launcher):
    """Trains every cell in a fresh process, forked from a server that has imported Keras."""

    def __init__(self) -> None:
        self.config: DictConfig

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Store the configuration; the plan on disk holds everything else that workers need.

        Raises:
            CompactHydraException: Another application than `ablate` uses this launcher.
        """
        from ablate.config.application import check_application

        check_application(
            hydra_context.config_loader.get_search_path(),
            plugin="hydra/launcher=local",
            instead="hydra/launcher=basic",
        )
        self.config = config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Train the unit of every job; the results are on disk afterwards."""
        from ablate.workers.launch import launch

        launch(self.config, job_overrides)
        return []


ConfigStore.instance().store(
    group="hydra/launcher",
    name="local",
    node={"_target_": f"{__name__}.{LocalLauncher.__name__}"},
    provider="ablate",
)
