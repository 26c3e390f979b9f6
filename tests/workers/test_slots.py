from __future__ import annotations

import pytest
from pytest import param

from ablate.config.device import DeviceRequest
from ablate.errors import RequestError
from ablate.workers.slots import Slot, share_out

AUTO = DeviceRequest("auto", None, None)


@pytest.mark.parametrize(
    ("request_", "gpus", "cores", "pixels", "expected"),
    [
        param(AUTO, [], 2, 64, [Slot(None, 1)] * 2, id="small_images_use_one_process_per_core"),
        param(AUTO, [], 2, 64 * 64, [Slot(None, 2)], id="large_images_use_all_cores"),
        param(AUTO, [], 16, 64 * 64, [Slot(None, 4)] * 4, id="many_cores_are_divided"),
        param(AUTO, ["0", "1"], 8, 64, [Slot("0", 4), Slot("1", 4)], id="one_process_per_gpu"),
        param(
            DeviceRequest("auto", 2, 1), ["0"], 8, 64, [Slot("0", 1)] * 2, id="workers_on_each_gpu"
        ),
        param(DeviceRequest("cpu", 1, None), ["0"], 4, 64, [Slot(None, 4)], id="cpu_despite_gpu"),
        param(DeviceRequest("cpu", 8, None), [], 2, 64, [Slot(None, 1)] * 8, id="more_than_cores"),
    ],
)
def test_hardware_is_divided_among_workers(
    request_: DeviceRequest, gpus: list[str], cores: int, pixels: int, expected: list[Slot]
) -> None:
    assert share_out(request_, gpus=gpus, cores=cores, pixels=pixels) == expected


def test_a_missing_gpu_is_refused() -> None:
    with pytest.raises(RequestError, match="Expected a GPU"):
        share_out(DeviceRequest("gpu", None, None), gpus=[], cores=2, pixels=64)


@pytest.mark.parametrize("workers", [0, -1, 1.5, "many", True])
def test_the_number_of_workers_is_a_positive_whole_number(workers: object) -> None:
    with pytest.raises(RequestError, match=r"device\.workers to be auto or a whole number"):
        DeviceRequest("cpu", workers, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["workers", "threads"])
def test_more_processes_than_any_machine_runs_are_refused(key: str) -> None:
    request = {"kind": "cpu", "workers": None, "threads": None, key: 1_000_000_000}
    with pytest.raises(RequestError, match=rf"device\.{key} .* below 2\*\*10; received 1000000000"):
        DeviceRequest(**request)  # type: ignore[arg-type]


@pytest.mark.parametrize("gpus", [[], ["0"]], ids=["cpu", "gpu"])
def test_more_workers_than_the_cores_can_run_are_refused(gpus: list[str]) -> None:
    with pytest.raises(
        RequestError, match="at most 32 on this machine, 16 for each of its 2 cores"
    ):
        share_out(DeviceRequest("auto", 33, None), gpus=gpus, cores=2, pixels=64)
