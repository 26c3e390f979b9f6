"""The code part of a run's identity: what its variant reaches, and nothing else."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest import param

from ablate.config.locate import PACKAGE
from ablate.config.recipe import Recipe
from ablate.config.variant import Variant
from ablate.errors import RequestError
from ablate.process import stop
from ablate.store import identity
from ablate.store.identity import SourceReader, kind_of, library_versions

DIGITS = {"_target_": "ablate.data.digits.load_digits"}
VARIANT = Variant({"_target_": "ablate.models.convnet.build"}, DIGITS, Recipe())
BACKENDS = ("tensorflow", "jax")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of this program's code that a test may edit."""
    copy = tmp_path / "ablate"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def read(package: Path, variant: Variant = VARIANT, backend: str = "tensorflow") -> dict[str, str]:
    reader = SourceReader(backend, package=package)
    return dict(reader.read(variant, task="classification")[1])


def add(name: str) -> Callable[[Path], None]:
    def edit(package: Path) -> None:
        (package / name).write_text('"""A new module."""\n\nx = 1\n')

    return edit


def append(name: str, text: str) -> Callable[[Path], None]:
    def edit(package: Path) -> None:
        with (package / name).open("a", encoding="utf-8") as file:
            file.write(text)

    return edit


def substitute(name: str, before: str, after: str) -> Callable[[Path], None]:
    def edit(package: Path) -> None:
        text = (package / name).read_text(encoding="utf-8")
        assert before in text
        (package / name).write_text(text.replace(before, after), encoding="utf-8")

    return edit


NO_CHANGE = [
    param(add("data/mine.py"), id="new_data_set"),
    param(add("tasks/mine.py"), id="new_task"),
    param(add("models/mine.py"), id="new_model"),
    param(add("report/mine.py"), id="new_file_of_the_report"),
    param(append("training/tensorflow.py", "# a comment\n"), id="comment_in_the_engine"),
    param(append("training/tensorflow.py", '"""A remark."""\n'), id="docstring_in_the_engine"),
    param(
        substitute("training/tensorflow.py", "import math\n", "import  math;\n"),
        id="formatting_of_the_engine",
    ),
    param(append("training/jax.py", "x = 1\n"), id="engine_of_the_other_backend"),
    param(append("models/macs.py", "x = 1\n"), id="counting_of_macs"),
    param(append("report/page.py", "x = 1\n"), id="report"),
    param(append("analysis/effects.py", "x = 1\n"), id="analysis"),
    param(append("store/folder.py", "x = 1\n"), id="store"),
    param(append("data/npz.py", "x = 1\n"), id="data_set_that_is_not_used"),
    param(append("wording.py", "x = 1\n"), id="wording_of_messages"),
    param(append("__init__.py", "x = 1\n"), id="version_of_the_program"),
]
CHANGE = [
    param("tasks/classification.py", id="task"),
    param("training/trainer.py", id="trainer"),
    param("training/tensorflow.py", id="engine"),
    param("training/reset.py", id="weights_of_a_fresh_model"),
    param("models/convnet.py", id="builder_of_the_model"),
    param("seeds.py", id="random_streams"),
    param("config/recipe.py", id="recipe"),
    param("data/images.py", id="images"),
]


@pytest.mark.parametrize("edit", NO_CHANGE)
def test_an_edit_without_effect_changes_nothing(
    package: Path, edit: Callable[[Path], None]
) -> None:
    before = read(package)
    edit(package)
    assert read(package) == before


