"""The nouns of a study: factors, responses, designs and their cells, and what a run leaves.

They must not know Hydra, Keras, MLflow, or where anything is stored.
"""
