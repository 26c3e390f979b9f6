"""The code part of a run's identity: what its variant reaches through imports.

A variant reaches the modules of its targets, its task, its cell trainer and the engine of its
backend, and what these import, also inside functions. So a new data set, another engine or a report
changes the identity of no run, and no module that a run depends on can be forgotten. Each module
counts as the parser sees it: without comments, docstrings and formatting.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ablate.config.locate import PACKAGE, TRUSTED, check_target
from ablate.config.variant import Variant
from ablate.errors import RequestError
from ablate.process import stop
from ablate.store.plan import digest

CELL_TRAINER = "ablate.workers.keras_cell_trainer"
"""The module of what trains the seeds of a cell."""
TASKS = "ablate.tasks"
ENGINES = {"tensorflow": "ablate.training.tensorflow", "jax": "ablate.training.jax"}
"""The module of the engine of each backend; only one of them trains a run."""
LIBRARIES = {"tensorflow": ("tensorflow", "tensorflow-cpu"), "jax": ("jax",)}
"""The distributions that may hold a backend."""
SETTINGS: Mapping[str, Mapping[str, str]] = {"tensorflow": {"oneDNN": "on"}, "jax": {}}
"""What `ablate.training.library_environment` sets for each backend."""
PRECISION: Mapping[str, tuple[str, ...]] = {
    "tensorflow": ("NVIDIA_TF32_OVERRIDE", "ONEDNN_DEFAULT_FPMATH_MODE"),
    "jax": (
        "JAX_DEFAULT_MATMUL_PRECISION",
        "JAX_DEFAULT_PRNG_IMPL",
        "JAX_ENABLE_X64",
        "JAX_NUMPY_DTYPE_PROMOTION",
        "JAX_RANDOM_SEED_OFFSET",
        "JAX_THREEFRY_PARTITIONABLE",
        "NVIDIA_TF32_OVERRIDE",
    ),
}
"""Environment variables by which a user chooses the precision or the random numbers of a backend.

Those that are set are part of the identity, as `recipe.precision` is.
"""
NEUTRAL = ("ablate.errors", "ablate.fields", "ablate.process.stop", "ablate.wording")
"""Modules that check input, word messages or stop a command, and cannot change a result."""

MOST_BYTES = 10**10
"""Largest size of a file that a configuration names; Keras's own weights have 10**9 at most."""
PIECE_BYTES = 10**6
"""Bytes that are read between two safe points."""


class SourceReader:
    """Reads the sources that variants reach, each file once.

    Args:
        backend: ``tensorflow`` or ``jax``.
        package: The folder of this program's code.
    """

    def __init__(self, backend: str, *, package: Path = PACKAGE) -> None:
        self._backend, self._package = backend, package
        others = [engine for name, engine in ENGINES.items() if name != backend]
        self._excluded = {package.name, *NEUTRAL, *others}
        self._source = functools.cache(Source.read)
        self._cached_sources = functools.cache(self._sources)

    def read(self, variant: Variant, *, task: str) -> tuple[str, Mapping[str, str]]:
        """Everything besides configuration and images that can change the results of a variant.

        Args:
            variant: The variant.
            task: Name of the task of its data set.

        Returns:
            A digest of everything, and by name the digest of each file and version of each library.

        Raises:
            RequestError: A file cannot be found or read.
        """
        targets = tuple(check_target(target, variant.allow) for target in variant.targets())
        return self._cached_sources(targets, task, named_files(variant))

    def _sources(
        self, targets: tuple[str, ...], task: str, named: tuple[str, ...]
    ) -> tuple[str, Mapping[str, str]]:
        files: dict[str, Path] = {}
        roots = [CELL_TRAINER, ENGINES[self._backend], f"{TASKS}.{task}"]
        for target in targets:
            module = target.rpartition(".")[0]
            package = module.partition(".")[0]
            if package == self._package.name:
                roots.append(module)
            elif package not in TRUSTED:
                files.update(_package_files(module))
        roots += [name for path in files.values() for name in self._imports(path, "")]
        files.update(self._closure(roots))
        digests = {name: self._source(path).digest for name, path in sorted(files.items())}
        digests |= {name: file_digest(Path(name)) for name in named}
        sources = digests | library_versions(self._backend)
        return digest(sources), sources

    def _closure(self, roots: Iterable[str]) -> dict[str, Path]:
        """The files of this program's modules that some of them reach, by path in the package."""
        files: dict[str, Path] = {}
        waiting = list(roots)
        while waiting:
            module = waiting.pop()
            path = self._path(module)
            if path is None or module in self._excluded:
                continue
            name = str(path.relative_to(self._package.parent))
            if name not in files:
                files[name] = path
                waiting += self._imports(path, module)
        return files

    def _imports(self, path: Path, module: str) -> Iterator[str]:
        """The names that a file imports from this program; not all of them are modules."""
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for name, level in self._source(path).imports:
            # A relative import starts at the package that holds the module.
            parts = package.split(".")[: len(package.split(".")) + 1 - level] if level else []
            absolute = ".".join([*parts, name])
            if absolute.partition(".")[0] == self._package.name:
                yield absolute

    def _path(self, module: str) -> Path | None:
        """The file of a module of this program; None if a name is no module."""
        path = self._package.parent.joinpath(*module.split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.is_file():
                return file
        return None


def named_files(variant: Variant) -> tuple[str, ...]:
    """The files that the keys of a variant name, such as weights to load.

    Those of its data set are not among them: images are identified by their pixels.
    """
    texts = _texts([variant.model, variant.augment, variant.recipe.as_node()])
    return tuple(sorted({text for text in texts if _may_name_file(text) and _is_file(text)}))


def kind_of(source: str) -> str:
    """What a source of a variant is: code, a file that its keys name, a variable or a library."""
    if source.endswith(".py"):
        return "code"
    if _may_name_file(source):
        return "file"
    is_variable = any(source in names for names in PRECISION.values())
    return "environment variable" if is_variable else "library"


def _may_name_file(text: str) -> bool:
    """Whether a text looks like a path; a word such as `relu` names no file of the directory."""
    return bool(set(text) & set("./"))


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping | list | tuple):
        for value in node.values() if isinstance(node, Mapping) else node:
            yield from _texts(value)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or with characters that none can have
        return False


