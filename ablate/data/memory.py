"""The free memory: what a data set may take of it, and what decoding may take at the same time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import psutil

from ablate.errors import RequestError

BYTES_PER_PIXEL = 16
"""What decoding, rotating and resizing a photograph takes at its peak; measured: 14.5."""
SHARE = 0.5
"""The share of the free memory for decoding, and then for the images of all workers."""


def free_bytes() -> int:
    """The memory that this machine has free."""
    return int(psutil.virtual_memory().available)


def fits(size: int) -> bool:
    """Whether images fit into the memory twice: all of them, then their parts.

    Args:
        size: Bytes of all images.
    """
    return 2 * size <= free_bytes()


def check_fits(size: int, received: str) -> None:
    """Check that images fit into the memory twice: all of them, then their parts.

    Args:
        size: Bytes of all images.
        received: What they are, for the message, and what to do about it.

    Raises:
        RequestError: They do not fit.
    """
    if not fits(size):
        raise RequestError(
            f"Expected images that fit twice into the {free_bytes() / 1e9:.1f} GB of free memory; "
            f"received {received}"
        )


class DecodingMemory:
    """The memory that threads which decode photographs share, so that they do not exceed it."""

    def __init__(self) -> None:
        self._most = int(SHARE * free_bytes())
        self._reserved = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def reserve(self, name: str, *, width: int, height: int) -> Iterator[None]:
        """Wait until there is memory for decoding a photograph, and keep it for the block.

        Args:
            name: Its file, for the message.
            width: Its width in pixels.
            height: Its height in pixels.

        Raises:
            RequestError: The photograph is too large to be decoded on its own. It is no bad file,
                which could be left out: which images a study has must not depend on the machine.
        """
        needed = width * height * BYTES_PER_PIXEL
        if needed > self._most:
            raise RequestError(
                f"Expected photographs that can be decoded in {self._most / 1e9:.1f} GB, half of "
                f"the free memory; {name} of {width} x {height} pixels needs {needed / 1e9:.1f} GB."
            )
        with self._changed:
            self._changed.wait_for(lambda: self._reserved + needed <= self._most)
            self._reserved += needed
        try:
            yield
        finally:
            with self._changed:
                self._reserved -= needed
                self._changed.notify_all()
