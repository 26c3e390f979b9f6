"""What a result depends on besides its configuration and images: the code, by what is in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.store.identity import sources


def test_the_code_of_a_package_is_all_its_files_and_nothing_that_an_editor_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "theirs_too"
    (package / "parts").mkdir(parents=True)
    for name in ("__init__.py", "parts/layers.py"):
        (package / name).write_text("x = 1")
    (package / ".#layers.py").symlink_to("someone@somewhere.1234")
    (package / ".ipynb_checkpoints").mkdir()
    for name in ("._layers.py", ".ipynb_checkpoints/layers-checkpoint.py"):
        (package / name).write_text("x = 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    data = {"_target_": "ablate.data.digits.load_digits"}
    variant = Variant({"_target_": "theirs_too.parts.build"}, data, Recipe(), ("theirs_too",))
    before = sources([variant], "jax")
    theirs = [name for name in before if name.startswith("theirs_too")]
    assert theirs == ["theirs_too/__init__.py", "theirs_too/parts/layers.py"]
    (package / "parts" / "layers.py").write_text("x = 2")
    after = sources([variant], "jax")
    assert [name for name in before if before[name] != after[name]] == [theirs[1]]
