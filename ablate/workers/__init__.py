"""Worker processes: how the seeds of a cell are trained, monitored and retried.

Workers write to the folders of their runs. They do not know MLflow, reports or the terminal.
"""
