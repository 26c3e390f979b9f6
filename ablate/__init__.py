"""Ablation studies of deep-learning models: which parts are needed, with evidence."""

__version__ = "0.1.0"
