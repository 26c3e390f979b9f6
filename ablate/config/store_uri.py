"""The URI of the store in which MLflow keeps the runs: checked, and written for people."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from ablate.credentials import WEB, is_ambiguous, without_credentials
from ablate.errors import RequestError, nearest

STORE_URI = "sqlite:///mlflow.db"
"""The default of `store.uri`."""
SQLITE = "sqlite:///"
ENDINGS = (".db", ".sqlite")
"""Of an SQLite file that a configuration file may choose."""
STORE_SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql")


def check_store_uri(uri: object) -> str:
    """Return the URI of MLflow's store.

    Raises:
        RequestError: MLflow cannot record in it.
    """
    if not isinstance(uri, str) or not uri:
        raise RequestError(f"Expected store.uri such as {STORE_URI}; received {uri!r}.")
    shown = without_credentials(uri)
    scheme, separator, location = uri.partition("://")
    if not separator or scheme == "file":
        raise RequestError(
            f"Expected store.uri to be an SQLite file or a server, since MLflow keeps no runs in "
            f"plain folders; received {shown!r}. Write store.uri={STORE_URI} or "
            f"store.uri=http://127.0.0.1:5000."
        )
    if scheme.partition("+")[0] not in STORE_SCHEMES:
        raise RequestError(
            f"Unknown scheme of store.uri {shown!r}.{nearest(scheme, STORE_SCHEMES)}"
        )
    if scheme == "sqlite" and not re.fullmatch(r"/[^?]*[^?/]", location):
        raise RequestError(
            f"Expected the file of store.uri after three slashes, such as {STORE_URI}; received "
            f"{shown!r}."
        )
    if not location:
        raise RequestError(f"Expected store.uri to name a server; received {shown!r}.")
    if scheme != "sqlite" and is_ambiguous(uri):
        raise RequestError(
            f"Expected store.uri as SCHEME://USER:PASSWORD@SERVER/PATH; received {shown!r}. Write "
            f"/ of a password as %2F, @ as %40, : as %3A and ? as %3F."
        )
    return uri


def check_store_of_file(uri: str) -> None:
    """Check a store that a configuration file chooses: it must lie in the working directory.

    A file may come from somebody else, who could let runs be sent to a server or written elsewhere.

    Raises:
        RequestError: It is a server, or a file outside of the working directory.
    """
    path = uri.removeprefix(SQLITE)
    # MLflow may decode %2e%2e.
    if path != uri and uri.isprintable() and "%" not in path and _is_inside(path):
        return
    shown = without_credentials(uri)
    override = shlex.quote(f"store.uri={shown}")
    raise RequestError(
        f"Expected store.uri of a file to be an SQLite file in the working directory that ends in "
        f"{' or '.join(ENDINGS)}, such as {STORE_URI}; received {shown!r}. If you "
        f"trust it, add {override} to the command."
    )


def _is_inside(path: str) -> bool:
    """Whether a path leads to a database in the working directory that is not hidden."""
    here = Path.cwd().resolve()
    file = (here / path).resolve()
    # Not to somebody's code or study, which MLflow would open.
    return (
        file.is_relative_to(here)
        and file.suffix in ENDINGS
        and not any(part.startswith(".") for part in file.relative_to(here).parts)
    )


def runs_hint(uri: str) -> str:
    """Return how to look at the runs: a command, or the address of the server that shows them."""
    shown = without_credentials(uri)
    if uri.startswith(tuple(f"{scheme}://" for scheme in WEB)):
        return shown
    return f"mlflow ui --backend-store-uri {shlex.quote(shown)}"
