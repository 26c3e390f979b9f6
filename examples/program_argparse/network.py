"""Train a small neural network, written with NumPy, on scikit-learn's handwritten digits.

    python network.py --rate 0.3 --momentum 0.9 --standardize --seed 0 --out result.json

It prints a line of JSON after each epoch, and writes the result to a file.
"""

import argparse
import json

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=0.1)
parser.add_argument("--momentum", type=float, default=0.0)
parser.add_argument("--standardize", action="store_true")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--out", required=True)
arguments = parser.parse_args()

x, y = load_digits(return_X_y=True)
x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
x_train, x_val, y_train, y_val = train_test_split(x_rest, y_rest, test_size=0.25, random_state=0)
mean, scale = x_train.mean(axis=0), x_train.std(axis=0) + 1e-6
if not arguments.standardize:
    mean, scale = np.zeros(64), np.full(64, 16.0)
x_train, x_val, x_test = ((part - mean) / scale for part in (x_train, x_val, x_test))

generator = np.random.default_rng(arguments.seed)
weights = [generator.normal(0, 0.1, size) for size in ((64, 32), (32, 10))]
velocity = [np.zeros_like(each) for each in weights]


def outputs(images):
    """The hidden features and the share of each class."""
    hidden = np.maximum(images @ weights[0], 0)
    scores = hidden @ weights[1]
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return hidden, shares / shares.sum(axis=1, keepdims=True)


def accuracy(images, labels):
    """The share of images whose class is right."""
    return float((outputs(images)[1].argmax(axis=1) == labels).mean())


for epoch in range(1, arguments.epochs + 1):
    losses = []
    for batch in np.array_split(generator.permutation(len(y_train)), 17):
        images, labels = x_train[batch], y_train[batch]
        hidden, shares = outputs(images)
        losses.append(-np.log(shares[np.arange(len(batch)), labels]).mean())
        error = (shares - np.eye(10)[labels]) / len(batch)
        gradients = [images.T @ ((error @ weights[1].T) * (hidden > 0)), hidden.T @ error]
        for number, gradient in enumerate(gradients):
            velocity[number] = arguments.momentum * velocity[number] - arguments.rate * gradient
            weights[number] += velocity[number]
    numbers = {"loss": float(np.mean(losses)), "val_accuracy": accuracy(x_val, y_val)}
    print(json.dumps({"epoch": epoch, **numbers}), flush=True)

with open(arguments.out, "w", encoding="utf-8") as file:
    parameters = sum(each.size for each in weights)
    json.dump({"test_accuracy": accuracy(x_test, y_test), "parameters": parameters}, file)
