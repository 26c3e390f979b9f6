"""What `python -m ablate.new` does: write a model, a study and a data file that train."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from pathlib import Path

from ablate.config.locate import shipped_folder
from ablate.errors import RequestError
from ablate.study.study import SINGLE
from ablate.wording import enumeration, terminal_line

USAGE = """\
Write a model, a study and a data file to start from. They train as they are; change what you like.

  python -m ablate.new NAME     NAME.py and the files NAME.yaml in experiments/model, data and study
"""

CODE = '''\
"""A model whose parts can be switched, for the study NAME."""

import keras


def build(input_shape, classes, *, norm=True, dropout=True, filters=(16, 32)):
    """The model for images of input_shape, such as (8, 8, 1), with values from 0 to 1.

    Each keyword is a key of experiments/model/NAME.yaml. Layers that have the same name in two
    variants start from equal weights.
    """
    inputs = keras.Input(input_shape)
    x = inputs
    for number, channels in enumerate(filters):
        # Batch normalization removes a bias; without normalization the convolution has one.
        conv = keras.layers.Conv2D(
            channels, 3, padding="same", use_bias=not norm, name=f"conv_{number}"
        )
        x = conv(x)
        if norm:
            x = keras.layers.BatchNormalization(momentum=0.9, name=f"norm_{number}")(x)
        x = keras.layers.Activation("relu", name=f"relu_{number}")(x)
        x = keras.layers.MaxPooling2D(padding="same", name=f"pool_{number}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    if dropout:
        x = keras.layers.Dropout(0.25, name="dropout")(x)
    outputs = keras.layers.Dense(classes, activation="softmax", name="classes")(x)
    return keras.Model(inputs, outputs)
'''

MODEL = """\
# The full model: the function that builds it, and its keywords with the values of the full model.
_target_: NAME.build   # in NAME.py
norm: true             # whether each convolution is normalized
dropout: true          # whether a quarter of the features is dropped in training
filters: [16, 32]      # channels of each convolution; each of them halves the image
"""

DATA = """\
# The images: scikit-learn's handwritten digits, so that the study trains as it is. For your own,
# write one of these instead, or choose data on the command line:
#
#   defaults: [npz]            # an archive with x_train, y_train, x_test and y_test
#   path: images.npz
#
#   defaults: [image_folder]   # a folder with one folder of photographs for each class
#   path: photographs
#   image_size: [64, 64]       # height, width
defaults: [digits]
split_seed: 0   # which images are in which part; the same for all runs of a study
"""

STUDY = """\
# Which parts of the model NAME are needed?
#
#   COMMAND
#
# Add plan_only=true to see the plan first, and --help instead of --multirun for all keys.
question: Are normalization and dropout needed?
design: full_factorial   # every combination; leave_one_out: the full model, then each part removed
replicates: 3            # runs of each cell, with the seeds 0, 1 and 2; 5 or more for an answer
margin: 0.01             # a difference of one point of test accuracy is too small to matter

# What is the same in all cells, as on the command line, which takes precedence.
model: NAME
data: NAME
recipe: {epochs: 5, batch_size: 64, learning_rate: 0.003}

# What is compared: the parts. The first level of each is that of the full model.
factors:
  norm: model.norm       # a key that is true or false; without it, it is false
  dropout: model.dropout
#  width:                # a factor with levels of your own
#    wide: model.filters=[16,32]
#    narrow: model.filters=[8,16]
"""


def main(arguments: list[str] | None = None) -> None:
    """Write the files of a study to the working directory.

    Args:
        arguments: The name; those of the command line if None.

    Raises:
        SystemExit: Always: 0 if the files are written, 2 if refused.
    """
    given = sys.argv[1:] if arguments is None else arguments
    if not given or {"-h", "--help"} & set(given):
        print(USAGE, end="")
        raise SystemExit(0 if given else 2)
    try:
        files = _files(given)
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            with file.open("x", encoding="utf-8") as stream:
                stream.write(content)
    except (RequestError, OSError) as error:
        print(f"ablate: {terminal_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    print(f"Wrote {enumeration(list(map(str, files)), most=len(files))}. To train the study:")
    print(f"  {_command(given[0])}")
    raise SystemExit(0)


def _command(name: str) -> str:
    return f"python -m ablate --multirun study={name} 'allow=[{name}]'"


def _files(arguments: list[str]) -> dict[Path, str]:
    """The files and their contents, none of which exists."""
    if len(arguments) != 1:
        raise RequestError(f"Expected one name; received {' '.join(arguments)}.")
    name = arguments[0]
    if not re.fullmatch(r"[a-z]\w{0,49}", name, re.ASCII) or keyword.iskeyword(name):
        raise RequestError(
            f"Expected the name of a Python module, of small letters, digits and '_'; received "
            f"{name!r}."
        )
    own = Path("experiments")
    files = {
        Path(f"{name}.py"): CODE,
        own / "model" / f"{name}.yaml": MODEL,
        own / "data" / f"{name}.yaml": DATA,
        own / "study" / f"{name}.yaml": STUDY,
    }
    _refuse_taken_name(name, list(files))
    return {
        file: content.replace("COMMAND", _command(name)).replace("NAME", name)
        for file, content in files.items()
    }


def _refuse_taken_name(name: str, files: list[Path]) -> None:
    for file in files:
        if file.exists() or file.is_symlink():
            raise RequestError(f"Expected a new name; {file} exists.")
        shipped = (shipped_folder(folder) for folder in ("conf", "experiments"))
        if any((folder / file.parent.name / file.name).is_file() for folder in shipped):
            raise RequestError(f"Expected a name that ablate does not use; received {name!r}.")
    if name == SINGLE or importlib.util.find_spec(name) is not None:
        raise RequestError(
            f"Expected a name that no installed package and no module has; received {name!r}."
        )
