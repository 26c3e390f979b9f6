"""Archives of others: their regular files, extracted into one folder and nowhere else."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ablate.data.download import lock
from ablate.errors import RequestError
from ablate.wording import error_message, escaped_name

MOST_FILES = 1_000_000


def extract(archive: Path, folder: Path, *, most_bytes: int) -> None:
    """Extract the regular files of a tar archive, compressed or not: all of them, or none.

    Files that macOS adds (`._x.png`) are left out.

    Args:
        archive: The file.
        folder: Where to; what the archive holds must not be there.
        most_bytes: How much the files may hold together.

    Raises:
        RequestError: The archive is damaged, holds too much, or has a path outside its folder, a
            link or a device; or another command extracts it.
    """
    try:
        with archive.open("r+b") as stream:
            lock(stream, archive)
            _extract_all(stream, archive, folder, most_bytes=most_bytes)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise RequestError(
            f"Expected to extract {escaped_name(archive)}; {error_message(error)}."
        ) from error


def _extract_all(stream: BinaryIO, archive: Path, folder: Path, *, most_bytes: int) -> None:
    unfinished = folder / f".{archive.name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        with tarfile.open(fileobj=stream, mode="r:*") as opened:
            for member, path in _regular_files(opened, archive, most_bytes):
                target = unfinished / path
                target.parent.mkdir(parents=True, exist_ok=True)
                content = opened.extractfile(member)
                assert content is not None, "Expected a regular file."
                with content, target.open("xb") as file:
                    shutil.copyfileobj(content, file)
        for entry in sorted(unfinished.iterdir()):
            entry.rename(folder / entry.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _regular_files(
    opened: tarfile.TarFile, archive: Path, most_bytes: int
) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    """The regular files of an archive with their paths, each checked before it is read."""
    total = 0
    for number, member in enumerate(opened):
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts:
            raise RequestError(
                f"Expected paths within the archive {escaped_name(archive)}; it has "
                f"{escaped_name(member.name)}, outside its folder. Nothing was extracted."
            )
        if member.isdir() or path.name.startswith("._"):
            continue
        if not member.isreg():
            kind = "a link" if member.issym() or member.islnk() else "neither a file nor a folder"
            raise RequestError(
                f"Expected files and folders alone in the archive {escaped_name(archive)}; "
                f"{escaped_name(member.name)} is {kind}. Nothing was extracted."
            )
        total += member.size
        if total > most_bytes or number >= MOST_FILES:
            raise RequestError(
                f"Expected at most {most_bytes / 1e6:.0f} MB in {MOST_FILES:,} files in the "
                f"archive {escaped_name(archive)}; it holds more. Nothing was extracted."
            )
        yield member, path
