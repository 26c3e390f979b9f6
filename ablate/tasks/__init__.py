"""What kind of answer a model gives, and how a run is judged by it: one file a task.

A task knows its targets, its loss and its measures. It must not know where images come from, which
model gives the answer, or which backend trains it. Keras is imported only to compile a model.
"""
