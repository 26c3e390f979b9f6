"""What a server of worker processes does when it imports this module, which no one else imports.

It prints to its log from then on, because libraries print during their import, and it ignores
Ctrl-C, which reaches every process of the terminal: only the parent decides what to do about it.
Its workers inherit both.
"""

from __future__ import annotations

import os
import signal

LOG = "ABLATE_SERVER_LOG"
"""The environment variable that names the log."""


def _print_to(log: str) -> None:
    """Append what this process prints to a file; drop it if the file cannot be opened."""
    try:
        # Never wait for the reader of a pipe, and follow no link.
        unusual = os.O_NOFOLLOW | os.O_NONBLOCK
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | unusual, 0o666)
    except OSError:
        file = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    os.close(file)


if LOG in os.environ:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _print_to(os.environ[LOG])
