"""The Oxford-IIIT pets, as published, and their download: from an archive that the test makes."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pytest import param

from ablate.data import download, oxford_pets
from ablate.data.archive import extract
from ablate.data.download import Archive
from ablate.data.images import Images
from ablate.errors import RequestError
from ablate.tasks.task import prepare

TRAINVAL = [*(f"Bengal_{number}" for number in range(1, 9)), "Abyssinian_34", "beagle_116"]
TEST = ["pug_1", "Abyssinian_5", "chihuahua_121"]
WIDTH, HEIGHT = 8, 6


def trimap(name: str) -> np.ndarray:
    seed = int.from_bytes(name.encode()[-4:], "big")
    return np.random.default_rng(seed).integers(1, 4, (HEIGHT, WIDTH), np.uint8)


def picture(name: str) -> Image.Image:
    """A picture of one colour that its name gives."""
    colour = tuple(hashlib.sha256(name.encode()).digest()[:3])
    return Image.new("RGB", (WIDTH, HEIGHT), colour)


def encoded(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def published() -> dict[str, bytes]:
    """The files of a small data set with the faults of the published one."""
    files = {f"images/{name}.jpg": encoded(picture(name), "PNG") for name in [*TRAINVAL, *TEST]}
    files |= {name: encoded(Image.open(io.BytesIO(each)), "JPEG") for name, each in files.items()}
    files["images/Abyssinian_34.jpg"] = encoded(picture("Abyssinian_34").convert("P"), "GIF")
    transparent = picture("Abyssinian_5").convert("RGBA")
    transparent.putpixel((0, 0), (*picture("Abyssinian_5").getpixel((0, 0)), 0))  # type: ignore[misc]
    files["images/Abyssinian_5.jpg"] = encoded(transparent, "PNG")
    files["images/beagle_116.jpg"] = files["images/chihuahua_121.jpg"] = b"damaged"
    files["images/Abyssinian_100.mat"] = b"left over by the publisher"
    for name in [*TRAINVAL, *TEST]:
        files[f"annotations/trimaps/{name}.png"] = encoded(Image.fromarray(trimap(name)), "PNG")
        files[f"annotations/trimaps/._{name}.png"] = b"added by macOS"
    for part, names in (("trainval", TRAINVAL), ("test", TEST)):
        rows = "".join(f"{name} 1 1 1\n" for name in names)
        files[f"annotations/{part}.txt"] = f"#Image CLASS-ID SPECIES BREED ID\n{rows}".encode()
    return files


def write_archive(file: Path, files: Mapping[str, bytes]) -> Archive:
    """Write a tar archive, and return what is published of it but its address."""
    with tarfile.open(file, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    content = file.read_bytes()
    return Archive(file.name, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data set, extracted."""
    for name, content in published().items():
        file = tmp_path / "pets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "pets"


def load(folder: Path, **options: Any) -> Images:
    return prepare(oxford_pets.load(path=str(folder), image_size=[HEIGHT, WIDTH], **options))


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(RequestError) as caught:
        load(folder, **options)
    message = str(caught.value)
    assert message.isprintable(), "one line without control characters"
    return message


def test_trimaps_become_three_classes_in_the_published_parts(folder: Path) -> None:
    images = load(folder)
    assert (images.task, images.classes) == ("segmentation", ("pet", "background", "border"))
    assert [len(part.y) for part in images.parts.values()] == [7, 2, 2]
    np.testing.assert_array_equal(images.test.y, [trimap(name) - 1 for name in TEST[:2]])


def test_misnamed_files_are_read_as_what_they_are(folder: Path) -> None:
    images = load(folder)
    np.testing.assert_array_equal(images.test.x[1], np.asarray(picture("Abyssinian_5")))
    found = np.concatenate([images.train.x, images.validation.x]).astype(int)
    expected = np.asarray(picture("Abyssinian_34").convert("P").convert("RGB")).astype(int)
    assert (np.abs(found - expected).max(axis=(1, 2, 3)) == 0).sum() == 1


