"""Warnings if the values of X suggest another layout.

Rows of a series look like a table of short sequences, and (n_samples, n_channels, n_timepoints)
looks like (n_samples, n_steps, n_features). Names, times and the similarity of neighbours tell them
apart. A warning is enough, because either layout may be intended.
"""

import re
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._input import observed
from skae._input.checks import as_numbers, reject_dicts
from skae._input.sequences import Sequences, shape_of

RESEMBLANCE = 0.7
"""Smallest correlation of neighbours in a direction that looks like time."""
LEAD = 0.1
"""How much higher it must be than in the other direction."""
MIN_ROWS = 200
"""Fewest rows for a check of their order; there must also be ten rows per column."""
DAY = np.timedelta64(1, "D")


def reject_one_sequence(X: Any) -> None:
    """Reject a single vector, or an sktime panel, if samples are sequences.

    Raises
    ------
    ValueError
        If X has one dimension, or is a dataframe with an index of several levels.
    """
    shape = shape_of(X)
    if len(shape) == 1:
        raise ValueError(
            f"Got X with shape {shape} (1D array) and window_size=None, but expected one sequence "
            "per sample. Reshape your data: np.reshape(X, (1, -1)) is one sequence of one "
            "feature. For the rows of a time series set window_size, such as 30."
        )
    levels = getattr(getattr(X, "index", None), "nlevels", 1)
    if levels > 1:
        raise ValueError(
            f"Got X as a dataframe with {levels} levels in its index, as in sktime's panels, but "
            "expected a list of sequences: [part for _, part in X.groupby(level=0)]. If each row "
            "is a sequence, pass X.reset_index(drop=True)."
        )


def reject_targets(X: Any, y: Any) -> None:
    """Reject y that looks like clean target sequences, because it would be ignored.

    Raises
    ------
    ValueError
        If y has the shape of X (two or more dimensions) and other values.
    """
    if y is None or y is X or isinstance(y, str) or len(shape := shape_of(y)) < 2:
        return
    is_column = len(shape) == 2 and shape[1] == 1
    if is_column or shape != shape_of(X) or np.array_equal(X, y, equal_nan=True):
        return
    raise ValueError(
        f"Got y of shape {shape}, the shape of X, but expected None or labels, which are ignored: "
        "X itself is reconstructed. To learn to remove noise, set `noise`."
    )


def as_rows(X: Any, window_size: int, n_features: int = 0) -> Any:
    """Return one series as rows; the values of a single feature become a column.

    Parameters
    ----------
    X : array-like
    window_size : int
    n_features : int, default=0
        Features seen in `fit`; 0 during `fit`.

    Raises
    ------
    ValueError
        If X has three dimensions, or one though there are several features.
    """
    reject_dicts(X)
    shape = shape_of(X)
    if len(shape) == 3:
        raise ValueError(
            f"Got X with shape {shape} (dim 3) and window_size={window_size}, but expected rows of "
            "shape (n_rows, n_features). If each X[i] is a series, pass list(X). To score each "
            "X[i] as one sequence, set window_size=None."
        )
    if len(shape) != 1:
        return X
    if n_features > 1:
        raise ValueError(
            f"Got X with shape {shape} (1D array), but expected rows of {n_features} features as "
            "in fit. Reshape your data: np.reshape(X, (1, -1)) is one row."
        )
    if hasattr(X, "to_frame") and (X.name or hasattr(X, "iloc")):
        return X.to_frame()
    return (X if isinstance(X, np.ndarray) else np.asarray(as_numbers(X)))[:, None]


def warn_if_rows_of_a_series(
    X: Any,
    table: NDArray[np.floating],
    setting: str = "window_size=None",
    advice: str = "give a window_size, such as 30",
) -> None:
    """Warn if a table of univariate sequences looks like the rows of a series.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_steps)
        As passed by the user.
    table : ndarray of shape (n_samples, n_steps), float32 or float64
        As it was read.
    setting : str, default="window_size=None"
        The parameter that makes the estimator read it as sequences.
    advice : str, default="give a window_size, such as 30"
        Advice if they are rows.
    """
    reason = _by_index(X) or _by_names(X) or _by_order(table)
    if reason:
        n_rows, n_columns = table.shape
        warnings.warn(
            f"Got X with shape {table.shape} and {setting}, so each of its {n_rows} rows "
            f"was read as a sequence of one feature and {n_columns} step(s), although {reason}. If "
            f"they are the rows of a time series, {advice}. If they are sequences, pass an array "
            "of shape (n_samples, n_steps, 1).",
            UserWarning,
            stacklevel=2,
        )


def _by_index(X: Any) -> str:
    index: Any = getattr(X, "index", None)
    if getattr(getattr(index, "dtype", None), "kind", "") not in ("m", "M") or len(X) < 2:
        return ""
    between = np.diff(np.asarray(index.tz_localize(None) if hasattr(index, "tz") else index))
    return "its index holds times less than a day apart" if np.median(between) < DAY else ""


