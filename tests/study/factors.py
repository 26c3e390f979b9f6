"""Factors in one line."""

from __future__ import annotations

from ablate.study.study import Factor, Level


def factor(name: str, *levels: str) -> Factor:
    return Factor(name, tuple(Level(level) for level in levels))
