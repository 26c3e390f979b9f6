"""How many images are evaluated at once: as many as fit into a bound of memory."""

from __future__ import annotations

import math

import keras
from keras import layers

from ablate.models import convnet, segmenter
from ablate.training.engine import EVALUATION_BATCH, EVALUATION_BYTES, evaluation_batch
from tests.training.small_models import OwnModel, small


def test_small_images_are_evaluated_in_batches_of_one_size() -> None:
    for model in (small(), convnet.build((32, 32, 3), 10), OwnModel()):
        assert evaluation_batch(model) == EVALUATION_BATCH == 256


def test_a_batch_of_large_masks_fits_into_the_bound() -> None:
    model = segmenter.build((200, 200, 3), 3)
    largest = max(math.prod(layer.output.shape[1:]) for layer in model.layers)
    batch = evaluation_batch(model)
    assert 4 * largest * batch <= EVALUATION_BYTES < 4 * largest * (batch + 1)


def test_a_model_within_the_model_counts() -> None:
    inner = keras.Sequential([layers.Input((512, 512, 3)), layers.Conv2D(64, 1), layers.Flatten()])
    model = keras.Sequential([layers.Input((512, 512, 3)), inner, layers.Dense(2)])
    assert evaluation_batch(model) == 4


def test_at_least_one_image_is_evaluated() -> None:
    images = layers.Input((9000, 9000, 3))
    assert evaluation_batch(keras.Model(images, layers.Conv2D(3, 1)(images))) == 1
