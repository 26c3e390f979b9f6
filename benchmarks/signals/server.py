"""What the server of the workers imports instead of Keras."""

from __future__ import annotations

import importlib

from benchmarks.signals.stand_in import replace_keras

replace_keras()
importlib.import_module("ablate.workers.worker")
