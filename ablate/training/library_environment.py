"""Environment variables that change what libraries compute, set before the libraries are imported.

TensorFlow reads once, during its import, whether it computes with oneDNN. That changes the last
digits and the speed, and by default the processor decides. This program always uses it, so that a
run is the same on every machine.
"""

from __future__ import annotations

import os
import sys

from ablate.errors import RequestError

ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
"""TensorFlow's variable for oneDNN.

Measured, CPU time of a training step without oneDNN divided by that with it, one thread: with
AVX-512, 1.3 (separable) and 2.7 (conv2d) on 8 x 8 images, 1.6 and 1.9 on 32 x 32; with AVX2 alone,
0.74 and 1.9 on 8 x 8, 1.65 and 1.4 on 32 x 32.
"""


def pin_environment(backend: str) -> None:
    """Set what libraries read during their import, for this process and those that it starts.

    Args:
        backend: ``tensorflow`` or ``jax``.
    """
    os.environ[ONEDNN] = "1"
    os.environ["KERAS_BACKEND"] = backend
    os.environ["KERAS_NNX_ENABLED"] = "0"  # a user's keras.json may ask for it
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def check_environment(backend: str) -> None:
    """Check that TensorFlow uses oneDNN, if this process had imported it before it was pinned.

    Args:
        backend: ``tensorflow`` or ``jax``.

    Raises:
        RequestError: It does not, so the results would be those of another run.
    """
    if backend != "tensorflow" or backend not in sys.modules or sys.platform != "linux":
        return
    from tensorflow.python.util._pywrap_util_port import IsMklEnabled  # no public function says it

    if not IsMklEnabled():
        raise RequestError(
            f"Expected TensorFlow with {ONEDNN}=1 in the process that trains; it was imported "
            f"without. Set the variable before the command, or use the launcher local."
        )
