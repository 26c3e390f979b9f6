"""Machines as they are: what their settings would change or break changes and breaks nothing."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import TINY, Command

FULL_MODEL = "residual=present,norm=present,conv=separable"

KERAS_JSON = {
    "floatx": "float16",
    "epsilon": 1e-3,
    "image_data_format": "channels_first",
    "backend": "torch",
    "nnx_enabled": True,
}


def test_settings_of_a_machine_change_no_number(
    ablate: Command, tiny_study: Path, tmp_path: Path
) -> None:
    """A long TMPDIR, 40 ASCII columns, oneDNN off, a keras.json of the user."""
    folder = tmp_path / ("x" * 150)
    folder.mkdir()
    (folder / "keras.json").write_text(json.dumps(KERAS_JSON), encoding="utf-8")
    one_run = [argument for argument in TINY if not argument.startswith("study.")]
    done = ablate(
        tmp_path,
        *one_run,
        TMPDIR=str(folder),
        KERAS_HOME=str(folder),
        PYTHONIOENCODING="ascii",
        COLUMNS="40",
        TF_ENABLE_ONEDNN_OPTS="0",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert done.stdout.isascii()
    (file,) = (tmp_path / "runs" / "single").glob("*/0/result.json")
    expected = tiny_study / "runs" / "xyz" / FULL_MODEL / "0" / "result.json"
    result, of_study = (json.loads(path.read_text("utf-8")) for path in (file, expected))
    assert result["responses"] == of_study["responses"]
    assert result["provenance"]["oneDNN"] == "on"
