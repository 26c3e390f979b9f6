"""The Python API: run a study, open its results, analyse results from anywhere.

A thin layer for scripts and notebooks over what the commands do. It trains nothing itself and knows
no training library: a study is run by the same command that a terminal would run.
"""