@pytest.mark.parametrize("name", CHANGE)
def test_an_edit_of_what_trains_a_run_is_noticed(package: Path, name: str) -> None:
    before = read(package)
    append(name, "x = 1\n")(package)
    after = read(package)
    assert [key for key in after if after[key] != before.get(key)] == [f"ablate/{name}"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_but_the_training_code_is_reached(backend: str) -> None:
    reached = [name for name in read(PACKAGE, backend=backend) if name.endswith(".py")]
    assert f"ablate/training/{backend}.py" in reached
    packages = {name.split("/")[1] for name in reached}
    allowed = {"config", "data", "models", "seeds.py", "study", "tasks", "training", "workers"}
    assert packages <= allowed
    assert {name for name in reached if "/workers/" in name} <= {
        "ablate/workers/__init__.py",
        "ablate/workers/cell_trainer.py",
        "ablate/workers/keras_cell_trainer.py",
    }


def test_versions_that_can_change_a_result_are_listed() -> None:
    libraries = {name for name in read(PACKAGE) if not name.endswith(".py")}
    assert {"python", "keras", "numpy"} <= libraries
    assert libraries <= {"python", "keras", "numpy", "tensorflow", "tensorflow-cpu", "oneDNN"}


def test_the_builder_that_a_removal_names_is_part_of_the_identity(package: Path) -> None:
    model = {"_target_": "ablate.models.removal.build", "of": "ablate.models.vgg.build"}
    reached = read(package, Variant(model, DIGITS, Recipe()))
    assert {"ablate/models/removal.py", "ablate/models/vgg.py"} <= reached.keys()
    with pytest.raises(RequestError, match="add 'allow=\\[mine\\]'"):
        read(package, Variant({**model, "of": "mine.build"}, DIGITS, Recipe()))


def test_two_models_reach_different_code(package: Path) -> None:
    add("models/mine.py")(package)
    mine = Variant({"_target_": "ablate.models.mine.build"}, DIGITS, Recipe())
    reader = SourceReader("tensorflow", package=package)
    first, _ = reader.read(VARIANT, task="classification")
    other, sources = reader.read(mine, task="classification")
    assert first != other
    assert "ablate/models/mine.py" in sources
    assert "ablate/models/convnet.py" not in sources


IMPORTS = [
    param("import ablate.models.mine", id="module"),
    param("from ablate.models import mine", id="name_of_a_package"),
    param("from ablate.models.mine import x", id="name_of_a_module"),
    param("from . import mine", id="relative"),
    param("from .mine import x", id="relative_name"),
    param("from ..models import mine", id="relative_to_the_parent"),
    param("def late():\n    from ablate.models import mine", id="inside_a_function"),
]


def test_what_tensorflow_computes_with_is_part_of_the_identity(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, sources = SourceReader("tensorflow", package=package).read(VARIANT, task="classification")
    assert sources["oneDNN"] == "on"
    monkeypatch.setitem(identity.SETTINGS, "tensorflow", {"oneDNN": "off"})
    other, _ = SourceReader("tensorflow", package=package).read(VARIANT, task="classification")
    assert code != other
    assert "oneDNN" not in read(package, backend="jax")


@pytest.mark.parametrize(
    ("backend", "name"),
    [(backend, name) for backend, names in identity.PRECISION.items() for name in names],
)
def test_a_precision_that_the_environment_sets_is_part_of_the_identity(
    monkeypatch: pytest.MonkeyPatch, backend: str, name: str
) -> None:
    monkeypatch.delenv(name, raising=False)
    default = library_versions(backend)
    monkeypatch.setenv(name, "")
    assert library_versions(backend) == default
    monkeypatch.setenv(name, "1")
    assert library_versions(backend) == {**default, name: "1"}
    assert kind_of(name) == "environment variable"


def test_how_the_same_numbers_are_computed_is_no_part_of_the_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    default = library_versions("jax")
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/tmp/dump")
    assert library_versions("jax") == default


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        param("ablate/models/convnet.py", "code", id="code"),
        param("weights.h5", "file", id="file"),
        param("/data/weights", "file", id="file_without_an_ending"),
        param("tensorflow-cpu", "library", id="library"),
        param("oneDNN", "library", id="setting_of_a_library"),
    ],
)
def test_each_source_has_its_kind(source: str, kind: str) -> None:
    assert kind_of(source) == kind


@pytest.mark.parametrize("statement", IMPORTS)
def test_every_form_of_import_is_followed(package: Path, statement: str) -> None:
    add("models/mine.py")(package)
    append("models/convnet.py", f"\n{statement}\n")(package)
    assert "ablate/models/mine.py" in read(package)


