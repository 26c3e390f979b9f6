"""What each worker may use: a GPU if there is one, else its share of the CPU cores."""

from __future__ import annotations

import dataclasses
import math
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from ablate.config.device import DeviceRequest
from ablate.data.memory import SHARE, free_bytes
from ablate.errors import RequestError
from ablate.process import stop
from ablate.store.plan import PROGRAM, Plan
from ablate.wording import quantity


@dataclass(frozen=True, slots=True)
class Slot:
    """What one worker process may use.

    Attributes:
        gpu: Identifier of its GPU as CUDA knows it; None for the CPU.
        threads: Number of CPU threads.
        image_bytes: Most bytes of images that it may hold in memory.
    """

    gpu: str | None
    threads: int
    image_bytes: float = math.inf


def visible_gpus() -> list[str]:
    """Identifiers of the GPUs that this process may use; empty if there is none."""
    try:
        listing = stop.call(
            lambda: subprocess.run(
                ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"],
                capture_output=True,
                text=True,
                timeout=20,
                check=True,
            )
        )
    except (OSError, subprocess.SubprocessError):
        return []
    installed = listing.stdout.split()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return installed if visible is None else [name for name in visible.split(",") if name.strip()]


def slots_for(plan: Plan, device: DeviceRequest) -> list[Slot]:
    """What each worker of a study may use.

    Raises:
        RequestError: A GPU is requested and there is none.
    """
    # An external program may use several cores, as training on large images does.
    sizes = [info.shape[0] * info.shape[1] for info in plan.datasets.values()]
    pixels = SMALL_PIXELS + 1 if plan.is_of_programs else max(sizes)
    cores = len(os.sched_getaffinity(0))
    slots = share_out(device, gpus=visible_gpus(), cores=cores, pixels=pixels)
    most = {"memory": math.inf, "disk": 0.0, "auto": SHARE * free_bytes() / len(slots)}
    return [dataclasses.replace(slot, image_bytes=most[device.images]) for slot in slots]


def share_out(
    request: DeviceRequest, *, gpus: Sequence[str], cores: int, pixels: int
) -> list[Slot]:
    """Divide the hardware among workers, one slot each.

    Args:
        request: What the user requested.
        gpus: The GPUs of this machine.
        cores: Number of CPU cores.
        pixels: Height times width of the images. On small images most of a step runs in one
            thread, so one process per core is faster; on larger ones a convolution uses all cores.

    Raises:
        RequestError: A GPU is requested and there is none, or too many workers are.
    """
    if request.kind == "gpu" and not gpus:
        raise RequestError("Expected a GPU, because device.kind=gpu; found none. Use device=auto.")
    _refuse_too_many(request, cores)
    if gpus and request.kind != "cpu":
        names = [gpu for gpu in gpus for _ in range(request.workers or 1)]
        return [Slot(gpu, request.threads or max(1, cores // len(names))) for gpu in names]
    workers = request.workers or (cores if pixels <= SMALL_PIXELS else max(1, cores // 4))
    return [Slot(None, request.threads or max(1, cores // workers))] * workers


def _refuse_too_many(request: DeviceRequest, cores: int) -> None:
    """Refuse more workers than cores can keep busy; each needs half a gigabyte of memory."""
    most = MOST_WORKERS_PER_CORE * cores
    if request.workers is not None and request.workers > most:
        raise RequestError(
            f"Expected device.workers of at most {most} on this machine, {MOST_WORKERS_PER_CORE} "
            f"for each of its {quantity(cores, 'core')}; received {request.workers}. "
            f"device.workers=auto chooses."
        )


MOST_WORKERS_PER_CORE = 16
"""More workers of a core than that only take memory."""
SMALL_PIXELS = 32 * 32
"""Up to this image size, one process per core is faster.

Measured on 2 cores with 32 x 32 colour images: 87 s with two processes of one thread, 107 s with
one process of two threads, by `python -m ablate --multirun data=npz data.path=FILE recipe.epochs=2
study.replicates=1` with `device.workers=2` and `device.workers=1`. Larger images were not measured.
"""


def occupy(slot: Slot, backend: str) -> str:
    """Bind this process to its slot, before it runs its first operation.

    Returns:
        Name of the device, for the provenance of the results.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1" if slot.gpu is None else slot.gpu
    if backend == PROGRAM:
        return "cpu" if slot.gpu is None else f"GPU {slot.gpu}"
    if backend == "jax":
        if slot.gpu is None:
            os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        if slot.threads == 1:
            flags = os.environ.get("XLA_FLAGS", "")
            os.environ["XLA_FLAGS"] = f"{flags} --xla_cpu_multi_thread_eigen=false".strip()
        import jax

        return str(jax.devices()[0].device_kind)
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(slot.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
        return str(tf.config.experimental.get_device_details(gpu).get("device_name", "GPU"))
    return "cpu"
