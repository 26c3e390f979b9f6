"""Opens MLflow's SQLite database, or creates it, when several processes may do so at once."""

from __future__ import annotations

import contextlib
import fcntl
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ablate.config.store_uri import SQLITE
from ablate.store.disk import open_to_append


def absolute_uri(uri: str) -> str:
    """The tracking URI with the path of an SQLite file made absolute."""
    if not uri.startswith(SQLITE):
        return uri
    path = str(Path(uri[len(SQLITE) :]).resolve())
    # SQLAlchemy would read these characters as parts of a URL; a relative path does not contain
    # the names of the folders above it, so it may avoid them.
    return uri if re.search("[%?]", path) else f"{SQLITE}{path}"


@contextlib.contextmanager
def database_lock(database: Path) -> Iterator[None]:
    """Hold the lock that allows a process to open a database that may not exist yet.

    Waits as long as another process creates the database, which a busy machine does slowly. The
    kernel releases the lock of a process that ends.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    with open_to_append(database.with_name(f".{database.name}.lock")) as file:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def create_if_missing(database: Path) -> None:
    """Create a database under a temporary name and rename it, so that it is always complete.

    MLflow creates its database in steps and cannot continue after it was killed or the disk was
    full.
    """
    if database.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # not needed for a server

    new = database.with_name(f".{database.name}.new")
    leftovers = (new, Path(f"{new}-journal"))
    try:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
        store_class: Any = SqlAlchemyStore
        store_class(f"{SQLITE}{new}", str(Path.cwd() / "mlartifacts"))
        new.rename(database)
    finally:
        for leftover in leftovers:
            leftover.unlink(missing_ok=True)
