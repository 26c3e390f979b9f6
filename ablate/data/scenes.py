"""Synthetic pictures of textured shapes, made from a seed: no download, and any of four tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ablate.data.folders import check_image_size
from ablate.data.images import Unsplit
from ablate.data.stored import allocate, release
from ablate.errors import RequestError
from ablate.fields import check_choice, check_whole
from ablate.seeds import stream_seed

SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}
SIDES = range(32, 201)
"""Height and width of a picture in pixels."""
FEWEST = 100
"""Pictures with which every part has every kind of shape."""
TRIMAP = ("shape", "background", "contour")
"""The classes of pixels, in the order of the trimaps of the Oxford pets."""
SEVERAL = 3
"""Most shapes of a picture that has several: each in a quarter of its own, and one is free."""
STRIPES = ((1, 0), (0, 1), (1, 1), (1, -1))
"""Steps to the right and down after which a pattern repeats itself; squares are a further one."""
BACKGROUND, OFFSET, CONTRAST = (85, 170), (50, 80), (4, 12)
"""Ranges of the colour of a background, of how far that of a shape is from it, and of the two
colours of a pattern from their middle."""
NOISE = 8
"""Most that noise changes a value."""
CHUNK = 64
"""Pictures drawn at once. It belongs to the definition: each chunk has a random stream."""

Layout = Mapping[str, NDArray[np.int32]]
"""Numbers of every shape, each of shape `(pictures, shapes)`."""

# Turns by an angle whose sine and cosine are fractions of 65, so that no number is rounded.
TURN = 65
TURNS = np.array(
    [
        (turned[0], turned[1])
        for cosine, sine in ((65, 0), (60, 25), (52, 39), (39, 52), (25, 60))
        for turned in ((cosine, sine), (-sine, cosine), (-cosine, -sine), (sine, -cosine))
    ],
    np.int32,
)

Inside = Callable[[Any, Any, Any], Any]
"""Whether points lie in a shape: their two coordinates, and the radius of the circle around it."""

# All in whole numbers, so that every machine draws the same pixels; 26/15 stands for the root of 3.
KINDS: Mapping[str, Inside] = {
    "disk": lambda u, v, r: u * u + v * v <= r * r,
    "ring": lambda u, v, r: (u * u + v * v <= r * r) & (u * u + v * v > (r * 9 // 16) ** 2),
    "square": lambda u, v, r: np.maximum(abs(u), abs(v)) <= r * 11 // 16,
    "triangle": lambda u, v, r: (v <= r // 2) & (26 * abs(u) - 15 * v <= 15 * r),
    "cross": lambda u, v, r: (
        (np.maximum(abs(u), abs(v)) <= r * 15 // 16) & (np.minimum(abs(u), abs(v)) <= r // 4)
    ),
    "bar": lambda u, v, r: (abs(u) <= r * 15 // 16) & (abs(v) <= r * 3 // 8),
}


def load(
    *,
    task: str = "classification",
    image_size: Sequence[int] = (32, 32),
    count: int = 2000,
    seed: int = 0,
    split_seed: int = 0,
) -> Unsplit:
    """Pictures of shapes with a texture on a background with another, in parts of 60, 20 and 20 %.

    A shape has any place, size and direction. Colours and patterns of shape and background are
    drawn alike, so no single pixel tells what is where, and noise covers both.

    Args:
        task: ``classification``: the kind of the one shape. ``boxes``: the box around it as well.
            ``multilabel``: which kinds the one to three shapes are of. ``segmentation``: which
            pixels are shape, background or the contour between them, of one to three shapes.
        image_size: Height and width in pixels, each from 32 to 200.
        count: Number of pictures.
        seed: Seed of the pictures.
        split_seed: Seed of the three parts.

    Raises:
        RequestError: An argument is not as described, or neither memory nor disk hold the pictures.
    """
    check_choice(task, "data.task", choices=TASKS)
    height, width = check_image_size(image_size)
    if height not in SIDES or width not in SIDES:
        raise RequestError(
            f"Expected data.image_size from {SIDES[0]} to {SIDES[-1]} pixels, such as [64,64]; "
            f"received {image_size!r}."
        )
    check_whole(count, "data.count", least=FEWEST)
    check_whole(seed, "data.seed", least=0)
    answers = TASKS[task]
    x = allocate((count, height, width, 3), np.uint8)
    layout = _layout(count, (height, width), several=answers.several, seed=seed)
    targets = []
    for start in range(0, count, CHUNK):
        rows = slice(start, start + CHUNK)
        shapes = {name: values[rows] for name, values in layout.items()}
        masks = _masks(shapes, (height, width))
        stream = stream_seed(seed, f"scenes/pixels/{start // CHUNK}")
        x[rows] = _pixels(masks, np.random.default_rng(stream))
        release(x)
        targets.append(answers.targets(shapes, masks))
    return Unsplit(
        x=x,
        y=np.concatenate(targets),
        classes=answers.classes,
        scale=1 / 255,
        shares=SHARES,
        split_seed=split_seed,
        task=task,
    )


def _layout(count: int, size: tuple[int, int], *, several: bool, seed: int) -> Layout:
    """Which shapes are where; lengths are in halves of a pixel, whose centres are odd numbers."""
    generator = np.random.default_rng(stream_seed(seed, "scenes/layout"))
    height, width = (side // 2 if several else side for side in size)
    least, most = (room * min(height, width) // 32 for room in ((18, 30) if several else (10, 24)))
    shape = (count, SEVERAL if several else 1)
    radius = generator.integers(least, most + 1, shape)
    layout: dict[str, NDArray[Any]] = {
        "radius": radius,
        "x": generator.integers(radius, 2 * width - radius + 1),
        "y": generator.integers(radius, 2 * height - radius + 1),
        "turn": generator.integers(0, len(TURNS), shape),
        "kind": generator.permutation(count)[:, np.newaxis] % len(KINDS),
        "present": np.ones(shape),
    }
    if several:
        quarter = generator.permuted(np.tile(np.arange(4), (count, 1)), axis=1)[:, :SEVERAL]
        layout["x"] += 2 * width * (quarter % 2)
        layout["y"] += 2 * height * (quarter // 2)
        layout["kind"] = generator.integers(0, len(KINDS), shape)
        number = generator.integers(1, SEVERAL + 1, (count, 1))
        layout["present"] = np.arange(SEVERAL) < number
    return {name: values.astype(np.int32) for name, values in layout.items()}


def _masks(layout: Layout, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels lie in each shape, shape `(pictures, shapes, height, width)`."""
    far = {name: values[..., np.newaxis, np.newaxis] for name, values in layout.items()}
    rows, columns = (2 * np.arange(side, dtype=np.int32) + 1 for side in size)
    x, y = columns - far["x"], rows[:, np.newaxis] - far["y"]
    cosine, sine = np.moveaxis(TURNS[far["turn"]], -1, 0)
    u, v, radius = cosine * x + sine * y, cosine * y - sine * x, TURN * far["radius"]
    masks = np.zeros(u.shape, np.bool_)
    for kind, inside in enumerate(KINDS.values()):
        chosen = (layout["kind"] == kind) & (layout["present"] == 1)
        masks[chosen] = inside(u[chosen], v[chosen], radius[chosen])
    return masks