def test_no_image_is_rotated_away_from_its_trimap(folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[0] = 255
    Image.fromarray(pixels).save(folder / "images" / "pug_1.jpg", exif=exif, quality=100)
    assert (load(folder).test.x[0, 0] > 200).all()


def test_damaged_files_are_left_out_by_name(folder: Path) -> None:
    assert load(folder).excluded == (
        "images/beagle_116.jpg: known to be damaged",
        "images/chihuahua_121.jpg: known to be damaged",
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        param("images/Bengal_3.jpg", b"GIF89a", "1 bad: images/Bengal_3.jpg: ", id="image"),
        param("annotations/trimaps/Bengal_3.png", encoded(Image.new("L", (8, 6), 4), "PNG"),
              "from 1 to 3; 1 with others: annotations/trimaps/Bengal_3.png has 4", id="value"),
        param("annotations/trimaps/Bengal_3.png", encoded(Image.new("L", (8, 7), 1), "PNG"),
              "its mask: 8 x 7 for an image of 8 x 6", id="size"),
        param("annotations/test.txt", b"../../secret 1 1 1\n", "received '../../secret'",
              id="path_in_a_list"),
        param("annotations/test.txt", b"", "there are none", id="empty_list"),
    ],
)  # fmt: skip
def test_bad_files_are_refused_by_name(
    folder: Path, name: str, content: bytes, message: str
) -> None:
    (folder / name).write_bytes(content)
    assert message in refusal(folder)


def test_missing_files_are_counted_and_named(folder: Path) -> None:
    (folder / "images" / "pug_1.jpg").unlink()
    (folder / "annotations" / "trimaps" / "Bengal_1.png").unlink()
    message = refusal(folder)
    assert "2 missing: annotations/trimaps/Bengal_1.png; images/pug_1.jpg." in message


def test_nothing_is_downloaded_unless_asked_for(tmp_path: Path) -> None:
    message = refusal(tmp_path)
    assert "there is no images. data.download=true downloads them (811 MB)." in message


class _Server(ThreadingHTTPServer):
    """Serves the files of a folder from 127.0.0.1, with ranges.

    Attributes:
        breaks: After how many bytes an answer breaks off, for each answer in turn.
        ranges: What each request asked for.
        has_ranges: Whether it answers with them, or always with the whole file.
    """

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.breaks: list[int] = []
        self.ranges: list[str] = []
        self.has_ranges = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        content = (self.server.folder / self.path.rpartition("/")[2]).read_bytes()
        wanted = self.headers.get("Range", "")
        self.server.ranges.append(wanted)
        first = int(wanted.removeprefix("bytes=").removesuffix("-") or 0)
        first = first if self.server.has_ranges else 0
        self.send_response(206 if self.server.has_ranges else 200)
        if self.server.has_ranges:
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        breaks = self.server.breaks.pop(0) if self.server.breaks else len(content)
        self.wfile.write(content[first : first + breaks])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    """Serves the data set as two archives, which are what is published for the test."""
    (tmp_path / "served").mkdir()
    with _Server(tmp_path / "served") as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        archives = []
        for name in ("annotations", "images"):
            files = {path: each for path, each in published().items() if path.startswith(name)}
            own = write_archive(tmp_path / "served" / f"{name}.tar.gz", files)
            url = f"http://127.0.0.1:{served.server_port}/pets/{own.url}"
            archives.append(Archive(url, own.size, own.sha256))
        monkeypatch.setattr(oxford_pets, "ARCHIVES", tuple(archives))
        monkeypatch.setattr(download, "PIECE_BYTES", 500)
        yield served
        served.shutdown()
        thread.join()


def test_a_download_leaves_the_data_alone(server: _Server, folder: Path, tmp_path: Path) -> None:
    images = load(tmp_path / "new" / "pets", download=True)
    assert images.fingerprint == load(folder).fingerprint
    assert sorted(each.name for each in (tmp_path / "new" / "pets").iterdir()) == [
        "annotations", "images",
    ]  # fmt: skip
    assert not list((tmp_path / "new").rglob("._*"))
    requests = len(server.ranges)
    load(tmp_path / "new" / "pets", download=True)
    assert len(server.ranges) == requests, "nothing is downloaded twice"


def test_a_download_that_breaks_off_is_resumed(server: _Server, tmp_path: Path) -> None:
    server.breaks = [700, 200]
    load(tmp_path / "new", download=True)
    assert server.ranges[:3] == ["bytes=0-", "bytes=700-", "bytes=900-"]


def test_the_next_command_resumes_a_download(server: _Server, tmp_path: Path) -> None:
    server.breaks = [700, 100, 100]
    message = refusal(tmp_path / "new", download=True)
    assert "900 of " in message
    assert "bytes are kept: the same command resumes the download" in message
    load(tmp_path / "new", download=True)
    assert server.ranges[3] == "bytes=900-"


