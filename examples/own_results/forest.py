"""Which parts of a random forest are needed on handwritten digits? Writes results.csv.

    python forest.py

A program that knows nothing of ablate: it writes a row for each run, with a column for each part,
one for the seed, and one for the number by which a run is judged.
"""

import csv
import itertools
import sys

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

COLUMNS = ("bootstrap", "random_features", "trees", "seed", "accuracy")


def main(seeds):
    """Train each variant with each seed."""
    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images, labels, test_size=0.5, random_state=0, stratify=labels)
    x_train, x_test, y_train, y_test = parts
    with open("results.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        levels = (["present", "absent"], ["present", "absent"], ["many", "few"])
        for bootstrap, features, trees in itertools.product(*levels):
            for seed in range(seeds):
                forest = RandomForestClassifier(
                    n_estimators=50 if trees == "many" else 10,
                    bootstrap=bootstrap == "present",
                    max_features="sqrt" if features == "present" else None,
                    random_state=seed,
                )
                accuracy = forest.fit(x_train, y_train).score(x_test, y_test)
                rows.writerow([bootstrap, features, trees, seed, round(accuracy, 4)])


if __name__ == "__main__":
    main(seeds=int(sys.argv[1]) if len(sys.argv) > 1 else 5)
