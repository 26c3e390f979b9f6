"""Runs that go wrong: each is recorded with its reason, and the study goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from tests.conftest import Command

THEIRS = '''
"""A model of a user's own, that a switch makes fail in one way or another."""

import os
import signal

import keras


class Failing(keras.layers.Layer):
    def __init__(self, fault, **kwargs):
        super().__init__(**kwargs)
        self.fault = fault

    def call(self, x, training=False):
        if self.fault == "raise" and training:
            raise RuntimeError("the user's layer does not like this")
        return x

    def get_config(self):
        return {**super().get_config(), "fault": self.fault}


def build(input_shape, classes, *, fault="none"):
    images = keras.Input(input_shape)
    x = Failing(fault, name="failing")(keras.layers.Flatten(name="flat")(images))
    if fault == "kill":
        x = Killing(name="killing")(x)
    return keras.Model(images, keras.layers.Dense(classes, activation="softmax", name="head")(x))


class Killing(keras.layers.Layer):
    def call(self, x, training=False):
        if training:
            os.kill(os.getpid(), signal.SIGKILL)
        return x
'''

STUDY = """
replicates: 2
factors:
  fault:
    levels:
      - {name: whole, overrides: [model.fault=none]}
      - {name: raising, overrides: [model.fault=raise]}
      - {name: killed, overrides: [model.fault=kill]}
"""


def write(folder: Path) -> None:
    (folder / "theirs.py").write_text(THEIRS)
    for group, name, text in (
        ("study", "faulty", STUDY),
        ("model", "theirs", "_target_: theirs.build\nfault: none\n"),
    ):
        file = folder / "experiments" / group / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def why(place: Path) -> str:
    return str(json.loads((place / "result.json").read_text())["error"])


def test_failing_and_dying_runs_are_recorded_and_the_study_goes_on(
    ablate: Command, tmp_path: Path
) -> None:
    write(tmp_path)
    arguments = ["--multirun", "study=faulty", "model=theirs", "allow=[theirs]", "recipe.epochs=1"]
    answer = ablate(tmp_path, *arguments)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    runs = pd.read_csv(tmp_path / "reports" / "faulty" / "runs.csv").set_index(["fault", "seed"])
    assert runs["status"].to_dict() == {
        ("whole", 0): "complete", ("whole", 1): "complete",
        ("raising", 0): "failed", ("raising", 1): "failed",
        ("killed", 0): "crashed", ("killed", 1): "crashed",
    }  # fmt: skip
    assert "the user's layer does not like this" in why(tmp_path / "runs/faulty/fault=raising/0")
    assert "signal 9" in why(tmp_path / "runs/faulty/fault=killed/1")
    assert runs["test_accuracy"].notna().sum() == 2
    assert "CRASHED" in answer.stdout
    assert "Traceback" not in answer.stdout + answer.stderr
    log = tmp_path / "runs" / "faulty" / "fault=raising" / "0" / "log"
    assert "RuntimeError" in log.read_text()


def test_a_diverging_run_is_no_number_and_is_not_tried_again(
    ablate: Command, tmp_path: Path
) -> None:
    arguments = [
        "--multirun", "model.filters=[4,4]", "study.replicates=1", "recipe.optimizer=sgd",
        "recipe.learning_rate=1e30", "recipe.epochs=2",
    ]  # fmt: skip
    answer = ablate(tmp_path, *arguments)
    assert answer.returncode == 1, answer.stdout + answer.stderr
    runs = pd.read_csv(tmp_path / "reports" / "xyz" / "runs.csv")
    diverged = runs[runs["status"] == "diverged"]
    assert len(diverged) >= 1
    for _, run in diverged.iterrows():
        place = tmp_path / "runs" / "xyz" / run["cell"] / str(run["seed"])
        assert "not finite after epoch" in why(place)
    assert "test_accuracy" not in runs or diverged["test_accuracy"].isna().all()
    again = ablate(tmp_path, *arguments)
    assert again.returncode == 1
    assert "8 of 8 done" in again.stdout


def test_other_launchers_train_the_same_numbers(
    ablate: Command, tiny_study: Path, tmp_path: Path
) -> None:
    from tests.conftest import TINY

    answer = ablate(tmp_path, "--multirun", *TINY, "hydra/launcher=basic", "device.threads=1")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    theirs, ours = (
        {
            path.parent.parent.name + path.parent.name: json.loads(path.read_text())["responses"]
            for path in (folder / "runs" / "xyz").rglob("result.json")
        }
        for folder in (tmp_path, tiny_study)
    )
    assert theirs == ours
