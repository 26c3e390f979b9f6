"""`--help` explains every key with the comment of its file."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ablate.config.arguments import check_arguments
from ablate.config.help import comments_of, help_text
from ablate.config.locate import shipped_folder
from tests.faults.plan_requests import write_study

SHIPPED = sorted(shipped_folder("conf").glob("*/*.yaml"))


def help_of(*arguments: str) -> list[str]:
    return help_text(check_arguments(["--help", *arguments])).splitlines()


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}_{file.stem}")
def test_every_key_of_a_shipped_file_is_explained(file: Path) -> None:
    lines = help_of(f"{file.parent.name}={file.stem}")
    start = next(n for n, line in enumerate(lines) if line.startswith(f"  {file.parent.name}="))
    keys = lines[start + 1 : [*lines, ""].index("", start)]
    assert lines[start].partition(": ")[2].endswith(".")
    assert keys
    # The comment of a long line stands above it.
    pairs = itertools.pairwise(["", *keys])
    assert [line for above, line in pairs if " # " not in line and " # " not in above[:6]] == []


def test_every_key_of_the_default_request_is_explained() -> None:
    keys = [line for line in help_of() if line.startswith("    ") and "#" not in line]
    assert [key.split(":")[0].strip() for key in keys] == ["question", "full", "factors"]


def test_ones_own_files_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = tmp_path / "experiments" / "model" / "mine.yaml"
    model.parent.mkdir(parents=True)
    model.write_text(
        "# Mine. It is small.\n\n# Not of the top.\ndefaults: [convnet]\n"
        "depth: 3   # blocks: 1, 2 or 3\u202e\nconv: conv2d\nwords: '#'\n"
        "block:   # of both\n  size: {a: 1}   # inside\nlast: 1"
    )
    write_study(tmp_path, "model: mine\nfactors: {deep: {b: model.depth=3, c: model.depth=1}}\n")
    text = "\n".join(help_of("study=mine"))
    for words in (
        "  model: convnet, mine, mlp, removal, resnet, segmenter, vgg, xception_small\n",
        "  model=mine: Mine.\n",
        "    depth: 3                                # blocks: 1, 2 or 3\\u202e\n",
        "    conv: conv2d                            # conv2d or separable\n",
        "    words: '#'\n",
        "    block: {size: {a: 1}}                   # of both\n",
    ):
        assert words in text
    assert comments_of(model)["block.size"] == "inside"
