"""Models whose parts can be switched, and what a forward pass through a model costs.

A model is a function from an input shape and a number of classes to a Keras model. It must not know
how it is trained, which backend trains it, or where its images come from.
"""
