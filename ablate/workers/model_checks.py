"""What a worker process finds out before training: whether models fit, their size, their pace."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

import keras
import numpy as np

from ablate.data.images import Images, Split
from ablate.errors import RequestError
from ablate.models.build import build_model
from ablate.models.macs import count_macs
from ablate.store.plan import PlannedCell
from ablate.training.trainer import DivergedError, Trainer, output_units
from ablate.wording import error_message, error_summary
from ablate.workers.slots import Slot, occupy

PROBE_STEPS = 8
PROBE_IMAGES = 256
Described = Mapping[str, Mapping[str, Any]]  # what a plan says of images, by fingerprint


def measure(cells: list[PlannedCell], slot: Slot, *, images: Described, answer: Connection) -> None:
    """Build the model of each cell and send back its parameters and MACs, or why it is refused."""
    occupy(slot, keras.backend.backend())
    for planned in cells:
        try:
            model = model_of(planned, images[planned.images])
            height, width, channels = images[planned.images]["shape"]
            classes = len(images[planned.images]["classes"])
            output_units(model, (height, width, channels), classes=classes)
            answer.send_bytes(
                json.dumps(
                    {
                        "measures": {
                            "parameters": model.count_params(),
                            "macs": count_macs(model),
                        }
                    }
                ).encode()
            )
        except Exception as error:
            answer.send_bytes(json.dumps({"refusal": in_words(error)}).encode())
    answer.close()


def probe(planned: PlannedCell, slot: Slot, *, images: Described, answer: Connection) -> None:
    """Take some steps on noise, and send back how long they took."""
    occupy(slot, keras.backend.backend())
    started = time.perf_counter()
    described = images[planned.images]
    recipe = dataclasses.replace(planned.variant.recipe, epochs=2)
    noise = _noise(described, recipe.batch_size)
    epochs = Trainer(model_of(planned, described), noise, recipe).run(0)
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


def _noise(described: Mapping[str, Any], batch_size: int) -> Images:
    """Images of the same shape and classes, enough for a few steps."""
    classes = len(described["classes"])

    def part(size: int) -> Split:
        shape = (max(size, classes), *described["shape"])
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        return Split(pixels, np.arange(len(pixels)) % classes)

    steps = max(PROBE_STEPS, -(-classes // batch_size))
    return Images(
        train=part(steps * batch_size),
        validation=part(PROBE_IMAGES),
        test=part(classes),
        classes=tuple(described["classes"]),
        scale=1 / 255,
    )


def model_of(planned: PlannedCell, described: Mapping[str, Any]) -> keras.Model:
    """The model of a cell for images as a plan describes them.

    Raises:
        RequestError: The `model` node does not fit its builder.
    """
    # Keras numbers layers without a name in the order of their making; a model's layers must be
    # called the same whatever this process built before it.
    keras.utils.clear_session()
    height, width, channels = described["shape"]
    return build_model(
        planned.variant, (height, width, channels), classes=len(described["classes"])
    )


def in_words(error: BaseException) -> str:
    """Return why a run or a check failed, on one line; what users did wrong needs no type."""
    if isinstance(error, RequestError | DivergedError):
        return error_message(error)
    return error_summary(error)
