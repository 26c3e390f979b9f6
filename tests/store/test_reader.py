"""The reader of the program's own files: what is no file is damage, and never a wait."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from pytest import param

from ablate.store.reader import DamagedFileError, FileFormat, open_file, read_file, read_word
from ablate.store.schema import decode


@dataclass(frozen=True)
class Content:
    number: int


FORMAT = FileFormat(partial(decode, kind=Content), "Do this.", most_bytes=10**6)


def make_link(path: Path) -> None:
    target = path.with_name("elsewhere")
    target.write_text('{"number": 1}')
    path.symlink_to(target)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)  # the name of a socket is short
        server.bind(path.name)


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_large(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 42)


NO_FILES = [
    param(Path.mkdir, "found a folder", id="folder"),
    param(os.mkfifo, "found a pipe", id="pipe"),
    param(make_link, "found a link", id="link"),
    param(make_loop, "found a link", id="link_to_itself"),
    param(make_socket, "found a socket", id="socket"),
]


@pytest.mark.parametrize(
    ("make", "message"), [*NO_FILES, param(make_large, "4,398,046 MB large", id="large")]
)
def test_what_is_no_file_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "file")
    with pytest.raises(DamagedFileError) as damaged:
        FORMAT.read(tmp_path / "file")
    assert str(damaged.value).startswith(f"{tmp_path / 'file'} is damaged: ")
    assert str(damaged.value).endswith(". Do this.")
    assert message in str(damaged.value)


@pytest.mark.parametrize(("make", "message"), NO_FILES)
def test_nothing_is_written_to_what_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], None], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "file")
    for flags in (os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_CREAT, os.O_WRONLY | os.O_TRUNC):
        with pytest.raises(DamagedFileError, match=message):
            open_file(tmp_path / "file", flags)
    elsewhere = tmp_path / "elsewhere"
    assert not elsewhere.exists() or elsewhere.read_text() == '{"number": 1}'


def test_a_missing_file_is_not_damaged(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "no" / "folder", tmp_path / "file" / "below"):
        with pytest.raises(FileNotFoundError):
            FORMAT.read(path)
        assert read_word(path) == ""


def test_a_file_becomes_what_it_stands_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_text('{"number": 1}')
    assert FORMAT.read(tmp_path / "file") == Content(1)
    assert read_file(tmp_path / "file", most_bytes=100, offset=11) == b"1}"


@pytest.mark.parametrize(
    ("content", "word"),
    [
        param(b"a-b_1", "a-b_1", id="word"),
        param(b"", "", id="empty"),
        param(b"a' or '1", "", id="a_quote"),
        param(b"\xff", "", id="no_text"),
        param(b"a" * 65, "", id="long"),
        param(b"a\n", "", id="line_break"),
    ],
)
def test_a_word_is_read_back_or_empty(tmp_path: Path, content: bytes, word: str) -> None:
    (tmp_path / "file").write_bytes(content)
    assert read_word(tmp_path / "file") == word
