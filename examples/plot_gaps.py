"""
Gaps and outages
================

Sensors fail and recordings stop. Missing readings count neither in training nor in the score.
With ``max_gap`` no window reaches across a stop.
"""

# %%
# Two sensors, one row a minute. The second one loses a tenth of its readings. Twice, both
# fail for ten minutes. The recording stops for a night, and later one sensor gets stuck.

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

X.loc[rng.random(len(X)) < 0.1, "valve"] = np.nan
X.iloc[400:410] = np.nan  # an outage of both, in the part to learn from
X.iloc[1000:1010] = np.nan
X.iloc[1350:1400, 1] = X.iloc[1350, 1]  # the fault to be found
X.index = X.index + pd.to_timedelta(np.where(row >= 1200, 8, 0), unit="h")  # a night

# %%
# Fit on observed readings
# ------------------------

detector = skae.LSTMAutoencoder(window_size=25, max_gap="10min", random_state=0).fit(X[:900])
scores = pd.Series(detector.score_samples(X), X.index)

# %%
# Scoring continues through the outages. The score rises slightly there, because fewer
# readings are left to reconstruct from. In an outage longer than a window, rows without any
# observation around them get NaN, and ``predict`` does not flag them.

outliers = np.flatnonzero(detector.predict(X) == -1)
print("rows without a score:", int(scores.isna().sum()))
print("rows flagged:", outliers.min(), "to", outliers.max())

figure, (top, bottom) = plt.subplots(2, figsize=(8, 4), sharex=True, layout="constrained")
top.plot(row, X, lw=0.8, label=list(X))
top.legend(loc="lower left", ncols=2)
bottom.plot(row, -scores.to_numpy(), lw=0.8, color="C3")
bottom.axhline(-detector.offset_, color="0.3", ls="--")
bottom.set(xlabel="row", ylabel="anomaly score")
for start, end, what in [
    (400, 410, "outage"),
    (1000, 1010, "outage"),
    (1350, 1400, "stuck"),
    (1199, 1201, "night"),
]:
    place = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
    top.annotate(what, ((start + end) / 2, 1), **place)
    for ax in (top, bottom):
        ax.axvspan(start, end, alpha=0.15, color="0.4", lw=0)
