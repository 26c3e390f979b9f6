import keras
import pytest
from keras import layers

from ablate.errors import RequestError
from ablate.models.convnet import CONVOLUTIONS, DOWNSAMPLINGS, build
from ablate.models.macs import count_macs, macs_by_layer


def model_of(layer: keras.Layer, *shape: int) -> keras.Model:
    images = layers.Input(shape)
    return keras.Model(images, layer(images))


@pytest.mark.parametrize(
    ("layer", "macs"),
    [
        pytest.param(layers.Conv2D(5, 3, padding="same"), 8 * 6 * 9 * 4 * 5, id="convolution"),
        pytest.param(layers.Conv2D(5, 3), 6 * 4 * 9 * 4 * 5, id="convolution_without_padding"),
        pytest.param(
            layers.Conv2D(5, 3, strides=2, padding="same"), 4 * 3 * 9 * 4 * 5, id="strided"
        ),
        pytest.param(layers.Conv2D(5, 3, dilation_rate=2), 4 * 2 * 9 * 4 * 5, id="dilated"),
        pytest.param(
            layers.Conv2D(6, 3, groups=2, padding="same"), 8 * 6 * 9 * 2 * 6, id="grouped"
        ),
        pytest.param(layers.DepthwiseConv2D(3, padding="same"), 8 * 6 * 9 * 4, id="depthwise"),
        pytest.param(
            layers.DepthwiseConv2D(3, 2, "same", 3), 4 * 3 * 9 * 4 * 3, id="depthwise_multiplied"
        ),
        pytest.param(
            layers.SeparableConv2D(5, 3, padding="same"), 8 * 6 * (9 * 4 + 4 * 5), id="separable"
        ),
        pytest.param(
            layers.SeparableConv2D(5, 3, 2, "same", depth_multiplier=3),
            4 * 3 * (9 * 12 + 12 * 5),
            id="separable_multiplied_and_strided",
        ),
        pytest.param(layers.Conv2DTranspose(5, 3, 2, "same"), 8 * 6 * 9 * 4 * 5, id="transposed"),
        pytest.param(layers.Dense(5), 8 * 6 * 4 * 5, id="dense_at_every_pixel"),
        pytest.param(layers.BatchNormalization(), 0, id="normalization_is_not_counted"),
        pytest.param(layers.MaxPooling2D(2), 0, id="pooling_is_not_counted"),
    ],
)
def test_a_layer_counts_as_by_hand(layer, macs):
    assert count_macs(model_of(layer, 8, 6, 4)) == macs


def test_a_dense_layer_counts_one_for_each_weight():
    assert count_macs(model_of(layers.Dense(5), 7)) == 35


def test_the_books_network_counts_as_by_hand():
    counts = macs_by_layer(build((32, 32, 3), 2, filters=(32, 64, 128)))
    assert {name: macs for name, macs in counts.items() if macs} == {
        "block1_conv1": 1024 * 9 * 3 * 32,
        "block1_conv2": 1024 * 9 * 32 * 32,
        "block1_projection": 256 * 3 * 32,
        "block2_conv1": 256 * 9 * 32 * 64,
        "block2_conv2": 256 * 9 * 64 * 64,
        "block2_projection": 64 * 32 * 64,
        "block3_conv1": 64 * 9 * 64 * 128,
        "block3_conv2": 64 * 9 * 128 * 128,
        "block3_projection": 64 * 64 * 128,
        "head": 128,
    }


def test_mobilenet_counts_the_published_569_million():
    """Source: Howard et al. 2017, https://arxiv.org/abs/1704.04861, table 4."""
    assert round(count_macs(keras.applications.MobileNet(weights=None)) / 1e6) == 569


def test_a_layer_called_twice_counts_at_both_sizes():
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    images = layers.Input((8, 8, 3))
    model = keras.Model(images, shared(layers.MaxPooling2D(2)(shared(images))))
    assert macs_by_layer(model)["shared"] == (64 + 16) * 9 * 3 * 3


def test_a_call_by_another_model_does_not_count():
    shared = layers.Conv2D(3, 3, padding="same")
    other, model = model_of(shared, 16, 16, 3), model_of(shared, 8, 8, 3)
    assert (count_macs(other), count_macs(model)) == (256 * 81, 64 * 81)


