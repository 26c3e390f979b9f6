"""Every shipped study runs end to end, with tiny models, one epoch and one replicate."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from ablate.config.groups import VARIANT_GROUPS
from ablate.study.design import cells_of
from ablate.study.file import study_from_mapping
from tests.conftest import ROOT, TINY, Command

STUDIES = sorted((ROOT / "experiments" / "study").glob("*.yaml"))
SMALL = [*TINY[:3], "study.replicates=1"]
SCENES = ("boxes", "downsampling", "multilabel", "segmentation", "separable")
"""Studies of synthetic pictures."""
RESPONSES = {
    "boxes": "mean_iou",
    "multilabel": "mean_average_precision",
    "segmentation": "mean_iou",
}
"""What a study is judged by, where it is not the accuracy."""
OWN_MODELS = {
    "simpler": [],
    "width_or_depth": [],
    "removal": ["model.options={filters: [4,4,4], blocks: 2}"],
}
"""What makes the model small, where the study has no single model.filters."""
BLOCKS = [f"block{stage}{place}" for stage in (1, 2, 3) for place in "ab"]
FEWER_BLOCKS = [{}, dict.fromkeys(BLOCKS[:3], "absent"), dict.fromkeys(BLOCKS[3:], "absent")]
"""Cells of the study removal; some of the blocks that they leave out change the shape."""


def arguments_of(study: str, folder: Path) -> list[str]:
    """What makes a study small."""
    if study == "cats_and_dogs":
        write_photographs(folder / "photographs")
        return [f"data.path={folder / 'photographs'}", "data.image_size=[8,8]", *SMALL]
    if study in OWN_MODELS:
        return [*OWN_MODELS[study], *SMALL[1:]]
    if study in SCENES:
        return ["data.count=100", *SMALL]
    if study == "random_features":  # it names three blocks
        return ["model.filters=[4,4,4]", *SMALL[1:]]
    return SMALL


def smaller_design(study: str) -> dict[str, Any]:
    """Every level once, which is enough to see that a study runs; the default study runs whole."""
    if study == "xyz":
        return {}
    if study == "removal":
        return {"design": "cells", "cells": FEWER_BLOCKS}
    return {"design": "leave_one_out"}


def write_photographs(folder: Path) -> None:
    """Ten photographs of noise in a folder for each of two classes."""
    for seed, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for number, pixels in enumerate(
            np.random.default_rng(seed).integers(0, 256, (10, 9, 12, 3), np.uint8)
        ):
            Image.fromarray(pixels).save(folder / name / f"{number}.jpg")


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_a_shipped_study_reaches_its_report(ablate: Command, tmp_path: Path, file: Path) -> None:
    design = smaller_design(file.stem)
    texts = {key: json.dumps(value).replace('"', "") for key, value in design.items()}
    arguments = [
        *arguments_of(file.stem, tmp_path),
        *(f"study.{key}={text}" for key, text in texts.items()),
    ]
    done = ablate(tmp_path, "--multirun", f"study={file.stem}", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    report = tmp_path / "reports" / file.stem
    cells = pd.read_csv(report / "cells.csv")
    content = yaml.safe_load(file.read_text())
    chosen = (*VARIANT_GROUPS, "full")
    own = {key: value for key, value in content.items() if key.partition(".")[0] not in chosen}
    assert len(cells) == len(cells_of(study_from_mapping({"name": file.stem, **own, **design})))
    assert (cells["n"] == 1).all()
    response = RESPONSES.get(file.stem, "accuracy")
    assert cells[f"test_{response}_mean"].notna().all()
    assert (report / "index.html").stat().st_size > 10_000


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_the_header_of_a_study_file_is_complete(file: Path) -> None:
    header = re.match(r"(#.*\n)+", file.read_text())
    assert header is not None
    command = "python -m ablate --multirun" + (f" study={file.stem}" if file.stem != "xyz" else "")
    for words in (command, "Held constant:", "Cost:", "Answer:", "Source:"):
        assert words in header[0]


def test_a_study_of_colour_images_completes(
    ablate: Command, tmp_path: Path, cifar_sample: Path
) -> None:
    arguments = ["data=npz", f"data.path={cifar_sample}", "model.filters=[4,4]"]
    done = ablate(
        tmp_path, "--multirun", *arguments, "recipe.epochs=1", "study.replicates=1"
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    runs = pd.read_csv(tmp_path / "reports" / "xyz" / "runs.csv")
    assert runs["status"].tolist() == ["complete"] * 8
    assert runs["test_accuracy"].between(0, 1).all()
