"""What guessing and a linear model score on the synthetic scenes: python -m benchmarks.scenes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score, f1_score, jaccard_score
from sklearn.multiclass import OneVsRestClassifier

from ablate.data.images import Images, Split
from ablate.data.scenes import TASKS, load
from ablate.tasks.boxes import box_iou
from ablate.tasks.task import describe, prepare

REACH = 2
"""Pixels to each side that the linear model of a segmentation sees."""
PIXELS = 40_000
"""Training pixels of that model, drawn at random."""

table = Path(__file__).parent / "scores.csv"


def pixels_of(part: Split) -> np.ndarray:
    """All values of each image in a row, in [0, 1]."""
    return part.x.reshape(len(part.x), -1).astype(np.float32) / 255


def windows_of(part: Split) -> np.ndarray:
    """The square of pixels around each pixel in a row, in [0, 1]."""
    side = 2 * REACH + 1
    padded = np.pad(part.x, ((0, 0), (REACH, REACH), (REACH, REACH), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    return windows.reshape(part.y.size, -1).astype(np.float32) / 255


def linear() -> LogisticRegression:
    return LogisticRegression(C=0.01, max_iter=1000)


def classification(images: Images) -> dict[str, float]:
    model = linear().fit(pixels_of(images.train), images.train.y)
    return {"accuracy": model.score(pixels_of(images.test), images.test.y)}


def multilabel(images: Images) -> dict[str, float]:
    model = OneVsRestClassifier(linear()).fit(pixels_of(images.train), images.train.y)
    scores = model.predict_proba(pixels_of(images.test))
    return {
        "macro_f1": f1_score(images.test.y, scores > 0.5, average="macro", zero_division=0),
        "mean_average_precision": average_precision_score(images.test.y, scores),
    }


def segmentation(images: Images) -> dict[str, float]:
    labels = images.train.y.ravel()
    chosen = np.random.default_rng(0).choice(labels.size, PIXELS, replace=False)
    model = linear().fit(windows_of(images.train)[chosen], labels[chosen])
    found = model.predict(windows_of(images.test))
    truth = images.test.y.ravel()
    return {
        "mean_iou": jaccard_score(truth, found, average="macro"),
        "pixel_accuracy": float((truth == found).mean()),
    }


def boxes(images: Images) -> dict[str, float]:
    train, test = pixels_of(images.train), pixels_of(images.test)
    edges = Ridge(alpha=100).fit(train, images.train.y[:, :4]).predict(test)
    labels = linear().fit(train, images.train.y[:, 4])
    return {
        "mean_iou": float(box_iou(images.test.y, edges, ops=np).mean()),
        "accuracy": labels.score(test, images.test.y[:, 4]),
    }


LINEAR = {
    "classification": classification,
    "multilabel": multilabel,
    "segmentation": segmentation,
    "boxes": boxes,
}


def main() -> None:
    rows = []
    for task in TASKS:
        images = prepare(load(task=task))
        guessing = describe(images).guessing
        for measure, score in LINEAR[task](images).items():
            known = guessing[f"test_{measure}"]
            rows.append({"task": task, "measure": measure, "guessing": known, "linear": score})
            print(f"{task:15} {measure:24} guessing {known:.3f}   linear {score:.3f}", flush=True)
    pd.DataFrame(rows).to_csv(table, index=False, float_format="%.4f")


if __name__ == "__main__":
    sys.exit(main())
