"""Following a study while it trains: progress on the terminal, and MLflow's copy of the runs.

It reads what workers write to disk and never changes it.
"""
