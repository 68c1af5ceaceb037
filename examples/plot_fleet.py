"""
A fleet of engines
==================

One table contains the rows of many engines. ``series`` names the column that separates
them: no window crosses from one engine into the next, and one network learns them all.
"""

# %%
# Six engines run the same cycles at different speeds. The bearing of one of them wears: its
# vibration slowly departs from what its load explains.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import skae

rng = np.random.default_rng(0)
row = np.arange(800)


def run_engine(name, period):
    """Return the rows of one engine: load, temperature and vibration."""
    load = np.sin(2 * np.pi * row / period + rng.uniform(0, 6)) + rng.normal(0, 0.1, len(row))
    temperature = pd.Series(load).ewm(halflife=5).mean() * 1.5 + rng.normal(0, 0.1, len(row))
    vibration = np.abs(load) - 0.6 + rng.normal(0, 0.1, len(row))
    return pd.DataFrame(
        {"engine": name, "load": load, "temperature": temperature, "vibration": vibration}
    )


engines = [
    run_engine(f"engine {n}", period) for n, period in enumerate([20, 22, 24, 26, 28, 30], 1)
]
engines[3].loc[500:, "vibration"] += np.linspace(0, 1.5, 300) * rng.normal(1, 0.3, 300)
fleet = pd.concat(engines, ignore_index=True)

# %%
# One fit for the fleet
# ---------------------
#
# The first 400 rows of each engine are healthy. Every row of the table gets one score.

healthy = fleet.groupby("engine").head(400)
detector = skae.LSTMAutoencoder(window_size=30, series="engine", random_state=0).fit(healthy)
fleet["score"] = detector.score_samples(fleet)

# %%
# Which engine?
# -------------

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for name, rows in fleet.groupby("engine"):
    ax.plot(-rows["score"].to_numpy(), label=name, lw=1)
ax.axhline(-detector.offset_, color="0.3", ls="--", label="threshold")
ax.set(xlabel="row", ylabel="anomaly score", yscale="log")
ax.legend(ncols=2)

# %%
# The share of rows beyond the threshold, by engine:

(fleet["score"] < detector.offset_).groupby(fleet["engine"]).mean().round(2)
