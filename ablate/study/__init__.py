"""The nouns of a study: its factors, responses and design, the cells of it, and what a run leaves.

They must not know Hydra, Keras, MLflow, or where anything is stored.
"""
