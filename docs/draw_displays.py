"""Draws the pictures of skae's displays in docs/, of the embedded machine and sequences.

Run: python docs/draw_displays.py.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import datasets

FAULT_FREE_ROWS = 2000


def machine():
    """Return the machine as a frame, and which rows are faults."""
    table = datasets.load_machine()
    times = pd.DatetimeIndex(table.timestamps)
    return pd.DataFrame(table.data, times, table.feature_names), table.target


def save(display, name):
    """Write a display to docs/."""
    display.figure_.savefig(Path(__file__).with_name(f"{name}.png"), dpi=90)
    plt.close(display.figure_)


def main():
    """Fit each network once, draw all."""
    X, faults = machine()
    detector = make_pipeline(StandardScaler(), skae.LSTMAutoencoder(30, random_state=0))
    detector.fit(X[:FAULT_FREE_ROWS])
    shown = X[3300:4300]
    save(skae.AnomalyScoreDisplay.from_estimator(detector, X, labels=faults), "anomaly_score")
    save(skae.ReconstructionDisplay.from_estimator(detector, shown), "reconstruction")
    save(skae.ExplanationDisplay.from_estimator(detector, X), "explanation")
    save(skae.TrainingDisplay.from_estimator(detector), "training")
    sequences, is_outlier = datasets.make_sequences(random_state=0)
    encoder = skae.LSTMAutoencoder(latent_dim=4, random_state=0).fit(sequences)
    labels = np.where(is_outlier, "outlier", "normal")
    save(skae.LatentDisplay.from_estimator(encoder, sequences, labels=labels), "latents")


if __name__ == "__main__":
    main()
