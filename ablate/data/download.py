"""Downloads of published archives: checked, resumed after an interruption, and never unasked."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from ablate.errors import RequestError
from ablate.process.output import console
from ablate.wording import error_message, escaped_name

TIMEOUT_SECONDS = 60.0
"""How long a server may send nothing."""
ATTEMPTS = 3
"""How often one command connects to a server that breaks off."""
PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """A published file.

    Attributes:
        url: Its address.
        size: Its size in bytes.
        sha256: Its checksum.
    """

    url: str
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """What its file is called."""
        return self.url.rpartition("/")[2]


class _InterruptedError(Exception):
    """A connection was broken off; the message gives the reason."""


def fetch(archive: Archive, folder: Path) -> Path:
    """Download an archive into a folder, from where an earlier command was interrupted.

    Args:
        archive: What to download; nothing is done if the folder has it.
        folder: Where to; it exists.

    Returns:
        The file.

    Raises:
        RequestError: It cannot be downloaded, or is not the published file.
    """
    file, unfinished = folder / archive.name, folder / f"{archive.name}.part"
    try:
        if not os.path.isfile(file):
            with unfinished.open("ab") as stream:
                lock(stream, unfinished)
                _check_space(archive, folder, have=stream.tell())
                _receive_all(archive, stream)
                _check_received(archive, unfinished)
                unfinished.replace(file)
        elif (found := _sha256(file)) != archive.sha256:
            raise RequestError(
                f"Expected {escaped_name(file)} with the SHA-256 {archive.sha256}, as published; "
                f"it has {found}. Move it away, and the same command downloads {archive.name}."
            )
    except OSError as error:
        raise RequestError(
            f"Expected to write {escaped_name(file)}; {error_message(error)}."
        ) from error
    return file


def lock(stream: BinaryIO, file: Path) -> None:
    """Refuse a file that another command downloads or extracts; closing it releases the lock.

    Args:
        stream: The file, open for writing: NFS locks no other.
        file: Its path.

    Raises:
        RequestError: Another command has it.
    """
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RequestError(
            f"Expected no other command that uses {escaped_name(file)}; wait for its end."
        ) from error


def _check_space(archive: Archive, folder: Path, *, have: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < archive.size - have:
        raise RequestError(
            f"Expected {(archive.size - have) / 1e6:.0f} MB of free disk in {escaped_name(folder)} "
            f"for {archive.name}; there are {free / 1e6:.0f} MB."
        )


def _receive_all(archive: Archive, stream: BinaryIO) -> None:
    with _progress(archive) as show:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                _receive(archive, stream, show)
                return
            except _InterruptedError as error:
                if attempt == ATTEMPTS:
                    raise RequestError(
                        f"Expected to download {archive.url}; {error}. {stream.tell()} of "
                        f"{archive.size} bytes are kept: the same command resumes the download."
                    ) from error


def _receive(archive: Archive, stream: BinaryIO, show: Progress) -> None:
    """Append what is missing of an archive to its file.

    Raises:
        _InterruptedError: The server broke off.
        RequestError: It sent something else.
    """
    (task,) = show.task_ids
    show.update(task, completed=stream.tell())
    if stream.tell() >= archive.size:
        return
    request = urllib.request.Request(archive.url, headers={"Range": f"bytes={stream.tell()}-"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            start = f"bytes {stream.tell()}-"
            if answer.status != 206 or not answer.headers.get("Content-Range", "").startswith(
                start
            ):
                stream.seek(0)
                stream.truncate()  # the server sends the whole file
            while piece := answer.read(PIECE_BYTES):
                if stream.tell() + len(piece) > archive.size:
                    stream.truncate(0)
                    raise RequestError(
                        f"Expected {archive.size} bytes from {archive.url}; received more. The "
                        f"file has changed since it was published."
                    )
                stream.write(piece)
                stream.flush()
                show.update(task, completed=stream.tell())
    except urllib.error.HTTPError as error:
        raise RequestError(
            f"Expected to download {archive.url}; the server answers {error.code} {error.reason}."
        ) from error
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as err:
        raise _InterruptedError(error_message(err) or type(err).__name__) from err
    if stream.tell() < archive.size:
        raise _InterruptedError("the connection ended early")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_received(archive: Archive, file: Path) -> None:
    """Check the checksum of a file that was downloaded, and remove one that has another."""
    if (found := _sha256(file)) != archive.sha256:
        file.unlink()
        raise RequestError(
            f"Expected {archive.name} with the SHA-256 {archive.sha256}; received {found}. The "
            f"file was removed; the same command downloads it again."
        )


@contextmanager
def _progress(archive: Archive) -> Iterator[Progress]:
    """A bar on the terminal; one line where there is none."""
    terminal = console(stderr=True)
    columns = (TextColumn(archive.name), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    terminal.print(f"Download of {archive.url} ({archive.size / 1e6:.1f} MB)", soft_wrap=True)
    with Progress(*columns, console=terminal, disable=not terminal.is_terminal) as progress:
        progress.add_task(archive.name, total=archive.size)
        yield progress
