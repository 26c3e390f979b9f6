"""Where a worker has its images changes no number."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ablate.config.device import DeviceRequest
from ablate.errors import RequestError
from ablate.workers import slots
from tests.conftest import TINY, Command
from tests.store.written import plan_of

FULL = ("model.residual=true", "model.norm=before_activation", "model.conv=separable")


def responses(runs: Path, cell: str) -> dict[str, float]:
    (result,) = runs.glob(f"{cell}/0/result.json")
    return json.loads(result.read_text())["responses"]


def test_a_run_gives_equal_numbers_with_its_images_on_the_disk(
    ablate: Command, tiny_study: Path, tmp_path: Path
) -> None:
    done = ablate(tmp_path, *FULL, *TINY[:3], "seed=0", "device.images=disk")
    assert done.returncode == 0, done.stdout + done.stderr
    full = "residual=present,norm=present,conv=separable"
    expected = responses(tiny_study / "runs" / "xyz", full)
    assert responses(tmp_path / "runs" / "single", "*") == expected


@pytest.mark.parametrize(
    ("images", "expected"), [("auto", 100), ("memory", math.inf), ("disk", 0)], ids=str
)
def test_workers_share_half_of_the_free_memory(
    monkeypatch: pytest.MonkeyPatch, images: str, expected: float
) -> None:
    monkeypatch.setattr(slots, "free_bytes", lambda: 800)
    found = slots.slots_for(plan_of(), DeviceRequest("cpu", 4, 1, images))
    assert [slot.image_bytes for slot in found] == [expected] * 4


def test_another_place_of_images_is_refused() -> None:
    with pytest.raises(RequestError, match=r"device\.images 'disc'. Did you mean 'disk'"):
        DeviceRequest("cpu", 1, 1, "disc")
