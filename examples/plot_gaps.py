"""
Gaps and outages
================

Sensors fail and recordings stop. Missing readings count neither in training nor in a score,
and ``max_gap`` keeps windows from reaching across a stop.
"""

# %%
# Two sensors, one row a minute. The second sensor fails for two hours, the recording stops
# for a night, and later one sensor sticks.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import skae

rng = np.random.default_rng(0)
row = np.arange(1500)
flow = np.sin(2 * np.pi * row / 25) + rng.normal(0, 0.1, len(row))
valve = np.roll(flow, 4) + rng.normal(0, 0.1, len(row))
X = pd.DataFrame(
    {"flow": flow, "valve": valve}, pd.date_range("2026-01-01", periods=1500, freq="min")
)

X.iloc[900:1020, 1] = np.nan  # an outage of one sensor
X.iloc[1050:1100] = np.nan  # an outage of both
X.iloc[1350:1400, 1] = X.iloc[1350, 1]  # the fault to be found
X.index = X.index + pd.to_timedelta(np.where(row >= 1200, 8, 0), unit="h")  # a night

# %%
# Fit on what was observed
# ------------------------

detector = skae.LSTMAutoencoder(window_size=25, max_gap="10min", random_state=0).fit(X[:850])
scores = pd.Series(detector.score_samples(X), X.index)

# %%
# While one sensor is out, the other one is still scored. Rows around which nothing was
# observed score NaN, and ``predict`` does not call them outliers.

print("rows without a score:", int(scores.isna().sum()))
print("rows flagged:", list(np.flatnonzero(detector.predict(X) == -1)[[0, -1]]))

figure, (top, bottom) = plt.subplots(2, figsize=(8, 4), sharex=True, layout="constrained")
top.plot(row, X, lw=0.8, label=list(X))
top.legend(loc="lower left", ncols=2)
bottom.plot(row, -scores.to_numpy(), lw=0.8, color="C3")
bottom.axhline(-detector.offset_, color="0.3", ls="--")
bottom.set(xlabel="row", ylabel="anomaly score")
for start, end, what in [
    (900, 1020, "one sensor out"),
    (1050, 1100, "both out"),
    (1350, 1400, "stuck"),
]:
    for ax in (top, bottom):
        ax.axvspan(start, end, alpha=0.15, color="0.4", lw=0)
    top.annotate(
        what,
        ((start + end) / 2, 1),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="bottom",
        fontsize=8,
    )
for ax in (top, bottom):
    ax.axvline(1200, color="0.4", ls=":")
top.annotate(
    "night", (1200, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=8
)
