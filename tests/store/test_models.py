from __future__ import annotations

from pathlib import Path

from ablate.store.folder import StudyFolder
from ablate.store.models import kept_models, remove_models


def test_models_behind_links_are_neither_counted_nor_removed(tmp_path: Path) -> None:
    """A folder of runs may come from somebody else."""
    outside = tmp_path / "outside"
    (outside / "0").mkdir(parents=True)
    (outside / "0" / "model.keras").write_bytes(b"mine")
    folder = StudyFolder(tmp_path / "runs" / "xyz")
    (folder.path / "cell").mkdir(parents=True)
    (folder.path / "linked").symlink_to(outside)
    (folder.path / "cell" / "0").symlink_to(outside / "0")
    (folder.path / "cell" / "1").mkdir()
    (folder.path / "cell" / "1" / "model.keras").write_bytes(b"own")

    assert kept_models(folder, "linked") == ()
    assert kept_models(folder, "cell") == (1,)
    remove_models(folder, ["linked", "cell"])
    assert (outside / "0" / "model.keras").read_bytes() == b"mine"
    assert not (folder.path / "cell" / "1" / "model.keras").exists()
