"""A PyOD detector around one of skae. Needs ``pip install pyod``."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pyod.models.base import BaseDetector
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from skae._input.table import SeriesLike

__all__ = ["PyODAutoencoder"]


class PyODAutoencoder(BaseDetector):
    """A PyOD detector around an `LSTMAutoencoder`, or a pipeline that ends in one.

    It works wherever a PyOD detector does: in PyOD's combinations and thresholds, aeon's
    ``PyODAdapter``, sktime's ``PyODDetector`` and darts' ``PyODScorer``. Higher scores are more
    abnormal. Label 1 is an outlier.

    Parameters
    ----------
    estimator : LSTMAutoencoder or Pipeline
        With `window_size` for rows of a time series; without for samples that are sequences.
    contamination : float or detector of PyThresh, default=0.1
        Share of outliers among the training samples, which sets `threshold_`. The `contamination`
        and `threshold` of the estimator are ignored.

    Attributes
    ----------
    estimator_ : LSTMAutoencoder or Pipeline
        The fitted estimator.
    decision_scores_ : ndarray of shape (n_samples,)
        Scores of the training samples; NaN where nothing was observed.
    threshold_ : float
        Scores above it are outliers: the ``1 - contamination`` quantile of `decision_scores_`.
    labels_ : ndarray of shape (n_samples,)
        1 for outliers among the training samples, else 0.

    See Also
    --------
    skae.LSTMAutoencoder : The detector with scikit-learn's interface and skae's thresholds.

    Examples
    --------
    >>> import numpy as np
    >>> from skae import LSTMAutoencoder
    >>> from skae.pyod import PyODAutoencoder
    >>> rows = np.sin(np.arange(200) / 4)[:, None]
    >>> rows[150:153] = 4
    >>> autoencoder = LSTMAutoencoder(8, units=8, epochs=5, random_state=0)
    >>> detector = PyODAutoencoder(autoencoder, contamination=0.05).fit(rows)
    >>> int(detector.labels_.sum())
    10
    >>> bool(150 <= detector.decision_scores_.argmax() < 153)
    True
    """

    labels_: NDArray[np.int_]

    def __init__(self, estimator: BaseEstimator, contamination: object = 0.1):
        super().__init__(contamination=contamination)
        self.estimator = estimator

    def fit(self, X: SeriesLike, y: object = None) -> Self:
        """Fit a clone of the estimator, and set the threshold.

        Parameters
        ----------
        X : array-like
            Input of the estimator.
        y : None
            Ignored.

        Returns
        -------
        self : PyODAutoencoder
        """
        self._set_n_classes(y)
        self.estimator_ = clone(self.estimator).fit(X)
        scores = self.decision_function(X)
        observed = ~np.isnan(scores)
        self.decision_scores_ = scores[observed]
        self._process_decision_scores()  # PyOD's threshold, which NaN would break
        labels = np.zeros(len(scores), dtype=int)
        labels[observed] = self.labels_
        self.decision_scores_, self.labels_ = scores, labels
        return self

    def decision_function(self, X: SeriesLike) -> NDArray[np.float64]:
        """Return minus the estimator's `score_samples`: higher is more abnormal.

        Parameters
        ----------
        X : array-like
            As in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            NaN where nothing was observed; `predict` treats it as normal.
        """
        check_is_fitted(self, "estimator_")
        scores: NDArray[np.float64] = -self.estimator_.score_samples(X)
        return scores
