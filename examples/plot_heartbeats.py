"""
Abnormal heartbeats
===================

Without ``window_size`` each sample is a whole sequence. Here a sample is one heartbeat, cut
from an electrocardiogram, and the detector learns from normal beats only.
"""

# %%
# We draw beats as sums of bell curves: the P wave, the QRS complex and the T wave. An
# abnormal beat starts early, without a P wave and with a wide QRS complex, as ventricular
# extrasystoles do.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score

import skae

rng = np.random.default_rng(0)
time = np.linspace(0, 1, 80)
#         centre, width, height of P, Q, R, S and T
NORMAL = [
    (0.20, 0.030, 0.15),
    (0.36, 0.012, -0.15),
    (0.40, 0.015, 1.0),
    (0.44, 0.014, -0.25),
    (0.68, 0.050, 0.3),
]
ECTOPIC = [(0.30, 0.040, 0.9), (0.40, 0.040, -0.5), (0.62, 0.060, -0.3)]


def draw_beat(waves):
    """Return one noisy beat with waves that vary a little in place, width and height."""
    vary = rng.normal(1, 0.04, size=(len(waves), 3))
    curves = [
        height * h * np.exp(-(((time - centre * c) / (width * w)) ** 2) / 2)
        for (centre, width, height), (c, w, h) in zip(waves, vary, strict=True)
    ]
    return np.sum(curves, axis=0) + rng.normal(0, 0.03, size=len(time))


normal = np.array([draw_beat(NORMAL) for _ in range(300)])
ectopic = np.array([draw_beat(ECTOPIC) for _ in range(30)])

# %%
# Fit and score
# -------------
#
# A table with one beat in each row is a set of univariate sequences. The network reads
# eight readings in each step.

detector = skae.LSTMAutoencoder(segment_length=8, epochs=50, random_state=0).fit(normal[:200])
new = np.concatenate([normal[200:], ectopic])
is_ectopic = np.arange(len(new)) >= 100
scores = detector.score_samples(new)
print(f"AUC-ROC: {roc_auc_score(is_ectopic, -scores):.3f}")
print(f"flagged: {np.mean(detector.predict(new)[is_ectopic] == -1):.0%} of the ectopic beats")
print(f"flagged: {np.mean(detector.predict(new)[~is_ectopic] == -1):.0%} of the normal beats")

# %%
# A beat and its reconstruction
# -----------------------------
#
# The network reconstructs the normal beat. It turns the ectopic beat into something like a
# normal one, and the difference is the score.

beats = np.array([normal[200], ectopic[0]])
figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True, layout="constrained")
for ax, beat, guess, title in zip(
    axes, beats, detector.reconstruct(beats), ("normal", "ectopic"), strict=True
):
    ax.plot(time, beat, label="beat")
    ax.plot(time, np.ravel(guess), label="reconstruction")
    ax.set(title=title, xlabel="time (s)")
axes[0].set_ylabel("voltage (mV)")
axes[0].legend()
