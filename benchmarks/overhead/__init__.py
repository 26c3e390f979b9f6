"""Measures what reliability costs a study in which nothing fails."""
