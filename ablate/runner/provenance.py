"""Where results come from: versions, commit, and the code that can change a result."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ablate import __version__
from ablate.config import PACKAGE, Variant, own_command
from ablate.locate import TRUSTED, check_target
from ablate.study import Refusal

TRAINING_CODE = ("models", "data", "training", "seeds.py", "recipe.py", "variant.py")
LIBRARIES = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",)}


def backend() -> str:
    """The Keras backend to train with: what KERAS_BACKEND says, else what is installed.

    Raises:
        Refusal: None is installed, or another one is asked for.
    """
    asked = os.environ.get("KERAS_BACKEND")
    if asked is not None and asked not in LIBRARIES:
        raise Refusal(f"Expected KERAS_BACKEND to be tensorflow or jax; received {asked!r}.")
    for name in LIBRARIES if asked is None else (asked,):
        if importlib.util.find_spec(name) is not None:
            return name
    raise Refusal(
        f"Expected {asked or 'tensorflow or jax'} to be installed; found nothing of it. "
        f"Install ablate-study[{'jax' if asked == 'jax' else 'cpu'}]."
    )


def sources(variants: Iterable[Variant], backend_name: str) -> dict[str, str]:
    """Everything outside the configuration and the images that can change a result.

    That is the code that builds, reads and trains and the modules that the variants name, a digest
    a file, and the versions of Keras, NumPy and the backend. Reports and documentation do not
    count.
    """
    found = {name: _digest(file) for name, file in sorted(_training_files(variants).items())}
    libraries = ("keras", "numpy", *LIBRARIES[backend_name])
    return found | {name: version for name in libraries if (version := _version(name))}


def provenance(backend_name: str) -> dict[str, str]:
    """Versions, commit and machine, as text."""
    libraries = ("keras", *LIBRARIES[backend_name], "numpy", "hydra-core", "mlflow")
    versions = {name: _version(name) for name in libraries}
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "ablate": __version__,
        "python": platform.python_version(),
        **{name: version for name, version in versions.items() if version},
        "backend": backend_name,
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0))),
        "git_commit": commit or "none",
        "git_dirty": "unknown" if changed is None else str(bool(changed)).lower(),
        "command": own_command(),
    }


def _digest(file: Path) -> str:
    try:
        return hashlib.blake2s(file.read_bytes(), digest_size=8).hexdigest()
    except OSError as error:
        raise Refusal(f"Cannot read {file}, the code of a model: {error.strerror}.") from error


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
        raise Refusal(f"Cannot find the code of the module {module!r} that a _target_ names.")
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return {origin.name: origin}
    return {
        str(file.relative_to(origin.parent.parent)): file
        for file in origin.parent.rglob("*.py")
        # Not what editors and systems leave beside the files; no name imports it.
        if not any(part.startswith(".") for part in file.relative_to(origin.parent).parts)
    }


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _git(*arguments: str) -> str | None:
    """What git says of the working directory; None where there is no git or no checkout."""
    try:
        answer = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
