"""MLflow's copy of a study: one parent run, and a child run for each cell and seed.

The journals are the truth. The copy can be made again at any time, and what MLflow already holds is
not written again. Only the parent process writes to MLflow, because its SQLite store fails when
several processes create it at once. Only `client`, `database`, `experiments`
and `model_files` import MLflow.
"""
