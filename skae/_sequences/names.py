"""Names of the features of several series: one and the same in each."""

from collections.abc import Sequence
from typing import Any

from skae._compat.sklearn import check_feature_names


def check_names_of_each(estimator: Any, series: Sequence[Any], *, reset: bool) -> None:
    """Set ``feature_names_in_`` to the names in the first series, and compare those in each.

    Parameters
    ----------
    estimator : LSTMAutoencoder or SequenceWindower
    series : sequence of array-like
        A series without names is compared as scikit-learn does it: with a warning, if there
        are names elsewhere.
    reset : bool
        Whether to set, as in `fit`, or to compare the first as well.

    Raises
    ------
    ValueError
        If the names in a series are others, or in another order. The message says in which.
    """
    for i, item in enumerate(series):
        check_names_of_one(estimator, item, f"X[{i}]", reset=reset and i == 0)


def check_names_of_one(estimator: Any, item: Any, name: str, *, reset: bool) -> None:
    """Set or compare ``feature_names_in_``; see `check_names_of_each`."""
    try:
        check_feature_names(estimator, item, reset=reset)
    except ValueError as error:
        raise ValueError(f"Got other columns in {name}: {error}") from error
