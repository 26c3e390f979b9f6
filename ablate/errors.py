"""The error for a mistake of the user, and the hint at the nearest valid choice."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RequestError(ValueError):
    """A mistake in a request, found before any training; the user reads its message.

    The message states on one line what was expected, what was received and, if there is one, the
    nearest valid choice. The commands print it and exit with code 2.
    """


def nearest(name: str, choices: Iterable[str]) -> str:
    """The end of an error message: the closest valid choice, if one is close, and all of them."""
    known = sorted(set(choices))
    if not known:
        return ""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{hint} Known: {', '.join(known)}."
