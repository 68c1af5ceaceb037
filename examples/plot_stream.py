"""
A stream of rows
================

A stream scores rows as they arrive and gives the same scores as a batch. It keeps the last
rows that its windows need, and it can be pickled at any time.
"""

# %%
# Rows of the demo machine take the place of a queue or a socket.

import pickle

import matplotlib.pyplot as plt
import numpy as np

import skae

X, faults = skae.datasets.load_machine(return_X_y=True)
detector = skae.LSTMAutoencoder(
    window_size=30, aggregation="last", threshold="sensitive", random_state=0
)
detector.fit(X[:2000])

# %%
# Alarms as rows arrive
# ---------------------
#
# ``aggregation="last"`` scores a row by its error in the window that ends there, so the
# score is known immediately. An event begins with an outlier after 30 normal rows.

stream = skae.stream(detector)
stream.update(X[2900:3000])  # earlier rows, so that the first window is full
scores, normal_rows = [], 30
for number, row in enumerate(X[3000:4200], start=3000):
    score = stream.update(row)
    scores.extend(score)
    if stream.labels(score)[0] == 1:
        normal_rows += 1
    else:
        if normal_rows >= 30:
            print(f"row {number}: an event begins")
        normal_rows = 0

# %%
# The same numbers as the batch
# -----------------------------

batch = detector.score_samples(X[2900:4200])[100:]
print("largest difference from the batch:", np.abs(np.array(scores) - batch).max())

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
ax.plot(range(3000, 4200), -np.array(scores), lw=0.8, label="stream")
ax.fill_between(
    range(3000, 4200),
    0,
    1,
    where=faults[3000:4200] == 1,
    alpha=0.2,
    label="fault",
    transform=ax.get_xaxis_transform(),
)
ax.axhline(-detector.offset_, color="0.3", ls="--", label="threshold")
ax.set(xlabel="row", ylabel="anomaly score")
ax.legend()

# %%
# After a restart
# ---------------

stream = pickle.loads(pickle.dumps(stream))
stream.update(X[4200])
