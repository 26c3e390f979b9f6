"""What a study will train, decided before the first run: cells, data, identity, cost, changes.

It must not train, and it never imports Keras: worker processes build the models that it asks about.
"""
