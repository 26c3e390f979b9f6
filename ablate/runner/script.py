"""The script that runs a study by `ablate.run`: the command of the study ends when it does.

The command runs in a process of its own, in a session of its own, so nothing of what ends the
script reaches it. It therefore looks from time to time whether the script is still running.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict

from ablate.process import stop
from ablate.store.lock import Holder
from ablate.store.schema import decode, parse_json

SCRIPT = "ABLATE_SCRIPT"
"""The environment variable that names the process of the script."""
LOOK_SECONDS = 0.5


def environment_of_command() -> Mapping[str, str]:
    """The environment for a command that ends when this process does."""
    return {**os.environ, SCRIPT: json.dumps(asdict(Holder.here()))}


def stop_with_script() -> None:
    """Stop this process, as SIGTERM does, as soon as the script that started it has ended.

    Does nothing if no script did.
    """
    # Processes that this one starts must not see it: they end with this one.
    named = os.environ.pop(SCRIPT, "")
    if not named:
        return
    script: Holder = decode(parse_json(named.encode()), Holder)
    threading.Thread(target=_stop_after, args=(script,), daemon=True).start()


def _stop_after(script: Holder) -> None:
    while script.is_running is not False:
        time.sleep(LOOK_SECONDS)
    stop.terminate()
