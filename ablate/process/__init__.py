"""The process of a command: its signals, its output and its exit code.

It is what a command imports first, so it knows nothing of studies and imports only what is quick.
"""
