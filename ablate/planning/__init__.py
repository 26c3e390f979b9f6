"""What a study will train, decided before the first run: cells, data, identity, cost, changes.

It never trains and never imports Keras; worker processes answer what only a model can tell.
"""
