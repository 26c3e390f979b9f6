"""A request answered in this process as far as its plan, for tests that ask many."""

from __future__ import annotations

from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

from ablate.config.arguments import check_arguments
from ablate.config.hydra_errors import REQUEST_ERRORS, request_error_line
from ablate.config.locate import shipped_folder
from ablate.config.request import content_of, read_request
from ablate.planning.planner import composer, make_plan
from ablate.runner.sweep import _refuse_overrides
from ablate.store.plan import Plan

PRESENT = "{name: present, overrides: [model.residual=true]}"
ABSENT = "{name: absent, overrides: [model.residual=false]}"
SMALL = f"factors: {{residual: {{levels: [{PRESENT}, {ABSENT}]}}}}\n"
"""A sound study file of two cells."""


def planned(*arguments: str) -> Plan:
    """The plan that `python -m ablate --multirun ARGUMENTS` would print, its models unmeasured.

    Raises:
        One of REFUSALS: The request is refused.
    """
    given = check_arguments(["--multirun", *arguments])
    overrides = [argument for argument in given if not argument.startswith("-")]
    with initialize_config_dir(str(shipped_folder("conf")), version_base="1.3"):
        config = compose(
            "config", overrides=[*overrides, "hydra.mode=MULTIRUN"], return_hydra_config=True
        )
        HydraConfig.instance().set_config(config)
        request = read_request(content_of(config))
        task = OmegaConf.to_container(config.hydra.overrides.task)
        assert isinstance(task, list)
        _refuse_overrides(task, request.study)
        loader = GlobalHydra.instance().config_loader()
        return make_plan(request.study, composer(loader, config, arguments=task))[0]


def answer(*arguments: str) -> str:
    """The line with which a request is refused; empty if it is planned."""
    try:
        planned(*arguments)
    except REQUEST_ERRORS as error:
        return request_error_line(error)
    return ""


def write_study(folder: Path, content: str | bytes, name: str = "mine") -> None:
    """A study file of the user's own."""
    file = folder / "experiments" / "study" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
