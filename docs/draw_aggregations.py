"""Draws docs/aggregations.png: the scores from each aggregation of the same errors.

Run: python docs/draw_aggregations.py.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skae import LSTMAutoencoder

WAYS = ["row_or_window", "gaussian", "window", "mean", "median", "max", "last"]
WINDOW = 40


def series():
    """Return a wave with noise, two spikes and a standstill."""
    rows = np.arange(1600)
    wave = np.sin(rows / 6) + 0.4 * np.sin(rows / 2.1)
    wave += np.random.default_rng(0).normal(scale=0.1, size=len(rows))
    wave[1200] += 2.5
    wave[1320:1360] = wave[1320]
    return wave[:, None]


def main():
    """Fit, score with every aggregation, and draw."""
    rows, shown = series(), slice(1100, 1480)
    detector = LSTMAutoencoder(WINDOW, random_state=0)
    figure, axes = plt.subplots(len(WAYS) + 1, figsize=(9, 9), sharex=True, layout="constrained")
    axes[0].plot(np.arange(len(rows))[shown], rows[shown, 0], color="0.2", linewidth=0.8)
    axes[0].set_ylabel("series", rotation=0, ha="right", va="center")
    for ax, way in zip(axes[1:], WAYS, strict=True):
        errors = -detector.set_params(aggregation=way).fit(rows[:1000]).score_samples(rows)
        ax.fill_between(np.arange(len(rows))[shown], errors[shown], color="C3", alpha=0.7, lw=0)
        ax.set_ylabel(way, rotation=0, ha="right", va="center")
    for ax in axes:
        ax.axvspan(1199.5, 1200.5, color="C0", alpha=0.4, lw=0)
        ax.axvspan(1320, 1360, color="C0", alpha=0.15, lw=0)
        ax.set_yticks([])
    axes[-1].set_xlabel(f"row (windows of {WINDOW}; a spike and a standstill are shaded)")
    figure.savefig(Path(__file__).with_name("aggregations.png"), dpi=110)


if __name__ == "__main__":
    main()