def _pixels(masks: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[np.uint8]:
    """The pictures: a pattern for the background and for each shape, and noise."""
    count, shapes, height, width = masks.shape
    patterns = _patterns((count, 1 + shapes), (height, width), generator)
    base, contrast = _colours((count, 1 + shapes), generator)
    noise = generator.integers(-NOISE, NOISE + 1, (count, height, width, 3), np.int16)
    pixels = noise + base[:, 0] + contrast[:, 0] * patterns[:, 0]
    for shape in range(shapes):
        own = noise + base[:, 1 + shape] + contrast[:, 1 + shape] * patterns[:, 1 + shape]
        pixels = np.where(masks[:, shape, :, :, np.newaxis], own, pixels)
    return pixels.clip(0, 255).astype(np.uint8)


def _colours(
    shape: tuple[int, int], generator: np.random.Generator
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """The middle colour of each pattern, and how far its two colours are from it.

    The colours of a shape differ from those of the background, in any direction.
    """
    signs = 2 * generator.integers(0, 2, (2, *shape, 3)) - 1
    offset = signs[0] * generator.integers(*OFFSET, (*shape, 3), endpoint=True)
    offset[:, 0] = generator.integers(*BACKGROUND, (shape[0], 3), endpoint=True)
    offset[:, 1:] += offset[:, :1]
    contrast = signs[1] * generator.integers(*CONTRAST, (*shape, 1), endpoint=True)
    base, contrast = (
        each[:, :, np.newaxis, np.newaxis].astype(np.int16) for each in (offset, contrast)
    )
    return base, contrast


def _patterns(
    shape: tuple[int, int], size: tuple[int, int], generator: np.random.Generator
) -> NDArray[np.int16]:
    """Stripes or squares of 1 and -1, shape `(pictures, patterns, height, width, 1)`."""
    least, most = max(2, min(size) // 16), min(size) // 5
    period = generator.integers(least, most + 1, (*shape, 1, 1))
    phase = generator.integers(0, 2 * period)
    kind = generator.integers(0, len(STRIPES) + 1, shape)
    y, x = np.ogrid[: size[0], : size[1]]
    # Squares change along both axes.
    bright = (((x + phase) // period) + ((y + phase) // period)) % 2
    for number, (rightwards, downwards) in enumerate(STRIPES):
        stripes = (rightwards * x + downwards * y + phase) // period % 2
        bright = np.where((kind == number)[..., np.newaxis, np.newaxis], stripes, bright)
    return (2 * bright - 1).astype(np.int16)[..., np.newaxis]


@dataclass(frozen=True, slots=True)
class _Answers:
    """What a task asks of the pictures.

    Attributes:
        classes: Names of its classes.
        targets: Makes the targets of some pictures from their layout and masks.
        several: Whether a picture has up to `SEVERAL` shapes, instead of one.
    """

    classes: tuple[str, ...]
    targets: Callable[[Layout, NDArray[np.bool_]], NDArray[Any]]
    several: bool = False


def _class_indices(layout: Layout, masks: NDArray[np.bool_]) -> NDArray[np.int64]:
    return layout["kind"][:, 0].astype(np.int64)


def _labels(layout: Layout, masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Which kinds each picture has, shape `(pictures, kinds)`."""
    kinds = np.equal(layout["kind"][..., np.newaxis], np.arange(len(KINDS)))
    present = np.equal(layout["present"], 1)[..., np.newaxis]
    labels: NDArray[np.uint8] = (kinds & present).max(axis=1).astype(np.uint8)
    return labels


def _trimaps(layout: Layout, masks: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The class of each pixel: the contour is a band on both sides of the edge of a shape."""
    grown, shrunk = masks, masks
    for _ in range(max(1, min(masks.shape[2:]) // 64)):
        grown, shrunk = _grow(grown), ~_grow(~shrunk)
    contour = (grown & ~shrunk).any(axis=1)
    return np.where(contour, 2, np.where(masks.any(axis=1), 0, 1)).astype(np.uint8)


def _grow(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The masks with the neighbours of their pixels: above, below, left and right."""
    grown = masks.copy()
    grown[..., 1:, :] |= masks[..., :-1, :]
    grown[..., :-1, :] |= masks[..., 1:, :]
    grown[..., :, 1:] |= masks[..., :, :-1]
    grown[..., :, :-1] |= masks[..., :, 1:]
    return grown


def _boxes(layout: Layout, masks: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The box around each shape as fractions of the sides, and its kind, as `boxes` has them."""
    edges = []
    for side, seen in zip(masks.shape[:1:-1], (masks.max(axis=2), masks.max(axis=3)), strict=True):
        first, last = seen[:, 0].argmax(axis=1), side - seen[:, 0, ::-1].argmax(axis=1)
        edges.append((first.astype(np.float32) / side, last.astype(np.float32) / side))
    (left, right), (top, bottom) = edges
    return np.stack([left, top, right, bottom, layout["kind"][:, 0]], axis=1).astype(np.float32)


TASKS: Mapping[str, _Answers] = {
    "classification": _Answers(tuple(KINDS), _class_indices),
    "multilabel": _Answers(tuple(KINDS), _labels, several=True),
    "segmentation": _Answers(TRIMAP, _trimaps, several=True),
    "boxes": _Answers(tuple(KINDS), _boxes),
}
