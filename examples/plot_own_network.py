"""
Your own Keras network
======================

``model`` accepts a function that builds a Keras autoencoder. Windows, training, scores,
thresholds, events and files work as with the built-in network.
"""

# %%
# A convolutional autoencoder
# ---------------------------
#
# ``meta`` contains the sizes of the data. Further arguments become parameters of the
# estimator, with the prefix ``model__``.

import keras
import matplotlib.pyplot as plt
from keras import layers
from sklearn.metrics import average_precision_score

import skae


def convolutional(meta, filters=32):
    """Return an autoencoder of windows of shape (n_steps, n_features)."""
    inputs = keras.Input((meta["n_steps_"], meta["n_features_in_"]))
    x = layers.Conv1D(filters, 5, strides=3, padding="same", activation="relu")(inputs)
    x = layers.Conv1D(filters // 4, 5, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv1DTranspose(filters, 5, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv1DTranspose(filters, 5, strides=3, padding="same", activation="relu")(x)
    return keras.Model(inputs, layers.Conv1D(meta["n_features_in_"], 5, padding="same")(x))


X, faults = skae.datasets.load_machine(return_X_y=True)

detector = skae.LSTMAutoencoder(
    window_size=30,
    model=convolutional,
    model__filters=16,
    scale="standard",
    threshold="sensitive",
    random_state=0,
)
detector.fit(X[:2000])
detector.model_.summary()

# %%
# Scores as usual
# ---------------

scores = detector.score_samples(X)
print(f"average precision: {average_precision_score(faults, -scores):.2f}")

skae.AnomalyScoreDisplay.from_estimator(detector, X, labels=faults)
plt.show()

# %%
# The training
# ------------

skae.TrainingDisplay.from_estimator(detector)
