"""The identity of a run: everything outside its configuration and data that can change its result."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable
from pathlib import Path

from ablate.config.locate import PACKAGE, TRUSTED, check_target
from ablate.config.variant import Variant
from ablate.errors import RequestError

TRAINING_CODE = ("models", "data", "training", "seeds.py", "config/recipe.py", "config/variant.py")
LIBRARIES = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",)}


def sources(variants: Iterable[Variant], backend_name: str) -> dict[str, str]:
    """Everything outside the configuration and the images that can change a result.

    That is the code that builds, reads and trains and the modules that the variants name, a digest
    a file, and the versions of Keras, NumPy and the backend. Reports and documentation do not
    count.
    """
    found = {name: _digest(file) for name, file in sorted(_training_files(variants).items())}
    libraries = ("keras", "numpy", *LIBRARIES[backend_name])
    return found | {name: version for name in libraries if (version := library_version(name))}


def _digest(file: Path) -> str:
    try:
        return hashlib.blake2s(file.read_bytes(), digest_size=8).hexdigest()
    except OSError as error:
        raise RequestError(f"Cannot read {file}, the code of a model: {error.strerror}.") from error


def _training_files(variants: Iterable[Variant]) -> dict[str, Path]:
    """Files by a name that is the same wherever the package lies."""
    files: dict[str, Path] = {}
    for name in TRAINING_CODE:
        path = PACKAGE / name
        for file in path.rglob("*.py") if path.is_dir() else [path]:
            files[str(file.relative_to(PACKAGE.parent))] = file
    for variant in variants:
        for node in (variant.model, variant.data):
            module = check_target(node.get("_target_"), variant.allow).rpartition(".")[0]
            if module.split(".")[0] not in TRUSTED:
                files.update(_sources(module))
    return files


def _sources(module: str) -> dict[str, Path]:
    """The files of the package that holds a user's module, since it may import any of them."""
    spec = importlib.util.find_spec(module.split(".")[0])
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise RequestError(f"Cannot find the code of the module {module!r} that a _target_ names.")
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return {origin.name: origin}
    return {
        str(file.relative_to(origin.parent.parent)): file
        for file in origin.parent.rglob("*.py")
        # Not what editors and systems leave beside the files; no name imports it.
        if not any(part.startswith(".") for part in file.relative_to(origin.parent).parts)
    }


def library_version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
