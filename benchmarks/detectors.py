"""Simple peers: each learns from flat windows and returns a function that scores windows."""

import numpy as np
from series import rows_from_windows, scaled, windows


def on_windows(make):
    """Return a detector that scores flat windows and averages over the windows of a row."""

    def detect(train, test, window, seed):
        train, test = scaled(train, test)
        scores = make(windows(train, window), seed)(windows(test, window))
        return rows_from_windows(np.asarray(scores, float), window, len(test))

    return detect


def isolation_forest(known, seed):
    from sklearn.ensemble import IsolationForest

    model = IsolationForest(random_state=seed).fit(known)
    return lambda x: -model.score_samples(x)


def pca(known, seed):
    from sklearn.decomposition import PCA

    wide = min(known.shape) > 2000
    model = PCA(60 if wide else 0.9, random_state=seed).fit(known)
    return lambda x: ((x - model.inverse_transform(model.transform(x))) ** 2).mean(axis=1)


def nearest_neighbours(known, seed):
    from sklearn.neighbors import NearestNeighbors

    model = NearestNeighbors(n_neighbors=10).fit(known)
    return lambda x: model.kneighbors(x)[0].mean(axis=1)


def local_outlier_factor(known, seed):
    from sklearn.neighbors import LocalOutlierFactor

    model = LocalOutlierFactor(novelty=True).fit(known)
    return lambda x: -model.score_samples(x)


def pyod_autoencoder(known, seed):
    from pyod.models.auto_encoder import AutoEncoder

    return AutoEncoder(random_state=seed, verbose=0).fit(known).decision_function


PEERS = {
    "iforest": isolation_forest,
    "pca": pca,
    "knn": nearest_neighbours,
    "lof": local_outlier_factor,
    "pyod_ae": pyod_autoencoder,
}
