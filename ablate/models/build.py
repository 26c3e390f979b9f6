"""From a variant to its Keras model."""

from __future__ import annotations

import keras

from ablate.config.variant import Variant, resolve_call
from ablate.data.info import DatasetInfo
from ablate.errors import RequestError


def build_model(variant: Variant, info: DatasetInfo) -> keras.Model:
    """Build the model of a variant.

    Args:
        variant: The variant.
        info: The data set that the model is for.

    Raises:
        RequestError: The `model` node does not fit its builder.
    """
    # Keras numbers the layers without a name in the order in which a process makes them. A model's
    # layers must have the same names whatever this process built before.
    keras.utils.clear_session()
    function, options = resolve_call(variant.model, "model", allow=variant.allow)
    model = function(info.shape, len(info.classes), **options)
    if not isinstance(model, keras.Model):
        raise RequestError(
            f"Expected {variant.model['_target_']} to return a keras.Model; received "
            f"{type(model).__name__}."
        )
    return model
