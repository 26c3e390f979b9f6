"""Kills the command and the workers of a study at random times until the study completes."""
