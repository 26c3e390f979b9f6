"""What `--version` of every command prints."""

from __future__ import annotations

import importlib.metadata
import platform

from ablate import __version__

LIBRARIES = {
    "Keras": ("keras",),
    "TensorFlow": ("tensorflow", "tensorflow-cpu"),
    "JAX": ("jax",),
    "MLflow": ("mlflow", "mlflow-skinny"),
    "Hydra": ("hydra-core",),
}
"""The distributions that may hold a library, by its name."""


def print_version() -> None:
    """Print the version of the program, of Python, and of the libraries that are installed."""
    print(f"ablate {__version__}")
    found = [f"Python {platform.python_version()}"]
    for name, distributions in LIBRARIES.items():
        versions = filter(None, map(_version, distributions))
        found += [f"{name} {version}" for version in list(versions)[:1]]
    print(", ".join(found))


def _version(distribution: str) -> str:
    """The version of an installed distribution, which is not imported; empty if there is none."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
