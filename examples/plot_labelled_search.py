"""
A search with labels
====================

If some faults are labelled, search for the detector that ranks them best. The scorers of
:mod:`skae.metrics` accept labels in {0, 1}, {-1, 1} and bool, and treat outliers as the
positive class.
"""

# %%
# The first part contains the training rows and four of the eight labelled faults. The other
# four test the choice.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit

import skae

X, faults = skae.datasets.load_machine(return_X_y=True)
chosen_on, tested_on = slice(0, 4500), slice(4500, None)

# %%
# In ``PredefinedSplit``, rows marked -1 are always trained on, and rows marked 0 are scored.

fold = PredefinedSplit(np.where(np.arange(4500) < 2000, -1, 0))
search = GridSearchCV(
    skae.LSTMAutoencoder(window_size=30, epochs=4, units=32, random_state=0),
    {"window_size": [15, 30, 45], "aggregation": ["row_or_window", "max"]},
    scoring=skae.metrics.get_scorer("average_precision"),
    cv=fold,
    refit=False,
)
search.fit(X[chosen_on], faults[chosen_on])
print("best:", search.best_params_)

# %%
# All combinations
# ----------------

results = search.cv_results_
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for way in ("row_or_window", "max"):
    chosen = results["param_aggregation"] == way
    ax.plot(
        results["param_window_size"][chosen],
        results["mean_test_score"][chosen],
        "o-",
        label=f'aggregation="{way}"',
    )
ax.set(xlabel="window_size", ylabel="average precision")
ax.legend()

# %%
# The test
# --------
#
# Rows that were used to choose are not a test. The last four faults were not used.

best = skae.LSTMAutoencoder(**search.best_params_, random_state=0)
scores = best.fit(X[:2000]).score_samples(X)
precision = average_precision_score(faults[tested_on], -scores[tested_on])
print(f"average precision on the last faults: {precision:.2f}")
