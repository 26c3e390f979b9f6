"""A study whose command and workers are killed at random times until it completes."""
