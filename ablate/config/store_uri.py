"""The URI of the store in which MLflow keeps the runs: checked, and written for people."""

from __future__ import annotations

import re
import shlex

from ablate.errors import RequestError, nearest
from ablate.wording import without_password

STORE_URI = "sqlite:///mlflow.db"
"""The default of `store.uri`."""
STORE_SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql")


def check_store_uri(uri: object) -> str:
    """Return the URI of MLflow's store.

    Raises:
        RequestError: MLflow cannot record in it.
    """
    if not isinstance(uri, str) or not uri:
        raise RequestError(f"Expected store.uri such as {STORE_URI}; received {uri!r}.")
    shown = without_password(uri)
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
    return uri


def runs_hint(uri: str) -> str:
    """Return how to look at the runs: a command, or the address of the server that shows them."""
    shown = without_password(uri)
    if uri.startswith(("http://", "https://")):
        return shown
    return f"mlflow ui --backend-store-uri {shlex.quote(shown)}"
