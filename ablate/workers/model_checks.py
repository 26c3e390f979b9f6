"""What a worker process checks before training: whether models fit, their size, their speed."""

from __future__ import annotations

import dataclasses
import json
import time
from multiprocessing.connection import Connection

import keras

from ablate.data.images import Images
from ablate.data.info import DatasetInfo
from ablate.models.build import build_model
from ablate.models.macs import count_macs
from ablate.store.plan import Datasets, ModelSize, PlannedCell
from ablate.tasks.task import task_of
from ablate.training.trainer import Trainer, output_shape
from ablate.workers.failures import failure_message
from ablate.workers.slots import Slot, occupy

PROBE_STEPS = 8
PROBE_IMAGES = 256


def measure(
    cells: list[PlannedCell], slot: Slot, *, datasets: Datasets, answer: Connection
) -> None:
    """Build the model of each cell and send back its parameters and MACs, or why it is refused."""
    occupy(slot, keras.backend.backend())
    for planned in cells:
        try:
            info = datasets[planned.dataset]
            model = build_model(planned.variant, info)
            task_of(info.task).check_output(output_shape(model, info.shape), info)
            size = ModelSize(model.count_params(), count_macs(model))
            answer.send_bytes(json.dumps({"size": dataclasses.asdict(size)}).encode())
        except Exception as error:
            answer.send_bytes(json.dumps({"refusal": failure_message(error)}).encode())
    answer.close()


def probe(planned: PlannedCell, slot: Slot, *, datasets: Datasets, answer: Connection) -> None:
    """Take some steps on noise, and send back how long they took."""
    occupy(slot, keras.backend.backend())
    started = time.perf_counter()
    info = datasets[planned.dataset]
    recipe = dataclasses.replace(planned.variant.recipe, epochs=2)
    noise = _noise(info, recipe.batch_size)
    epochs = Trainer(build_model(planned.variant, info), noise, recipe).run(0)
    next(epochs)
    built = time.perf_counter()
    second = next(epochs)
    wall = time.perf_counter() - built
    pace = {
        "macs": planned.macs,
        "build_seconds": built - started - wall,
        "step_seconds": second.seconds / (len(noise.train.y) // recipe.batch_size),
        "image_seconds": (wall - second.seconds) / len(noise.validation.y),
    }
    answer.send_bytes(json.dumps(pace).encode())


def _noise(info: DatasetInfo, batch_size: int) -> Images:
    """Random images like those of a data set, enough for a few steps."""
    task = task_of(info.task)
    return Images(
        train=task.noise(info, PROBE_STEPS * batch_size),
        validation=task.noise(info, PROBE_IMAGES),
        test=task.noise(info, 1),
        classes=info.classes,
        scale=1 / 255,
        task=info.task,
    )
