"""Trains the seeds of a cell with Keras, one after the other, through one compiled model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras

from ablate.config.variant import Variant
from ablate.data.images import Images
from ablate.data.info import DatasetInfo
from ablate.models.build import build_augmentation, build_model
from ablate.tasks.task import task_of
from ablate.training.augmentation import Augmentation
from ablate.training.initial_state import InitialState
from ablate.training.kept import kept_values
from ablate.training.trainer import Trainer
from ablate.workers.cell_trainer import Failed, Finished, Step


class KerasCellTrainer:
    """Trains the seeds of a cell with Keras; see `CellTrainer` for its methods."""

    def __init__(
        self,
        variant: Variant,
        info: DatasetInfo,
        *,
        load_images: Callable[[], Images],
        heartbeat: Callable[[], None],
    ) -> None:
        """Remember what to train; nothing is loaded or built yet.

        Args:
            variant: The configuration of the cell.
            info: What is known of its data set.
            load_images: Returns the images.
            heartbeat: Called at least every few steps.
        """
        self._variant, self._info = variant, info
        self._load_images, self._heartbeat = load_images, heartbeat
        self._compiled: Trainer | None = None

    def prepare(self) -> None:
        """Load the images, then build and compile the model, unless that is done."""
        if self._compiled is not None:
            return
        images = self._load_images()
        self._heartbeat()
        model = self._build()
        kept = kept_values(model, self._build, shape=self._info.shape)
        self._heartbeat()
        layers = build_augmentation(self._variant, self._info)
        augmentation = Augmentation(layers, task=task_of(images.task))
        self._compiled = Trainer(
            model, images, self._variant.recipe, kept=kept, augmentation=augmentation
        )

    def _build(self) -> keras.Model:
        return build_model(self._variant, self._info)

    def train(
        self, seeds: Sequence[int], start: Callable[[int], InitialState]
    ) -> Iterator[tuple[int, Step]]:
        """Train seeds, each to its end before the next one starts."""
        for seed in seeds:
            try:
                run = self._trainer.run(seed, start=start(seed), alive=self._heartbeat)
                for epoch in run:
                    yield seed, epoch
                yield seed, Finished(self._trainer.final())
            except (Exception, SystemExit) as error:
                # What a model or a library raises ends this run, not the others.
                yield seed, Failed(error)

    def save_model(self, path: Path) -> None:
        """Save the model as the run that was finished last left it."""
        self._trainer.save_model(path)

    def state(self, seed: int) -> InitialState:
        """What the seed that is being trained can be resumed from."""
        return self._trainer.state()

    def fits(self, start: InitialState) -> bool:
        """Whether a checkpoint has the variables of this model."""
        return self._trainer.fits(start)

    @property
    def _trainer(self) -> Trainer:
        assert self._compiled is not None, "Expected prepare() to be called first."
        return self._compiled
