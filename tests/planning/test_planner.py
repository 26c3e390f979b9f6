"""Planning stops at a signal, and never takes one for a mistake in the request."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

from ablate.config.locate import shipped_folder
from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.planning.images import load_images
from ablate.planning.planner import composer
from ablate.process import stop


def test_composing_stops_before_the_next_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with initialize_config_dir(str(shipped_folder("conf")), version_base="1.3"):
        config = compose("config", return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        compose_cell = composer(GlobalHydra.instance().config_loader(), config, arguments=())
        monkeypatch.setattr(stop._stop, "code", stop.TERMINATED)
        with pytest.raises(stop.StopError) as stopped:
            compose_cell(["model.residual=false"])
    assert stopped.value.code == 143


def test_images_are_not_loaded_after_a_signal(pending_signal: None) -> None:
    variant = Variant({}, {"_target_": "ablate.data.digits.load"}, Recipe())
    with pytest.raises(stop.StopError):
        load_images(variant)
