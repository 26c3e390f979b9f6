"""A study on disk: its plan, journals, results, checkpoints, locks, and the identity of its runs.

It must not know what a label or an accuracy is, and it never imports Keras or MLflow.
"""
