"""Training of one model with any number of run seeds: a trainer, and an engine for each backend.

It asks the task for loss and measures. It must not know what the targets mean, where a run is
stored, or who follows its progress.
"""
