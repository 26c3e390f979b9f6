"""Which image goes into which part: stratified, and the same for every run of a study."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ablate.fields import check_whole
from ablate.seeds import stream_seed


def stratified(
    strata: NDArray[np.int64], shares: Mapping[str, float], *, split_seed: int
) -> dict[str, NDArray[np.int64]]:
    """Indices of the images in each part, ascending.

    Each stratum is shuffled by a random stream of its own and cut at the shares, rounded, so that
    every part holds its share of every stratum to within one image.

    Args:
        strata: The stratum of each image, such as its class index, shape `(images,)`.
        shares: Share of each part by its name; they add up to 1.
        split_seed: Seed of the split. It is not the run seed: all runs see the same parts.

    Raises:
        RequestError: The seed is not a whole number of 0 or more.
    """
    check_whole(split_seed, "data.split_seed", least=0)
    # Without the last cut: the last part ends with the last image, however the shares are rounded.
    cuts = np.cumsum(list(shares.values()))[:-1]
    pieces: dict[str, list[NDArray[np.int64]]] = {name: [] for name in shares}
    for label in np.unique(strata):
        generator = np.random.default_rng(stream_seed(split_seed, f"split/class{label}"))
        members = generator.permutation(np.flatnonzero(strata == label))
        ends = np.rint(cuts * len(members)).astype(int)
        for name, piece in zip(shares, np.split(members, ends), strict=True):
            pieces[name].append(piece)
    return {name: np.sort(np.concatenate(found)) for name, found in pieces.items()}
