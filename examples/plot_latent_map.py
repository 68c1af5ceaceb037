"""
A map of latents
================

The latent vector is a short summary of a sequence, from which the network reconstructs it.
``transform`` returns it as features for any scikit-learn estimator.
"""

# %%
# We read pictures of handwritten digits as sequences of eight steps (lines) with eight
# features (pixels). The encoder sees no labels.

import matplotlib.pyplot as plt
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae

digits = load_digits(n_class=6)
X = digits.images / 16
encoder = skae.LSTMAutoencoder(latent_dim=16, epochs=40, random_state=0).fit(X)
latents = encoder.transform(X)

# %%
# The map
# -------
#
# The display draws the first two principal components of the latents.

# sphinx_gallery_thumbnail_number = 1
skae.LatentDisplay.from_predictions(latents, labels=digits.target)

# %%
# Classify with few labels, and cluster without
# ---------------------------------------------

few = make_pipeline(StandardScaler(), LogisticRegression()).fit(latents[:60], digits.target[:60])
print(f"accuracy with 60 labels: {few.score(latents[60:], digits.target[60:]):.2f}")
clusters = KMeans(6, n_init=10, random_state=0).fit_predict(latents)
print(f"adjusted Rand index of six clusters: {adjusted_rand_score(digits.target, clusters):.2f}")

# %%
# From one digit to another
# -------------------------
#
# ``inverse_transform`` decodes latents. Latents between two digits give pictures that
# resemble both.

start, end = latents[0], latents[1]
path = [start + (end - start) * step / 5 for step in range(6)]
figure, axes = plt.subplots(1, 6, figsize=(8, 1.6), layout="constrained")
for ax, picture in zip(axes, encoder.inverse_transform(path), strict=True):
    ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
    ax.axis("off")