def _by_names(X: Any) -> str:
    """Return why column names look like feature names; step names differ only in a number."""
    names = [name for name in getattr(X, "columns", ()) if isinstance(name, str)]
    stems = {re.sub(r"[\W\d_]+", "", name.lower()) for name in names}
    if len(stems) < 2 or stems <= _PARTS_OF_A_YEAR:
        return ""
    shown = ", ".join(map(repr, names[:3])) + (", ..." if len(names) > 3 else "")
    return f"its columns are named like features ({shown})"


_PARTS_OF_A_YEAR = {
    name[:length]
    for name in "january february march april may june july august september october november "
    "december monday tuesday wednesday thursday friday saturday sunday".split()
    for length in (3, len(name))
}


def _by_order(table: NDArray[np.float32]) -> str:
    if len(table) < max(MIN_ROWS, 10 * table.shape[1]):
        return ""
    values = _standardized(table)
    if not _leads(_resemblance(values, 0), _resemblance(values, 1)):
        return ""
    return "neighbouring rows resemble each other as the steps of a series do, and columns do not"


def warn_if_channels_come_first(sequences: Sequences) -> None:
    """Warn if sequences look like (n_channels, n_timepoints), the layout of aeon.

    Parameters
    ----------
    sequences : Sequences
        As they were read.
    """
    n_steps, n_features = sequences.max_length, sequences.n_features
    if n_features <= 3 * n_steps:
        return
    values = sequences.at_most(100).padded().astype(np.float64)
    across = np.nan_to_num(values - observed.mean(values, -1)[..., None])
    along = _standardized(values.reshape(-1, n_features)).reshape(values.shape)
    if _leads(_resemblance(across, 2), _resemblance(along, 1)):
        warnings.warn(
            f"Got X with sequences of at most {n_steps} steps and {n_features} features, but "
            "neighbouring features resemble each other as the steps of a series do, and steps do "
            "not. If it has the shape (n_samples, n_channels, n_timepoints), as in aeon, pass "
            "X.transpose(0, 2, 1), or [x.T for x in X] for a list.",
            UserWarning,
            stacklevel=2,
        )


MIN_ORDERED = 400
"""Fewest rows for a check of their order in time."""
LAGS = 10
"""Distances at which rows of an ordered series resemble each other."""
MIN_PADDED = 10
"""Fewest sequences that are checked for padding with zeros."""


def warn_if_in_no_order(rows: NDArray[np.floating], lengths: NDArray[np.intp]) -> None:
    """Warn if rows do not resemble their neighbours more than other rows, as after shuffling.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
    lengths : ndarray of shape (n_series,), intp
    """
    first = rows[: min(int(lengths[0]), 2**16)]
    if len(first) < MIN_ORDERED:
        return
    values = _standardized(first)
    # One spike may hold all the variance of a flat sensor, whatever the order of its rows.
    low, high = np.quantile(values, (0.01, 0.99), axis=0)
    values = _standardized(np.clip(values, low, high)[:, low < high])
    if not values.size:
        return
    products = [np.abs((values[lag:] * values[:-lag]).mean(axis=0)) for lag in range(1, LAGS + 1)]
    if np.max(products) < 4 / np.sqrt(len(first)):
        warnings.warn(
            f"Got X with {len(first)} rows that do not resemble their neighbours more than other "
            "rows, but expected the rows of a series in order of time. Some searches shuffle "
            "rows. For HalvingGridSearchCV, set resource='epochs', in a Pipeline with the prefix "
            "of the step.",
            UserWarning,
            stacklevel=2,
        )


def warn_if_padded_with_zeros(X: NDArray[np.floating]) -> None:
    """Warn if shorter sequences seem to be padded with zeros, which are data here.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_steps, n_features)
    """
    if len(X) < MIN_PADDED or X.shape[1] < 3:
        return
    is_zero = (X == 0).all(axis=2)
    for side, flags in (("end", is_zero[:, ::-1]), ("beginning", is_zero)):
        n_zeros = np.logical_and.accumulate(flags, axis=1).sum(axis=1)
        padded = (n_zeros > 0) & (n_zeros < X.shape[1])
        only_there = is_zero.sum() == n_zeros.sum()
        if only_there and padded.mean() >= 0.2 and len(np.unique(n_zeros)) >= 3:
            warnings.warn(
                f"Got X with steps that are 0 in every feature at the {side} of {padded.sum()} of "
                f"{len(X)} sequences and nowhere else, like the output of pad_sequences, but "
                "expected padding with NaN, because 0 is a value. Pad with value=np.nan, or pass "
                "a list of sequences.",
                UserWarning,
                stacklevel=2,
            )
            return


def _leads(resemblance: float, other: float) -> bool:
    return resemblance > max(RESEMBLANCE, other + LEAD)


def _standardized(table: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return columns of mean 0 and standard deviation 1, or 0; NaN becomes the mean."""
    values = np.nan_to_num(table - observed.mean(table, 0))
    spread = np.std(values, axis=0)
    return values / np.where(spread > 0, spread, 1)


def _resemblance(values: NDArray[np.float64], axis: int) -> float:
    """Return the correlation of centered neighbours in a direction; 0 if there are none."""
    moved = np.moveaxis(values, axis, 0)
    first, second = moved[:-1], moved[1:]
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / scale) if scale > 0 else 0.0