def test_an_import_for_type_checkers_is_not_followed(package: Path) -> None:
    before = read(package)
    add("models/mine.py")(package)
    text = "import typing\nif typing.TYPE_CHECKING:\n    from ablate.models import mine\n"
    append("models/convnet.py", text)(package)
    assert read(package).keys() == before.keys()


@pytest.fixture
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of a user's own, with files that editors and systems left in it."""
    folder = tmp_path / "theirs_too"
    (folder / "parts").mkdir(parents=True)
    for name in ("__init__.py", "parts/layers.py"):
        (folder / name).write_text("x = 1")
    (folder / ".#layers.py").symlink_to("someone@somewhere.1234")
    (folder / ".ipynb_checkpoints").mkdir()
    for name in ("._layers.py", ".ipynb_checkpoints/layers-checkpoint.py"):
        (folder / name).write_text("x = 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def of_theirs() -> Variant:
    return Variant({"_target_": "theirs_too.parts.build"}, DIGITS, Recipe(), ("theirs_too",))


def test_all_files_of_a_users_package_count(theirs: Path) -> None:
    before = read(PACKAGE, of_theirs())
    own = [name for name in before if name.startswith("theirs_too")]
    assert own == ["theirs_too/__init__.py", "theirs_too/parts/layers.py"]
    (theirs / "parts" / "layers.py").write_text("x = 2  # changed")
    after = read(PACKAGE, of_theirs())
    assert [name for name in before if before[name] != after[name]] == [own[1]]
    (theirs / "parts" / "layers.py").write_text("x = 2")
    assert read(PACKAGE, of_theirs()) == after


def test_a_users_package_reaches_our_modules(theirs: Path) -> None:
    assert "ablate/models/convnet.py" not in read(PACKAGE, of_theirs())
    (theirs / "parts" / "layers.py").write_text("from ablate.models import convnet")
    assert "ablate/models/convnet.py" in read(PACKAGE, of_theirs())


def test_a_file_that_is_no_python_counts_as_it_is(theirs: Path) -> None:
    file = theirs / "template.py"
    file.write_text("{{ name }} = ")
    before = read(PACKAGE, of_theirs())
    file.write_text("{{ name }} = 1 1")
    assert read(PACKAGE, of_theirs()) != before


def test_code_that_cannot_be_found_is_refused() -> None:
    variant = Variant({"_target_": "not_there.build"}, DIGITS, Recipe(), ("not_there",))
    with pytest.raises(RequestError, match="Cannot find the code of the module 'not_there'"):
        read(PACKAGE, variant)


def naming(path: Path) -> Variant:
    """A variant whose model names a file."""
    return Variant({**VARIANT.model, "weights": str(path)}, DIGITS, Recipe())


def test_a_file_that_is_named_counts_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.h5"
    file.write_bytes(b"weights")
    checks: list[None] = []
    monkeypatch.setattr(identity, "PIECE_BYTES", 2)
    monkeypatch.setattr(stop, "check", lambda: checks.append(None))
    found = read(PACKAGE, naming(file))[str(file)]
    assert found == hashlib.blake2s(b"weights", digest_size=8).hexdigest()
    assert len(checks) == 4


def test_a_signal_stops_the_reading_of_a_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped() -> None:
        raise stop.StopError(143)

    file = tmp_path / "a.h5"
    file.write_bytes(b"weights")
    monkeypatch.setattr(stop, "check", stopped)
    with pytest.raises(stop.StopError):
        read(PACKAGE, naming(file))


@pytest.mark.parametrize("name", ["pagemap", "maps"])
def test_a_file_without_an_end_is_not_read(name: str) -> None:
    file = Path("/proc/self") / name
    assert read(PACKAGE, naming(file))[str(file)] == hashlib.blake2s(digest_size=8).hexdigest()


def test_a_file_too_large_to_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.h5"
    file.touch()
    os.truncate(file, identity.MOST_BYTES + 1)  # without a byte on the disk
    with pytest.raises(RequestError, match=r"at most 10,000,000,000 bytes; received .*a\.h5"):
        read(PACKAGE, naming(file))
