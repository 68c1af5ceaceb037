"""What float32, in which networks compute, leaves of a signal on a large offset."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._sequences.ragged import Floats

LOST = 0.01
"""Share of a feature's standard deviation that rounding may take without a word."""


def warn_if_rounded(rows: Floats, given: Callable[[], NDArray[np.float64]], names: Any) -> None:
    """Warn of features whose signal float32 does not keep.

    Between 1e9 and the next number are 64: what varies by less is gone. A feature that varies
    in float64 by its own rounding alone is a constant.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32
    given : callable
        Returns the same rows before they became float32. It is called only if `rows` vary by
        few steps of float32, as constants do.
    names : array-like of str of shape (n_features,) or None
        Of the features; their numbers otherwise.
    """
    suspects = _few_steps(rows)
    if not len(suspects):
        return
    exact = given()
    lost = [str(_label(names, i)) for i in suspects if _is_lost(exact[:, i])]
    if lost:
        named = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
        warnings.warn(
            f"Got X with a signal that float32 rounds away, in feature {named}: it varies too "
            "little for the offset that it has. Take the offset away first, in float64: "
            "make_pipeline(StandardScaler(), LSTMAutoencoder(...)).",
            UserWarning,
            stacklevel=2,
        )


def _few_steps(rows: Floats) -> NDArray[np.intp]:
    """Return the features whose range is so few steps of float32 that more may be lost."""
    lowest, highest = np.fmin.reduce(rows).astype(float), np.fmax.reduce(rows).astype(float)
    largest = np.maximum(np.abs(lowest), np.abs(highest)).astype(np.float32)
    return np.flatnonzero(highest - lowest < 10 / LOST * np.spacing(largest))


def _is_lost(values: NDArray[np.float64]) -> bool:
    values = values[np.isfinite(values)]
    if not len(values):
        return False
    spread = np.std(values)
    is_constant = spread <= 64 * np.spacing(np.abs(values).max())
    return bool(not is_constant and np.std(values - values.astype(np.float32)) > LOST * spread)


def _label(names: Any, feature: int) -> Any:
    return feature if names is None else repr(str(names[feature]))
