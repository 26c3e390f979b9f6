"""Stratified parts of the images, from a named stream: the same for every run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from ablate.data.images import Split
from ablate.seeds import stream_seed
from ablate.study import Refusal

FEWEST = 5
"""Images of a class below which it cannot be split into parts that each hold one."""


def take_part(whole: Split, fraction: float, *, split_seed: int, part: str) -> tuple[Split, Split]:
    """Divide images into the rest and a part, each with the classes in equal proportion.

    Args:
        whole: The images to divide.
        fraction: Share of the part, in (0, 1).
        split_seed: Seed of the division.
        part: Name of the part, which names its stream of randomness.

    Returns:
        The rest and the part.

    Raises:
        Refusal: A class has too few images.
    """
    counts = np.bincount(whole.y)
    if counts.min() < FEWEST:
        scarce = int(counts.argmin())
        raise Refusal(
            f"Expected at least {FEWEST} images of every class to split off {part} images; "
            f"class {scarce} has {counts[scarce]}."
        )
    rest, taken = train_test_split(
        np.arange(len(whole.y)),
        test_size=fraction,
        stratify=whole.y,
        random_state=stream_seed(split_seed, f"split/{part}"),
    )
    return _select(whole, np.sort(rest)), _select(whole, np.sort(taken))


def _select(whole: Split, rows: NDArray[np.int64]) -> Split:
    return Split(whole.x[rows], whole.y[rows])
