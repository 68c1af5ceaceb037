"""Observed and missing values: reductions over what was observed, and how gaps are filled.

NaN means not observed and does not count. Each reduction returns NaN where nothing was observed.
All but `mean` reduce the second axis, the steps.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]
Floats = NDArray[np.float32]

NAN_ALLOWED: dict[str, Any] = {"ensure_all_finite": "allow-nan"}
"""Option of scikit-learn's checks: a missing value is NaN, and infinity raises an error."""

BLOCK = 2**18
"""Rows that are read at a time."""

UNROLLED = 8
"""Smallest number of values that NumPy sums pairwise."""


def mean(values: Array, axis: int | tuple[int, ...] = 1) -> Array:
    """Return the mean over `axis`, float64."""
    if np.size(values):
        found = _mean_of_all(values, axis)
        if not np.isnan(found).any():
            return found
    observed = ~np.isnan(values)
    total = np.where(observed, values, 0.0).sum(axis=axis, dtype=np.float64)
    count = observed.sum(axis=axis)
    nothing = np.full(np.shape(total), np.nan)
    means: Array = np.divide(total, count, out=nothing, where=count > 0)
    return means


def _mean_of_all(values: Array, axis: int | tuple[int, ...]) -> Array:
    """Return NumPy's mean, bit by bit, in a third of the time for a short last axis."""
    n_last = values.shape[-1]
    if axis != values.ndim - 1 or n_last >= UNROLLED:
        return np.asarray(np.mean(values, axis=axis, dtype=np.float64))
    total = values[..., 0].astype(np.float64)
    for i in range(1, n_last):
        total += values[..., i]
    mean_of_all: Array = total / n_last
    return mean_of_all


def mean_or_zero(rows: Array) -> NDArray[np.float32]:
    """Return the mean of each column; 0 if nothing was observed in it."""
    if len(rows) <= BLOCK:
        return np.nan_to_num(mean(rows, axis=0)).astype(np.float32)
    total, count = np.zeros((2, rows.shape[1]))
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        total += np.nansum(block, axis=0, dtype=np.float64)
        count += np.count_nonzero(~np.isnan(block), axis=0)
    return (total / np.maximum(count, 1)).astype(np.float32)


def median(values: Array) -> Array:
    """Return the median over the second axis."""
    # NumPy is many times slower where values may be missing.
    found: Array = np.median(values, axis=1)
    missing = np.isnan(found)
    some = missing & ~np.isnan(values).all(axis=1)
    found[some] = np.nanmedian(np.moveaxis(values, 1, -1)[some], axis=-1)
    return found


def maximum(values: Array) -> Array:
    """Return the largest value along the second axis."""
    largest: Array = np.fmax.reduce(values, axis=1)
    return largest


def first(values: Array) -> Array:
    """Return the first observed value along the second axis."""
    position = np.expand_dims((~np.isnan(values)).argmax(axis=1), 1)
    return np.take_along_axis(values, position, axis=1)[:, 0]


def last(values: Array) -> Array:
    """Return the last observed value along the second axis."""
    return first(values[:, ::-1])


def are_uneven(rows: Array) -> bool:
    """Tell whether a row has both observed and missing features."""
    blocks = (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))
    return rows.shape[1] > 1 and any(
        (seen.any(axis=1) != seen.all(axis=1)).any() for seen in (~np.isnan(b) for b in blocks)
    )


def balance(seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return factors that give all features observed in a sequence the same total weight.

    Parameters
    ----------
    seen : ndarray of shape (n, n_steps, n_features), bool

    Returns
    -------
    ndarray of shape (n, 1, n_features), float64
        Steps of the sequence, divided by the steps in which the feature was observed.

    Examples
    --------
    >>> import numpy as np
    >>> from skae._input.observed import balance
    >>> balance(np.array([[[True, True], [True, False], [True, False]]])).tolist()
    [[[1.0, 3.0]]]
    """
    n_steps = seen.any(axis=2, keepdims=True).sum(axis=1, keepdims=True)
    factors: NDArray[np.float64] = n_steps / np.maximum(seen.sum(axis=1, keepdims=True), 1)
    return factors


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


def warn_if_never_observed(rows: Floats, names: Any = None) -> None:
    """Warn about features without any observation, because the network cannot learn them."""
    unseen = np.arange(rows.shape[1])
    for start in range(0, len(rows), BLOCK):
        unseen = unseen[np.isnan(rows[start : start + BLOCK, unseen]).all(axis=0)]
        if not len(unseen):
            return
    named = [int(i) if names is None else str(names[i]) for i in unseen[:5]]
    warnings.warn(
        f"Got X without an observation of the features {named}: their later values will look like "
        "outliers. Leave them out.",
        UserWarning,
        stacklevel=2,
    )
