"""Ablation studies of deep-learning models: which parts earn their keep, with evidence."""

__version__ = "0.1.0"
