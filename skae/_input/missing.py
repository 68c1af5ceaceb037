"""Missing values: NaN is accepted, and gaps inside a sequence are filled."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

NAN_ALLOWED: dict[str, Any] = {"ensure_all_finite": "allow-nan"}
"""Option of scikit-learn's checks: a missing value is NaN, and infinity raises an error."""


def imputed(values: Floats, inside: NDArray[np.bool_], fallback: Floats) -> Floats:
    """Fill every gap inside a sequence; see `Sequences.imputed`.

    Parameters
    ----------
    values : ndarray of shape (n_sequences, length, n_features)
        NaN where nothing was observed.
    inside : ndarray of shape (n_sequences, length, 1), bool
        Which steps are not padding.
    fallback : ndarray of shape (n_features,)
        Values for features without any observation in a sequence.

    Returns
    -------
    ndarray of the same shape, float32
        `values` itself where there is no gap.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.array([[[np.nan], [1.0], [np.nan], [3.0]]], np.float32)
    >>> imputed(values, np.ones((1, 4, 1), bool), np.zeros(1, np.float32))[0, :, 0].tolist()
    [1.0, 1.0, 1.0, 3.0]
    """
    if not (np.isnan(values) & inside).any():
        return values
    filled = _hold_last_observed(values)
    backward = _hold_last_observed(values[:, ::-1])[:, ::-1]
    filled = np.where(np.isnan(filled), backward, filled)
    filled = np.where(np.isnan(filled), fallback, filled)
    return np.where(inside, filled, np.nan).astype(np.float32, copy=False)


def _hold_last_observed(values: Floats) -> Floats:
    """Repeat each value over the NaN steps that follow it, along axis 1."""
    steps = np.arange(values.shape[1])[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), 0, steps), axis=1)
    return np.take_along_axis(values, last, axis=1)


ROWS_AT_ONCE = 2**18
"""Rows that are searched for observations at a time."""


def warn_if_never_observed(rows: Floats, names: Any = None) -> None:
    """Warn about features without any observation, because the network cannot learn them."""
    unseen = np.arange(rows.shape[1])
    for start in range(0, len(rows), ROWS_AT_ONCE):
        unseen = unseen[np.isnan(rows[start : start + ROWS_AT_ONCE, unseen]).all(axis=0)]
        if not len(unseen):
            return
    named = [int(i) if names is None else str(names[i]) for i in unseen[:5]]
    warnings.warn(
        f"Got X without an observation of the features {named}: their later values will look like "
        "outliers. Leave them out.",
        UserWarning,
        stacklevel=2,
    )
