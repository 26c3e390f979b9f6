"""A data set as MLflow shows it: its name, its fingerprint and its sizes, without its images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ablate.data.info import DatasetInfo
from ablate.tracking.mlflow.records import DatasetRecord
from ablate.tracking.mlflow.values import safe_text

LONGEST_NAME, LONGEST_DIGEST = 200, 36
OWN_MODULE = "ablate.data."


def dataset_record(info: DatasetInfo, node: Mapping[str, Any]) -> DatasetRecord:
    """What MLflow shows of a data set.

    Args:
        info: What is known of it.
        node: The `data` node of a variant that uses it.
    """
    path, target = node.get("path"), str(node.get("_target_", "data"))
    own = target.removeprefix(OWN_MODULE).partition(".")[0]
    named = Path(path).name if isinstance(path, str) and path else ""
    source: tuple[str, dict[str, Any]] = (
        ("local", {"uri": safe_text(path)})
        if isinstance(path, str) and path
        else ("code", {"tags": {"mlflow.source.name": safe_text(target)}})
    )
    return DatasetRecord(
        name=safe_text(
            named or (own if target.startswith(OWN_MODULE) else target), longest=LONGEST_NAME
        ),
        digest=info.fingerprint[:LONGEST_DIGEST],
        source_type=source[0],
        source=json.dumps(source[1]),
        schema=json.dumps(_schema(info)),
        profile=json.dumps(_profile(info)),
    )


def _schema(info: DatasetInfo) -> dict[str, Any]:
    """The images as a model sees them, in the form of MLflow's schema of tensors."""
    tensor = {"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, *info.shape]}}
    return {"mlflow_tensorspec": {"features": json.dumps([tensor]), "targets": None}}


def _profile(info: DatasetInfo) -> dict[str, Any]:
    return {
        "num_rows": info.train + info.validation + info.test,
        "train": info.train,
        "validation": info.validation,
        "test": info.test,
        "classes": len(info.classes),
        "task": info.task,
    }
