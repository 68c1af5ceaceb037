"""The features seen in `fit`: how many, and their names."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skae._compat.sklearn import FeatureRecord


def default_names(n_features: int) -> list[str]:
    """Return default feature names.

    Examples
    --------
    >>> default_names(3)
    ['x0', 'x1', 'x2']
    """
    return [f"x{i}" for i in range(n_features)]


@dataclass(frozen=True)
class Features:
    """What `fit` saw of the columns of X.

    Parameters
    ----------
    n_columns : int
        Columns of a table or series, without that of `series`; or features of a step.
    n_features : int
        Features of a step: 1 for a table of univariate sequences.
    names : ndarray of shape (n_columns,), object, optional
    """

    n_columns: int
    n_features: int
    names: NDArray[np.object_] | None = None

    @classmethod
    def of(cls, record: FeatureRecord, n_features: int) -> Self:
        """Return the features from a record that scikit-learn's checks have filled."""
        return cls(record.n_features_in_, n_features, getattr(record, "feature_names_in_", None))

    def record(self, estimator: str) -> FeatureRecord:
        """Return a record for scikit-learn's checks."""
        record = FeatureRecord.named(estimator)
        record.n_features_in_, record.n_step_features = self.n_columns, self.n_features
        if self.names is not None:
            record.feature_names_in_ = self.names
        return record

    def column_names(self) -> list[str]:
        """Return the names of the columns, or default names."""
        return default_names(self.n_columns) if self.names is None else list(self.names)

    def to_plain(self) -> dict[str, Any]:
        """Return plain values and arrays."""
        plain = {"n_columns": int(self.n_columns), "n_features": int(self.n_features)}
        return plain | {"names": self.names}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the features that `to_plain` was called on."""
        return cls(plain["n_columns"], plain["n_features"], plain["names"])
