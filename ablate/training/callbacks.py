"""Callbacks of Keras in the trainer's own loop, with their state as arrays for a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from ablate.errors import RequestError, nearest
from ablate.training.engine import StepHooks

BATCH = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
UNSUPPORTED = ("on_test_batch_begin", "on_test_batch_end")
FOREIGN = ("params", "_model")
"""Attributes of every callback that say where it is used."""


class Callbacks:
    """The callbacks of one run.

    They see what they see in `model.fit`: the same calls in the same order, with the same numbers.
    """

    def __init__(self, callbacks: Sequence[Any], model: keras.Model, *, epochs: int, steps: int):
        self._callbacks, self._model = callbacks, model
        for callback in callbacks:
            callback.set_params({"verbose": 0, "epochs": epochs, "steps": steps})
            callback.set_model(model)

    def __bool__(self) -> bool:
        return bool(self._callbacks)

    @property
    def stopped(self) -> bool:
        """Whether a callback has ended the training."""
        return bool(self._callbacks) and bool(self._model.stop_training)

    def begin(self) -> None:
        """Start a run."""
        self._model.stop_training = False
        self._call("on_train_begin", {})

    def begin_epoch(self, epoch: int) -> None:
        """Start an epoch, counted from 1."""
        self._call("on_epoch_begin", epoch - 1, {})

    def begin_validation(self) -> None:
        """Start judging the validation images."""
        self._call("on_test_begin", {})

    def check_monitors(self, numbers: Mapping[str, float]) -> None:
        """Check that callbacks watch numbers that an epoch gives; others would do nothing.

        Raises:
            RequestError: One watches another number.
        """
        for callback in self._callbacks:
            monitor = getattr(callback, "monitor", None)
            if monitor is not None and monitor not in numbers:
                raise RequestError(
                    f"Unknown monitor {monitor!r} of {type(callback).__name__} in "
                    f"recipe.callbacks.{nearest(str(monitor), numbers)}"
                )

    def end_epoch(self, epoch: int, numbers: Mapping[str, float]) -> None:
        """End an epoch, after the validation images were judged."""
        own = {name[4:]: value for name, value in numbers.items() if name.startswith("val_")}
        self._call("on_test_end", own)
        self._call("on_epoch_end", epoch - 1, dict(numbers))

    def end(self, numbers: Mapping[str, float]) -> None:
        """End a run; a callback may change the model here for the last time."""
        self._call("on_train_end", dict(numbers))

    def hooks(self) -> StepHooks | None:
        """What is called at each step; None if no callback needs the steps."""
        return _Steps(self._callbacks) if needs_steps(self._callbacks) else None

    def state(self) -> list[NDArray[Any]]:
        """Everything that the callbacks remember, as arrays that `restore` reads."""
        if not self._callbacks:
            return []
        arrays: list[NDArray[Any]] = []
        held = [
            {"set_up": _is_set_up(callback), "memory": _encode(_memory(callback), arrays)}
            for callback in self._callbacks
        ]
        text = json.dumps({"stopped": self.stopped, "callbacks": held})
        return [np.frombuffer(text.encode(), np.uint8), *arrays]

    def fits(self, state: Sequence[NDArray[Any]]) -> bool:
        """Whether `restore` can read a state: one of as many callbacks, and nothing else."""
        if not self._callbacks or not state:
            return not self._callbacks and not state
        text, *arrays = state
        try:
            content = json.loads(text.tobytes())
            memories = [_decode(each["memory"], arrays) for each in content["callbacks"]]
            known = isinstance(content["stopped"], bool) and all(
                isinstance(each["set_up"], bool) for each in content["callbacks"]
            )
        except (ValueError, LookupError, TypeError, RecursionError):
            return False
        return known and len(memories) == len(self._callbacks) and all(map(_is_memory, memories))

    def restore(self, state: Sequence[NDArray[Any]]) -> None:
        """Let the callbacks remember what `state` returned; begins a run that was interrupted."""
        if not self._callbacks:
            return
        text, *arrays = state
        content = json.loads(text.tobytes())
        for callback, held in zip(self._callbacks, content["callbacks"], strict=True):
            if held["set_up"]:
                callback._set_monitor_op()  # it changes what it finds, so it comes first
            own = _memory(callback)
            for key, value in _decode(held["memory"], arrays).items():
                if key in own or not hasattr(callback, key):
                    setattr(callback, key, value)
        self._model.stop_training = bool(content["stopped"])

    def _call(self, name: str, *arguments: Any) -> None:
        for callback in self._callbacks:
            getattr(callback, name)(*arguments)


class _Steps:
    """Calls the callbacks at each step."""

    def __init__(self, callbacks: Sequence[Any]) -> None:
        self._callbacks = callbacks

    def begin(self, step: int) -> None:
        for callback in self._callbacks:
            callback.on_train_batch_begin(step, {})

    def end(self, step: int, numbers: Mapping[str, float]) -> None:
        for callback in self._callbacks:
            callback.on_train_batch_end(step, dict(numbers))


def needs_steps(callbacks: Sequence[Any]) -> bool:
    """Whether a callback does something at each step."""
    return any(_overrides(callback, name) for callback in callbacks for name in BATCH)


def check_callbacks(callbacks: Sequence[Any]) -> tuple[str, ...]:
    """What a user must know of callbacks: a sentence on each that costs time or exactness.

    Raises:
        RequestError: A callback needs what the trainer does not offer.
    """
    sentences = []
    for callback in callbacks:
        name = type(callback).__name__
        for method in UNSUPPORTED:
            if _overrides(callback, method):
                raise RequestError(
                    f"Expected callbacks of the training, its epochs and its steps; received "
                    f"{name}, which needs {method}."
                )
        if needs_steps([callback]):
            sentences.append(
                f"Callback {name} is called at each step, so that the steps of an epoch run one by "
                f"one, which takes longer."
            )
        lost = sorted(key for key, value in _memory(callback).items() if not _is_plain(value))
        if lost:
            sentences.append(
                f"Callback {name} keeps {', '.join(lost)}, which no checkpoint can hold: an "
                f"interrupted run is resumed without it. Plain numbers, text, lists, mappings and "
                f"arrays are kept."
            )
    return tuple(sentences)


def _is_set_up(callback: Any) -> bool:
    """Whether one of Keras' monitors has chosen how it compares; it does so at its first epoch."""
    return getattr(callback, "monitor_op", None) is not None