def test_a_server_without_ranges_sends_the_whole_file_again(
    server: _Server, folder: Path, tmp_path: Path
) -> None:
    server.has_ranges = False
    server.breaks = [(server.folder / "annotations.tar.gz").stat().st_size - 10]
    images = load(tmp_path / "new", download=True)
    assert images.fingerprint == load(folder).fingerprint


def test_a_file_of_the_user_is_not_removed(server: _Server, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "images.tar.gz").write_bytes(b"the user's own")
    assert "images.tar.gz with the SHA-256 " in refusal(tmp_path / "new", download=True)
    assert (tmp_path / "new" / "images.tar.gz").read_bytes() == b"the user's own"


def test_one_command_at_a_time_extracts_an_archive(tmp_path: Path) -> None:
    write_archive(tmp_path / "some.tar", {"images/a": b"a"})
    with (tmp_path / "some.tar").open("r+b") as stream:
        download.lock(stream, tmp_path / "some.tar")
        with pytest.raises(RequestError, match="no other command that uses "):
            extract(tmp_path / "some.tar", tmp_path, most_bytes=100)
    extract(tmp_path / "some.tar", tmp_path, most_bytes=100)
    assert (tmp_path / "images" / "a").read_bytes() == b"a"


def test_another_file_than_the_published_one_is_refused(server: _Server, tmp_path: Path) -> None:
    file = tmp_path / "served" / "annotations.tar.gz"
    content = file.read_bytes()
    file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    message = refusal(tmp_path / "new", download=True)
    assert "Expected annotations.tar.gz with the SHA-256 " in message
    assert list((tmp_path / "new").iterdir()) == []
    file.write_bytes(content + b"more")
    assert "received more. The file has changed" in refusal(tmp_path / "new", download=True)


def test_a_server_that_refuses_is_named(server: _Server, tmp_path: Path) -> None:
    server.shutdown()
    server.server_close()
    message = refusal(tmp_path / "new", download=True)
    assert "Connection refused" in message
    assert "0 of " in message


def member(name: str, **fields: Any) -> Callable[[tarfile.TarFile], None]:
    """Adds a member of four bytes with these fields to an archive."""

    def add(archive: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = 4
        for key, value in fields.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(b"evil") if info.isreg() else None)

    return add


HOSTILE: list[Any] = [
    param(member("../outside"), "it has ../outside, outside its folder", id="above"),
    param(member("images/../../outside"), "outside its folder", id="above_from_within"),
    param(member("/tmp/outside"), "it has /tmp/outside, outside its folder", id="absolute"),
    param(member("images/link", type=tarfile.SYMTYPE, linkname="../..", size=0),
          "images/link is a link", id="symbolic_link"),
    param(member("images/link", type=tarfile.LNKTYPE, linkname="/etc/passwd", size=0),
          "images/link is a link", id="hard_link"),
    param(member("images/pipe", type=tarfile.FIFOTYPE, size=0), "neither a file nor a folder",
          id="pipe"),
    param(member("images/a.jpg"), "File exists", id="twice"),
]  # fmt: skip


@pytest.mark.parametrize(("add", "message"), HOSTILE)
def test_a_hostile_archive_writes_nothing(
    tmp_path: Path, add: Callable[[tarfile.TarFile], None], message: str
) -> None:
    target = tmp_path / "within" / "target"
    target.mkdir(parents=True)
    with tarfile.open(tmp_path / "hostile.tar", "w") as archive:
        member("images/a.jpg")(archive)
        add(archive)
    with pytest.raises(RequestError) as caught:
        extract(tmp_path / "hostile.tar", target, most_bytes=100)
    assert message in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "hostile.tar", target.parent, target]


@pytest.mark.parametrize(
    ("size", "message"),
    [(60, "Expected at most"), (30, "Expected to extract")],
    ids=["big", "cut"],
)
def test_a_large_or_cut_archive_writes_nothing(tmp_path: Path, size: int, message: str) -> None:
    write_archive(tmp_path / "some.tar.gz", {"a": bytes(40), "b": bytes(size)})
    if size == 30:
        content = (tmp_path / "some.tar.gz").read_bytes()
        (tmp_path / "some.tar.gz").write_bytes(content[:-20])
    (tmp_path / "target").mkdir()
    with pytest.raises(RequestError, match=message):
        extract(tmp_path / "some.tar.gz", tmp_path / "target", most_bytes=80)
    assert list((tmp_path / "target").iterdir()) == []
