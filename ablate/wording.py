"""How numbers, names and commands are written for people."""

from __future__ import annotations

import re
import shlex
import sys


def without_password(text: str) -> str:
    """A text that names a store, for people to read: credentials are left out."""
    return re.sub(r"://[^/\s]*@", "://***@", text)


def own_command() -> str:
    """The command line of this process, for people to read: in reports, in a lock, to go on."""
    return without_password(shlex.join(["python", "-m", "ablate", *sys.argv[1:]]))
