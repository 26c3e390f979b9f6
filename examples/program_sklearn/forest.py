"""Train a random forest of scikit-learn on its handwritten digits.

    python forest.py OPTIONS.json SEED

The options are keywords of `RandomForestClassifier`. The last line is the result, as JSON.
"""

import json
import sys

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

options_file, seed = sys.argv[1:]
with open(options_file, encoding="utf-8") as file:
    options = json.load(file)
x, y = load_digits(return_X_y=True)
# The split is the same for all runs; the seed is that of the forest.
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, stratify=y, random_state=0)
forest = RandomForestClassifier(**options, random_state=int(seed)).fit(x_train, y_train)
print(json.dumps({"accuracy": forest.score(x_test, y_test)}))
