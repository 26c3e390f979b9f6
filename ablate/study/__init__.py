"""The nouns of a study: what is asked, which cells that makes, and what a run leaves.

They know nothing of Hydra, of Keras or of files.
"""