def file_digest(path: Path) -> str:
    """The digest of as many bytes as a file says it has: those of /proc have no end."""
    hasher = hashlib.blake2s(digest_size=8)
    try:
        # What has become a pipe since it was found is not waited for.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            left = _size(file.fileno(), path)
            while left > 0 and (piece := file.read(min(left, PIECE_BYTES))):
                stop.check()
                hasher.update(piece)
                left -= len(piece)
    except OSError as error:
        raise RequestError(
            f"Cannot read {path}, which the configuration names: {error.strerror}."
        ) from error
    return hasher.hexdigest()


def _size(descriptor: int, path: Path) -> int:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
        raise RequestError(
            f"Expected a regular file of at most {MOST_BYTES:,} bytes; received {path}, which the "
            f"configuration names."
        )
    return status.st_size


class Source:
    """A file as far as it can change a result.

    Attributes:
        digest: Hash of its code.
        imports: The dotted names that it imports, each with the level of a relative import.
    """

    def __init__(self, digest: str, imports: tuple[tuple[str, int], ...]) -> None:
        self.digest, self.imports = digest, imports

    @staticmethod
    def read(path: Path) -> Source:
        """The code of a file.

        Raises:
            RequestError: It cannot be read.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RequestError(
                f"Cannot read {path}, the code of a model: {error.strerror}."
            ) from error
        try:
            tree = _RemoveDocumentation().visit(ast.parse(content))
        except (SyntaxError, ValueError, RecursionError):
            return Source(_digest(content), ())  # not for this Python, so it is not imported
        return Source(_digest(ast.dump(tree).encode()), tuple(_imported_names(tree)))


class _RemoveDocumentation(ast.NodeTransformer):
    """Removes what has no effect at run time: docstrings, and blocks for type checkers."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.AST]:
        self.generic_visit(node)
        name = node.test.attr if isinstance(node.test, ast.Attribute) else None
        name = node.test.id if isinstance(node.test, ast.Name) else name
        return list(node.orelse) if name == "TYPE_CHECKING" else node


def _imported_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield base, node.level
            for alias in node.names:  # a module of the package, or what the module defines
                yield f"{base}.{alias.name}" if base else alias.name, node.level


def _digest(content: bytes) -> str:
    return hashlib.blake2s(content, digest_size=8).hexdigest()


def _package_files(module: str) -> dict[str, Path]:
    """All files of the package that holds a user's module: it may import any of them."""
    spec = importlib.util.find_spec(module.split(".")[0])
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise RequestError(f"Cannot find the code of the module {module!r} that a _target_ names.")
    origin = Path(spec.origin)
    if origin.name != "__init__.py":
        return {origin.name: origin}
    return {
        str(file.relative_to(origin.parent.parent)): file
        for file in origin.parent.rglob("*.py")
        # Editors and systems leave hidden files there, which cannot be imported.
        if not any(part.startswith(".") for part in file.relative_to(origin.parent).parts)
    }


def library_versions(backend: str) -> dict[str, str]:
    """Versions of Python and of the libraries that can change a result, by name.

    With oneDNN, TensorFlow gives other last digits, as another version of it would.
    """
    major, minor, _ = platform.python_version_tuple()
    versions = {name: library_version(name) for name in ("keras", "numpy", *LIBRARIES[backend])}
    return {
        "python": f"{major}.{minor}",
        **{name: version for name, version in versions.items() if version},
        **SETTINGS[backend],
        **variables_set(PRECISION[backend]),
    }


def variables_set(names: Iterable[str]) -> dict[str, str]:
    """The values of those environment variables that are set."""
    return {name: value for name in names if (value := os.environ.get(name))}


def library_version(distribution: str) -> str:
    """The version of an installed distribution; empty if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
