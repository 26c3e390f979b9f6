"""The provenance of results: the backend, versions, commit and machine of the planning process."""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
from collections.abc import Mapping

from ablate import __version__
from ablate.errors import RequestError
from ablate.process import stop
from ablate.store.identity import (
    LIBRARIES,
    PRECISION,
    SETTINGS,
    library_version,
    variables_set,
)
from ablate.store.plan import PROGRAM
from ablate.wording import own_command

LAST_DIGITS: Mapping[str, tuple[str, ...]] = {
    "tensorflow": (
        "ONEDNN_MAX_CPU_ISA",
        "TF_CUDNN_DETERMINISTIC",
        "TF_DETERMINISTIC_OPS",
        "TF_XLA_FLAGS",
        "XLA_FLAGS",
    ),
    "jax": ("JAX_DISABLE_JIT", "XLA_FLAGS"),
}
"""Environment variables that change how a backend computes the same numbers.

As with another processor, the last digits may differ; so they are no part of the identity.
"""


def find_backend() -> str:
    """The Keras backend to train with: KERAS_BACKEND if it is set, else the installed one.

    Raises:
        RequestError: None is installed, or KERAS_BACKEND names another one.
    """
    asked = os.environ.get("KERAS_BACKEND")
    if asked is not None and asked not in LIBRARIES:
        raise RequestError(f"Expected KERAS_BACKEND to be tensorflow or jax; received {asked!r}.")
    for name in LIBRARIES if asked is None else (asked,):
        if importlib.util.find_spec(name) is not None:
            return name
    raise RequestError(
        f"No Keras backend is installed (looked for {asked or 'tensorflow and jax'}). Install "
        f"ablate-study[{'jax' if asked == 'jax' else 'cpu'}]."
    )


def provenance(backend_name: str) -> dict[str, str]:
    """Versions, commit and machine, as text."""
    of_backend = () if backend_name == PROGRAM else ("keras", *LIBRARIES[backend_name], "numpy")
    libraries = (*of_backend, "hydra-core", "mlflow")
    versions = {name: library_version(name) for name in libraries}
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "ablate": __version__,
        "python": platform.python_version(),
        **{name: version for name, version in versions.items() if version},
        "backend": backend_name,
        **({} if backend_name == PROGRAM else _settings(backend_name)),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0))),
        "git_commit": commit or "none",
        "git_dirty": "unknown" if changed is None else str(bool(changed)).lower(),
        "command": own_command(),
    }


def _settings(backend_name: str) -> dict[str, str]:
    """What changes how a backend computes."""
    variables = (*PRECISION[backend_name], *LAST_DIGITS[backend_name])
    return {**SETTINGS[backend_name], **variables_set(variables)}


def _git(*arguments: str) -> str | None:
    """The answer of git in the working directory; None without git or outside a checkout."""
    try:
        answer = stop.call(
            lambda: subprocess.run(
                ["git", *arguments], capture_output=True, text=True, timeout=20, check=True
            )
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
