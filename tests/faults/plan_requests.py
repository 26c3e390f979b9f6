"""Requests planned in the process of the test, since a command for each would take too long."""

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
"""A valid study file of two cells."""


def plan_request(*arguments: str) -> Plan:
    """The plan of `python -m ablate --multirun ARGUMENTS`, without the sizes of its models.

    Raises:
        One of REQUEST_ERRORS: The request is refused.
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


def refusal_of(*arguments: str) -> str:
    """The line that refuses a request; empty if the request is planned."""
    try:
        plan_request(*arguments)
    except REQUEST_ERRORS as error:
        return request_error_line(error)
    return ""


def write_study(folder: Path, content: str | bytes, name: str = "mine") -> None:
    """Write a study file of the user."""
    file = folder / "experiments" / "study" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
