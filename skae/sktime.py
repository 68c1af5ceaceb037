"""An sktime detector around one of skae. Needs ``pip install sktime``."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sktime.detection.base import BaseDetector

from skae._autoencoder import LSTMAutoencoder

__all__ = ["SktimeAutoencoder"]


class SktimeAutoencoder(BaseDetector):
    """An sktime detector around an `LSTMAutoencoder`, or a pipeline that ends in one.

    `predict` returns the positions of outliers, `transform` a label for each row, 1 for outliers,
    and `transform_scores` a score for each row, higher for outliers.

    Parameters
    ----------
    estimator : LSTMAutoencoder or Pipeline
        With `window_size`. Its threshold decides which rows are outliers.

    Attributes
    ----------
    estimator_ : LSTMAutoencoder or Pipeline
        The fitted estimator.

    See Also
    --------
    skae.readers.from_sktime : Reads sktime panels as a set of sequences.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from skae import LSTMAutoencoder
    >>> from skae.sktime import SktimeAutoencoder
    >>> rows = pd.DataFrame({"load": np.sin(np.arange(200) / 4)})
    >>> rows.iloc[150:153] = 4
    >>> autoencoder = LSTMAutoencoder(8, units=8, epochs=5, contamination=0.05, random_state=0)
    >>> detector = SktimeAutoencoder(autoencoder).fit(rows)
    >>> len(detector.predict(rows))
    10
    >>> bool(150 <= detector.transform_scores(rows)["scores"].idxmax() < 153)
    True
    """

    _tags = {
        "authors": "The skae developers",
        "maintainers": "The skae developers",
        "task": "anomaly_detection",
        "learning_type": "unsupervised",
        "capability:multivariate": True,
        "capability:missing_values": True,
        "X_inner_mtype": "pd.DataFrame",
        "fit_is_empty": False,
    }

    def __init__(self, estimator: BaseEstimator):
        self.estimator = estimator
        super().__init__()

    def _fit(self, X: pd.DataFrame, y: object = None) -> "SktimeAutoencoder":
        self.estimator_ = clone(self.estimator).fit(X)
        return self

    def _predict(self, X: pd.DataFrame) -> pd.Series:
        return pd.Series(np.flatnonzero(self.estimator_.predict(X) == -1), dtype="int64")

    def _transform_scores(self, X: pd.DataFrame) -> pd.DataFrame:
        scores = -self.estimator_.score_samples(X)
        return pd.DataFrame({"scores": scores}, index=X.index)

    def _predict_scores(self, X: pd.DataFrame) -> pd.Series:
        return self._transform_scores(X)["scores"].iloc[self._predict(X)].reset_index(drop=True)

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return parameters for sktime's checks.

        Parameters
        ----------
        parameter_set : str, default="default"
            There is only one.

        Returns
        -------
        list of dict
        """
        small: dict[str, Any] = {"units": 4, "latent_dim": 2, "epochs": 1, "random_state": 0}
        return [{"estimator": LSTMAutoencoder(window_size, **small)} for window_size in (4, 6)]
