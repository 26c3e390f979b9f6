"""Whether the Hydra application that runs is `python -m ablate`."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.errors import CompactHydraException

from ablate.config.locate import shipped_folder


def is_own_application(search_path: ConfigSearchPath) -> bool:
    """Whether the application's own configuration is that of this program."""
    main = [item.path for item in search_path.get_path() if item.provider == "main"]
    return main == [str(shipped_folder("conf"))]


def check_application(search_path: ConfigSearchPath, *, plugin: str, instead: str) -> None:
    """Check that no other application uses a plugin of this program.

    Hydra offers the plugins of all installed packages to every application.

    Args:
        search_path: The search path of the application.
        plugin: The plugin, as an override.
        instead: What the application can use.

    Raises:
        CompactHydraException: It is another application. Hydra prints the message and exits.
    """
    if not is_own_application(search_path):
        raise CompactHydraException(
            f"{plugin} trains the studies of `python -m ablate` and nothing else; this is another "
            f"application. Nearest choice: {instead}."
        )
