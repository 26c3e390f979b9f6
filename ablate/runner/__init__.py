"""The conductor of a command: from a request to trained runs and, for a study, to its report.

It calls planning, workers, tracking and report in turn. No other package imports it.
"""
