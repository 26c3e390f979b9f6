"""A small convnet of one's own, with three parts that can be switched."""

import keras
from keras import layers


def build(input_shape, classes, *, norm=True, gate=True, dropout=True, filters=(16, 32)):
    """The model for images of input_shape, such as (8, 8, 1), with values from 0 to 1.

    Args:
        input_shape: Height, width and channels of an image.
        classes: How many classes there are.
        norm: Whether each convolution is followed by batch normalization.
        gate: Whether each block weights its channels (squeeze and excitation).
        dropout: Whether a quarter of the features is dropped in training.
        filters: Channels of each block.
    """
    inputs = x = keras.Input(input_shape)
    for number, channels in enumerate(filters):
        # Layers that have the same name in two variants start from equal weights.
        convolution = layers.Conv2D(channels, 3, padding="same", name=f"conv_{number}")
        x = convolution(x)
        if norm:
            x = layers.BatchNormalization(momentum=0.9, name=f"norm_{number}")(x)
        x = layers.ReLU(name=f"relu_{number}")(x)
        if gate:
            x = weight_channels(x, channels, name=f"gate_{number}")
        x = layers.MaxPooling2D(name=f"pool_{number}")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    if dropout:
        x = layers.Dropout(0.25, name="dropout")(x)
    return keras.Model(inputs, layers.Dense(classes, "softmax", name="classes")(x))


def weight_channels(x, channels, *, name):
    """Multiply each channel by a weight from 0 to 1 that depends on the whole image.

    Source: Hu et al. 2018, https://arxiv.org/abs/1709.01507, figure 2.
    """
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_squeeze")(x)
    weights = layers.Dense(channels // 4, "relu", name=f"{name}_reduce")(weights)
    weights = layers.Dense(channels, "sigmoid", name=f"{name}_excite")(weights)
    return layers.Multiply(name=name)([x, weights])
