"""Data sets: one file each, from a source to images in parts, with the word that names their task.

A data set must not know which model it is for, how a run is trained, or what its task measures.
"""
