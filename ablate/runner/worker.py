"""What a worker process does: build the model of a cell, train its seeds, commit their results."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import resource
import statistics
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ablate.data.images import Images, Split
from ablate.device import Slot, occupy
from ablate.models.macs import count_macs
from ablate.result import Cost, Result, Status
from ablate.runner.unit import Unit
from ablate.seeds import stream_seed
from ablate.store.folder import RunFolder, StudyFolder
from ablate.store.images import thaw
from ablate.store.plan import PlannedCell
from ablate.study import Refusal
from ablate.training.trainer import Diverged, Epoch, Trainer
from ablate.variant import build_model

PROBE_STEPS = 8
PROBE_IMAGES = 256
Described = Mapping[str, Mapping[str, Any]]  # what a plan says of images, by fingerprint


def measure(cells: list[PlannedCell], slot: Slot, *, images: Described, answer: Connection) -> None:
    """Build the model of each cell and send back its parameters and MACs, or why it is refused."""
    occupy(slot, keras.backend.backend())
    for planned in cells:
        try:
            model = _model(planned, images[planned.images])
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
            answer.send_bytes(json.dumps({"refusal": _in_words(error)}).encode())
    answer.close()


def probe(planned: PlannedCell, slot: Slot, *, images: Described, answer: Connection) -> None:
    """Take some steps on noise, and send back how long they took."""
    occupy(slot, keras.backend.backend())
    started = time.perf_counter()
    described = images[planned.images]
    recipe = dataclasses.replace(planned.variant.recipe, epochs=2)
    noise = _noise(described, recipe.batch_size)
    epochs = Trainer(_model(planned, described), noise, recipe).run(0)
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


def train(folder: StudyFolder, unit: Unit, *, slot: Slot) -> None:
    """Train the seeds of a unit in a process of its own; what they print goes to their logs."""
    _print_to(_log(folder.run(unit.cell, unit.seeds[0])))
    device = occupy(slot, keras.backend.backend())
    train_unit(folder, unit, device=device, threads=slot.threads, redirect=_print_to)


def train_unit(
    folder: StudyFolder,
    unit: Unit,
    *,
    device: str,
    threads: int,
    redirect: Callable[[Path], None] | None = None,
) -> None:
    """Train the seeds of a unit in this process, each through the same compiled model.

    Args:
        folder: The folder of the study; its plan is frozen there.
        unit: The cell and its seeds.
        device: The device in words.
        threads: CPU threads of this process.
        redirect: Sends what is printed from here on to a file; None leaves it as it is.
    """
    plan = folder.read_plan()
    planned = plan.find(unit.cell)
    provenance = {**plan.provenance, "device": device, "threads": str(threads)}
    trainer: Trainer | None = None
    for seed in unit.seeds:
        run = folder.run(unit.cell, seed)
        if redirect is not None:
            redirect(_log(run))
        run.start(uuid.uuid4().hex[:12])
        identity = (unit.cell, seed, plan.fingerprint(planned, seed))
        try:
            if trainer is None:
                images = thaw(folder.images, planned.images)
                model = _model(planned, plan.images[planned.images])
                trainer = Trainer(model, images, planned.variant.recipe)
            epochs = _train_seed(trainer, seed, run, placebo=planned.variant.recipe.placebo)
            cost = _cost(planned, epochs)
            result = Result(*identity, Status.COMPLETE, trainer.final(), cost, provenance)
        except Diverged as error:
            result = Result(
                *identity, Status.DIVERGED, error=_in_words(error), provenance=provenance
            )
        except Exception as error:
            # Whatever a model or a library raises is this run's end and not the study's.
            traceback.print_exc()
            result = Result(*identity, Status.FAILED, error=_in_words(error), provenance=provenance)
        run.commit(result)


def _model(planned: PlannedCell, described: Mapping[str, Any]) -> keras.Model:
    # Keras numbers layers without a name in the order of their making; a model's layers must be
    # called the same whatever this process built before it.
    keras.utils.clear_session()
    height, width, channels = described["shape"]
    return build_model(
        planned.variant, (height, width, channels), classes=len(described["classes"])
    )


def _train_seed(trainer: Trainer, seed: int, run: RunFolder, *, placebo: bool) -> list[Epoch]:
    epochs = []
    for epoch in trainer.run(stream_seed(seed, "placebo") if placebo else seed):
        run.append({"event": "epoch", **asdict(epoch)})
        epochs.append(epoch)
    return epochs


def _cost(planned: PlannedCell, epochs: list[Epoch]) -> Cost:
    seconds = [epoch.seconds for epoch in epochs]
    return Cost(
        parameters=planned.parameters,
        macs=planned.macs,
        train_seconds=sum(seconds),
        seconds_per_epoch=statistics.median(seconds[1:] or seconds),
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def _in_words(error: Exception) -> str:
    # Keras sets the cause in bold, below a headline and above pages of arguments.
    text = re.sub(r"\x1b\[\d*m", "", str(error)).partition("\n\nArguments received")[0]
    words = " ".join(text.split())[:500] or "no message"
    return words if isinstance(error, Refusal | Diverged) else f"{type(error).__name__}: {words}"


def _log(run: RunFolder) -> Path:
    run.path.mkdir(parents=True, exist_ok=True)
    return run.log


def _print_to(path: Path) -> None:
    with suppress(OSError), path.open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
