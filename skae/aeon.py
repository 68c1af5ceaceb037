"""An aeon detector around one of skae. Needs ``pip install aeon``."""

from typing import Any

import numpy as np
from aeon.anomaly_detection.series.base import BaseSeriesAnomalyDetector
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from skae._autoencoder import LSTMAutoencoder

__all__ = ["AeonAutoencoder"]


class AeonAutoencoder(BaseSeriesAnomalyDetector):
    """An aeon detector around an `LSTMAutoencoder`, or a pipeline that ends in one.

    `fit`, `predict` and `fit_predict` take a series in aeon's layout: (n_channels, n_timepoints),
    or the transpose with ``axis=0``. `predict` returns a score for each time point, higher for
    anomalies.

    Parameters
    ----------
    estimator : LSTMAutoencoder or Pipeline
        With `window_size`.

    Attributes
    ----------
    estimator_ : LSTMAutoencoder or Pipeline
        The fitted estimator.

    See Also
    --------
    skae.readers.from_aeon : Reads aeon collections as a set of sequences.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import LSTMAutoencoder
    >>> from skae.aeon import AeonAutoencoder
    >>> series = np.sin(np.arange(200) / 4)[None]
    >>> series[:, 150:153] = 4
    >>> detector = AeonAutoencoder(LSTMAutoencoder(8, units=8, epochs=5, random_state=0))
    >>> scores = detector.fit_predict(series)
    >>> scores.shape, bool(150 <= scores.argmax() < 153)
    ((200,), True)
    """

    _tags = {
        "X_inner_type": "np.ndarray",
        "anomaly_output_type": "anomaly_scores",
        "capability:missing_values": True,
        "capability:multivariate": True,
        "capability:univariate": True,
        "fit_is_empty": False,
        "learning_type:semi_supervised": True,
        "learning_type:unsupervised": True,
        "non_deterministic": False,
    }

    def __init__(self, estimator: BaseEstimator):
        self.estimator = estimator
        super().__init__(axis=0)

    def _fit(self, X: NDArray[np.float64], y: object = None) -> None:
        self.estimator_ = clone(self.estimator).fit(X)

    def _predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = -self.estimator_.score_samples(X)
        return scores

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, Any]:
        """Return parameters for aeon's checks."""
        return {"estimator": LSTMAutoencoder(4, units=4, latent_dim=2, epochs=1, random_state=0)}
