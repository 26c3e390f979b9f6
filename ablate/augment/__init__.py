"""Random changes of the training images: one file an augmentation.

A builder knows the shape of an image and returns layers of Keras. It must not know the task, the
model or the backend: whoever applies the layers moves masks and boxes with their image, and draws
the random numbers from a stream that no model changes.
"""
