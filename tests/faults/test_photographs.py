"""Photographs that are damaged or misnamed, in a study of a user's own folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.conftest import SHARED, TINY, Command

ARGUMENTS = ("--multirun", "data=image_folder", "data.image_size=[16,16]", "device.threads=1")


def photographs(folder: Path) -> Path:
    """Write two classes of valid photographs."""
    generator = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
        for number in range(12):
            height, width = generator.integers(20, 60, 2)
            pixels = generator.integers(0, 256, (height, width, 3), np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.jpg")
    return folder


def add_bad_files(folder: Path) -> dict[str, str]:
    """Add bad files, and return for each the reason that must be reported."""
    valid = (folder / "cat" / "0.jpg").read_bytes()
    grey = Image.fromarray(np.zeros((20, 20), np.uint8))
    (folder / "cat" / "cut.jpg").write_bytes(valid[: len(valid) // 2])
    (folder / "cat" / "empty.jpg").write_bytes(b"")
    (folder / "cat" / "._0.jpg").write_bytes(b"\0\5\26\7")
    grey.save(folder / "dog" / "gif.jpg", "GIF")
    grey.save(folder / "dog" / "bmp.jpg", "BMP")
    grey.convert("CMYK").save(folder / "dog" / "cmyk.jpg", "JPEG")
    Image.fromarray(np.zeros((20, 20), np.uint16)).save(folder / "dog" / "deep.png")
    grey.convert("P").save(folder / "dog" / "palette.png")
    (folder / "bird").mkdir()
    return {
        "cat/cut.jpg": "truncated",
        "cat/empty.jpg": "empty",
        "cat/._0.jpg": "macOS",
        "dog/gif.jpg": "a GIF named .jpg",
        "dog/bmp.jpg": "a BMP named .jpg",
        "dog/cmyk.jpg": "CMYK",
        "dog/deep.png": "16 bit",
        "dog/palette.png": "palette",
        "bird": "no valid image",
    }


def test_bad_photographs_are_refused_or_left_out(ablate: Command, tmp_path: Path) -> None:
    expected = add_bad_files(photographs(tmp_path / "pets"))
    refused = ablate(tmp_path, *ARGUMENTS, "data.path=pets")
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert f"{len(expected)} bad" in refused.stderr
    assert "data.on_bad=skip" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    arguments = [*TINY[:3], "study.replicates=1", "data.path=pets", "data.on_bad=skip"]
    done = ablate(tmp_path, *ARGUMENTS, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    report = (tmp_path / "reports" / "xyz" / "report.json").read_text()
    for name, reason in expected.items():
        assert name in report
        assert reason in report
    assert f"images left out: {len(expected)}:" in (
        tmp_path / "reports" / "xyz" / "report.md"
    ).read_text().replace("\\", "")
    assert len(pd.read_csv(tmp_path / "reports" / "xyz" / "runs.csv")) == 8


def test_real_cats_and_dogs_reach_a_report(ablate: Command, tmp_path: Path) -> None:
    if not (SHARED / "cats-vs-dogs").is_dir():
        pytest.skip("the photographs of cats and dogs next to the project are missing")
    arguments = [*TINY[:3], "study.replicates=1", f"data.path={SHARED / 'cats-vs-dogs'}"]
    done = ablate(tmp_path, *ARGUMENTS, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    runs = pd.read_csv(tmp_path / "reports" / "xyz" / "runs.csv")
    assert runs["status"].tolist() == ["complete"] * 8
