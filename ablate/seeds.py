"""Named streams of randomness.

Every source of randomness (the initial value of one weight, the shuffle of one epoch, the masks of
one dropout layer) has a name, and its seed is hashed from that name and the run seed. Taking a
part out of a model therefore leaves the randomness of every other part as it was, which is what
makes two cells with the same run seed a pair.
"""

from __future__ import annotations

import hashlib


def stream_seed(run_seed: int, stream: str) -> int:
    """Seed of one named stream, in [0, 2**31).

    Args:
        run_seed: The seed that all runs of a block share.
        stream: Name of the source of randomness, such as ``"init/block1_conv1/kernel"``.
    """
    digest = hashlib.blake2s(f"{run_seed}/{stream}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
