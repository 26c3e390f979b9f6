"""What a worker process checks before training: whether models fit, their size, their speed."""

from __future__ import annotations

import dataclasses
import json
import time
from multiprocessing.connection import Connection

import keras
import numpy as np

from ablate.config.locate import targets_in
from ablate.data.images import Images
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError
from ablate.models.build import build_augmentation, build_model
from ablate.models.frozen import frozen_layers, frozen_note
from ablate.models.macs import count_macs
from ablate.store.plan import Datasets, ModelSize, PlannedCell
from ablate.tasks.task import Shape, task_of
from ablate.training.augmentation import Augmentation, check_augmentation
from ablate.training.callbacks import check_callbacks
from ablate.training.compilation import SAMPLE, compile_model, sample_of
from ablate.training.kept import Kept, kept_values
from ablate.training.nodes import make_callbacks
from ablate.training.rehearsal import rehearse
from ablate.training.reset import check_rebuildable, layers_by_path
from ablate.training.trainer import Trainer, backend_module
from ablate.workers.failures import failure_message
from ablate.workers.slots import Slot, occupy

PROBE_STEPS = 8
PROBE_IMAGES = 256
AUGMENTED_IMAGES = 16


def measure(
    cells: list[PlannedCell], slot: Slot, *, datasets: Datasets, answer: Connection
) -> None:
    """Build the model of each cell and send back its size, or why it is refused."""
    occupy(slot, keras.backend.backend())
    for planned in cells:
        try:
            size = _check(planned, datasets[planned.dataset])
            answer.send_bytes(json.dumps({"size": dataclasses.asdict(size)}).encode())
        except Exception as error:
            answer.send_bytes(json.dumps({"refusal": failure_message(error)}).encode())
    answer.close()


def _check(planned: PlannedCell, info: DatasetInfo) -> ModelSize:
    """The size of the model of a cell, which is built and compiled as it will be for training.

    Raises:
        RequestError: It cannot be trained.
    """

    def build() -> keras.Model:
        return build_model(planned.variant, info)

    recipe, model = planned.variant.recipe, build()
    is_compiled = model.compiled
    kept = kept_values(model, build, shape=info.shape)
    check_rebuildable(model, kept=kept.values)
    batch = min(recipe.batch_size, info.train)
    noise = _noise(info, train=SAMPLE, validation=SAMPLE)
    compiled = compile_model(
        model,
        recipe,
        dataset=info,
        steps=recipe.epochs * (info.train // batch),
        sample=sample_of(noise),
        optimizers=backend_module().OPTIMIZERS,
    )
    callbacks = make_callbacks(recipe)
    frozen = _frozen_notes(model, planned.variant.model.get("frozen"), kept)
    notes = (*kept.notes(), *frozen, *compiled.notes, *check_callbacks(callbacks))
    # The step takes 0.4 s, and what neither the recipe nor the builder brings is known to fit.
    if is_compiled or recipe.class_weight is not None or any(targets_in(recipe.as_node())):
        rehearse(model, recipe, images=noise, shape=compiled.shape, callbacks=callbacks)
    _check_augmentation(planned, info, noise=noise, shape=compiled.shape)
    output = tuple(side for side in compiled.shape[1:] if side is not None)
    return ModelSize(model.count_params(), count_macs(model), notes, output)


def _frozen_notes(model: keras.Model, frozen: object, kept: Kept) -> tuple[str, ...]:
    """What a user must know of the layers that stay random.

    Raises:
        RequestError: The builder has put values into one of them, which are not random.
    """
    if frozen is None:
        return ()
    inner = {id(each) for layer in frozen_layers(model, frozen) for each in layer._flatten_layers()}
    for path, layer in layers_by_path(model).items():
        if path in kept.values and id(layer) in inner:
            raise RequestError(
                f"Expected layers in model.frozen whose weights are drawn; the builder puts values "
                f"into {layer.name}. Leave it out of model.frozen: trainable=False in the builder "
                f"keeps its values."
            )
    return (frozen_note(model, frozen),)


def _augmentation(planned: PlannedCell, info: DatasetInfo) -> Augmentation:
    layers = build_augmentation(planned.variant, info)
    return Augmentation(layers, task=task_of(info.task))


def _check_augmentation(
    planned: PlannedCell, info: DatasetInfo, *, noise: Images, shape: Shape
) -> None:
    """Augment some images of the whole range, black and white ones among them."""
    augmentation = _augmentation(planned, info)
    if not augmentation.layers:
        return
    images = noise.train.x[:AUGMENTED_IMAGES].astype(np.float32) * np.float32(noise.scale)
    images[0::4], images[1::4] = 0, 1
    check_augmentation(
        augmentation,
        images=images,
        targets=task_of(info.task).encode(noise.train.y[:AUGMENTED_IMAGES], shape),
        jit=planned.variant.recipe.jit and keras.backend.backend() == "tensorflow",
    )


def probe(planned: PlannedCell, slot: Slot, *, datasets: Datasets, answer: Connection) -> None:
    """Take some steps on noise, and send back how long they took."""
    occupy(slot, keras.backend.backend())
    started = time.perf_counter()
    info = datasets[planned.dataset]
    recipe = dataclasses.replace(planned.variant.recipe, epochs=2)
    noise = _noise(info, train=PROBE_STEPS * recipe.batch_size, validation=PROBE_IMAGES)
    model, augmentation = build_model(planned.variant, info), _augmentation(planned, info)
    epochs = Trainer(model, noise, recipe, augmentation=augmentation).run(0)
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


def _noise(info: DatasetInfo, *, train: int, validation: int) -> Images:
    """Random images like those of a data set, as many in each part or more."""
    task = task_of(info.task)
    return Images(
        train=task.noise(info, train),
        validation=task.noise(info, validation),
        test=task.noise(info, 1),
        classes=info.classes,
        scale=1 / 255,
        task=info.task,
    )
