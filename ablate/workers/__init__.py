"""Worker processes: how the seeds of a cell are trained, watched and, if they die, retried.

They write to the folders of their runs and never to MLflow.
"""