def _overrides(callback: Any, name: str) -> bool:
    return getattr(type(callback), name) is not getattr(keras.callbacks.Callback, name)


def _memory(callback: Any) -> dict[str, Any]:
    """The attributes of a callback that a run may change; functions are made with it."""
    return {
        key: value
        for key, value in vars(callback).items()
        if key not in FOREIGN and not callable(value)
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind in "biufc"
    return value is None or isinstance(value, bool | int | float | str)


def _is_memory(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def _encode(value: Any, arrays: list[NDArray[Any]]) -> Any:
    """A value as JSON, its arrays appended to a list; what cannot be held is left out."""
    if isinstance(value, Mapping):
        return {key: _encode(each, arrays) for key, each in value.items() if _is_plain(each)}
    if isinstance(value, list | tuple):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {f"<{kind}>": [_encode(each, arrays) for each in value if _is_plain(each)]}
    if isinstance(value, np.ndarray | np.generic):
        arrays.append(np.array(value))
        return {"<array>": len(arrays) - 1, "<scalar>": isinstance(value, np.generic)}
    return value


def _decode(value: Any, arrays: Sequence[NDArray[Any]]) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "<array>" in value:
        array = np.array(arrays[value["<array>"]])
        return array[()] if value["<scalar>"] else array
    for kind, make in (("<list>", list), ("<tuple>", tuple)):
        if kind in value:
            return make(_decode(each, arrays) for each in value[kind])
    return {key: _decode(each, arrays) for key, each in value.items()}
