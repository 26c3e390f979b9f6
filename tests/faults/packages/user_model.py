"""A user's own model with dropout, and a switch that makes its training fail.

Tests copy this file into a working directory, where it is a module of the user.
"""

import os
import resource
import signal
import sys
import time

import keras
import numpy as np


class UnprintableError(Exception):
    """An exception that can be neither printed nor pickled."""

    def __init__(self):
        super().__init__(lambda: "x")

    def __str__(self):
        raise RuntimeError("this exception cannot be printed")


def exceed_address_space(x):
    # The address space of this process may grow by a little; the next large array does not fit.
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 100_000_000, resource.RLIM_INFINITY))
    try:
        np.ones(1_000_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def exceed_device_memory(x):
    return keras.ops.sum(keras.ops.broadcast_to(x[:1, :1], (10**7, 10**7)))


def exceed_control_group(x):
    # More than the control group may have; the kernel then kills the largest of its processes.
    return len([bytearray(b"x") * 500_000_000 for _ in range(40)])


def raise_unprintable(x):
    raise UnprintableError


def edit_this_file(x):
    # Not while the plan is made: the code is edited once the first cell is trained.
    if os.path.exists("runs/faulty/fault=none/1/result.json"):
        with open(__file__, "a") as file:
            file.write("EDITED = True\n")


FAULTS = {
    "edit": edit_this_file,
    "late": lambda x: None,
    "all_memory": exceed_control_group,
    "none": lambda x: None,
    "raise": lambda x: int("the user's own mistake"),
    "unprintable": raise_unprintable,
    "long_message": lambda x: int("x" * 10 + "y" * 3_000_000),
    "memory": exceed_address_space,
    "device": exceed_device_memory,
    "kill": lambda x: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda x: os._exit(7),
    "sys_exit": lambda x: sys.exit("enough"),
    "exit_zero": lambda x: os._exit(0),
    "hang": lambda x: time.sleep(10_000),
}


class Failing(keras.layers.Layer):
    """Passes its input on, after something went wrong during training."""

    def __init__(self, fault, **kwargs):
        super().__init__(**kwargs)
        self.fault = fault

    def call(self, x, training=False):
        found = FAULTS[self.fault](x) if training else None
        return x if found is None else x + found

    def get_config(self):
        return {**super().get_config(), "fault": self.fault}


def build(input_shape, classes, *, fault="none", part=True):
    if os.path.exists("kill_the_builder"):
        os.remove("kill_the_builder")
        os.kill(os.getpid(), signal.SIGKILL)
    images = keras.Input(input_shape)
    x = keras.layers.Conv2D(8, 3, padding="same", name="conv")(images)
    if part:
        x = keras.layers.BatchNormalization(momentum=0.9, name="norm")(x)
    x = keras.layers.Activation("relu", name="relu")(x)
    x = keras.layers.Dropout(0.3, name="dropout")(x)
    x = Failing(fault, name="failing")(keras.layers.Flatten(name="flat")(x))
    return keras.Model(images, keras.layers.Dense(classes, activation="softmax", name="head")(x))