def test_an_inner_model_counts_at_the_size_of_its_call():
    part = model_of(layers.Conv2D(3, 3, padding="same"), None, None, 3)
    images = layers.Input((8, 8, 3))
    model = keras.Model(images, part(layers.AveragePooling2D(2)(part(images))))
    assert macs_by_layer(model)[part.name] == (64 + 16) * 81


def test_an_inner_model_may_have_several_inputs():
    left, right = layers.Input((4,)), layers.Input((6,))
    part = keras.Model([left, right], [layers.Dense(2)(left), layers.Dense(3)(right)])
    inputs = [layers.Input((4,)), layers.Input((6,))]
    assert count_macs(keras.Model(inputs, part(inputs))) == 4 * 2 + 6 * 3


def test_a_sequential_model_counts_like_the_functional_one():
    stack = [layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(10)]
    assert count_macs(keras.Sequential(stack)) == 36 * 9 * 3 * 4 + 36 * 4 * 10
    within = keras.Model(images := layers.Input((8, 8, 3)), keras.Sequential(stack[1:])(images))
    assert count_macs(within) == 36 * 9 * 3 * 4 + 36 * 4 * 10


class Twofold(layers.Layer):
    """A user's own layer with layers inside it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(4, 3, padding="same")
        self.more = [layers.Conv2D(4, 1), model_of(layers.Conv2D(5, 3), 8, 8, 4)]

    def call(self, x):
        x = self.conv(x)
        for layer in self.more:
            x = layer(x)
        return x


OWN = 64 * 9 * 3 * 4 + 64 * 4 * 4 + 36 * 9 * 4 * 5


def test_a_layer_counts_the_layers_inside_it():
    model = model_of(Twofold(name="own"), 8, 8, 3)
    assert macs_by_layer(model)["own"] == OWN


@pytest.mark.filterwarnings("ignore:.*does not have a `build:UserWarning")  # Keras warns too
def test_a_layer_that_is_never_called_counts_nothing():
    own = Twofold(name="own")
    own.unused = layers.Conv2D(4, 3)
    assert count_macs(model_of(own, 8, 8, 3)) == OWN


def test_a_subclassed_model_counts_its_layers():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.own, self.head = Twofold(), layers.Dense(2)

        def call(self, x):
            return self.head(self.own(x))

    model = Own()
    model(keras.ops.zeros((1, 8, 8, 3)))
    assert count_macs(model) == OWN + 36 * 5 * 2


def test_arithmetic_between_layers_is_allowed():
    images = layers.Input((8, 8, 3))
    halved = 1.0 - 0.5 * images
    model = keras.Model(images, layers.Conv2D(4, 1)(inputs=halved))
    assert count_macs(model) == 64 * 3 * 4


def test_a_model_for_images_of_any_size_is_refused():
    with pytest.raises(RequestError, match=r"one fixed size.*\(None, None, 4\)"):
        count_macs(model_of(layers.Conv2D(4, 3), None, None, 3))


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="asks TensorFlow's profiler")
@pytest.mark.parametrize("downsampling", DOWNSAMPLINGS)
@pytest.mark.parametrize("conv", CONVOLUTIONS)
def test_tensorflows_profiler_counts_the_same(conv, downsampling):
    model = build((32, 32, 3), 10, conv=conv, downsampling=downsampling)
    operations = operations_by_profiler(model)
    multiplying = {"Conv2D", "DepthwiseConv2dNative", "MatMul"} & set(operations)
    assert sum(operations[kind] for kind in multiplying) == 2 * count_macs(model)


def operations_by_profiler(model: keras.Model) -> dict[str, int]:
    """Floating-point operations of one forward pass over one image, by kind."""
    import tensorflow as tf

    image = tf.TensorSpec((1, *model.input_shape[1:]))
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(image).graph
    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    profile = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    operations = {}
    # Each entry contains the next, and its total includes it.
    while profile.children:
        inner = profile.children[0]
        below = inner.children[0].total_float_ops if inner.children else 0
        operations[inner.name] = inner.total_float_ops - below
        profile = inner
    return operations
