"""From what a user hands over to samples, checked against what the estimator has seen."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skae._compat.sklearn import check_feature_names, feature_names_of, too_large_is_named
from skae._input.checks import as_numbers, check_names_of_each
from skae._input.layout_warnings import (
    as_rows,
    refuse_one_sequence,
    warn_if_channels_come_first,
    warn_if_rows_of_a_series,
)
from skae._input.precision import warn_if_rounded
from skae._input.sequences import (
    Floats,
    Indices,
    Sequences,
    from_array,
    from_list,
    from_table,
    is_list_of_sequences,
    refuse_short_rows,
    rows_and_starts,
    stack_series,
)
from skae._windows.period import window_size_of
from skae._windows.samples import RowSamples, Samples, SequenceSamples
from skae._windows.series import Layout, without_series
from skae._windows.windows import Windowing, as_view_of_rows, shape_of_flat_windows


def read_samples(estimator: Any, X: Any, windowing: Windowing, *, reset: bool) -> Samples:
    """Return the samples in X: sequences, or rows if the windowing has a size.

    Parameters
    ----------
    estimator : LSTMAutoencoder
        Its `n_features_in_` and `feature_names_in_` are set or compared.
    X : array-like or list
    windowing : Windowing
    reset : bool
        Whether to set, as in `fit`, or to compare.

    Raises
    ------
    ValueError
        If X is not numeric, infinite, empty, or does not fit what was seen in `fit`.
    """
    samples = _read(estimator, X, windowing, reset)
    if reset and getattr(X, "dtype", None) != np.float32:
        rows = samples.windows.rows
        given = X if is_list_of_sequences(X) else without_series(X, windowing.series)[0]
        names = _names_of_features(given, rows)
        warn_if_rounded(rows, lambda: _in_float64(given, rows.shape[1]), names)
    return samples


def _read(estimator: Any, X: Any, windowing: Windowing, reset: bool) -> Samples:
    if windowing.window_size is None:
        check_are_of_rows(windowing)
        return SequenceSamples(_read_sequences(estimator, X, reset))
    if is_list_of_sequences(X):
        rows, lengths = _read_series(estimator, X, reset)
        return row_samples(rows, Layout.of_list(X, lengths, windowing), windowing, is_list=True)
    X = as_rows(X, windowing.window_size)
    features, labels = without_series(X, windowing.series)
    rows = read_rows(estimator, features, reset=reset)
    return row_samples(rows, Layout.of_table(X, labels, len(rows), windowing), windowing)


def read_rows(estimator: Any, X: Any, *, reset: bool) -> Floats:
    """Return the rows of a table as the estimator takes them, whatever series they belong to.

    Raises
    ------
    ValueError
        As `read_samples`.
    """
    options: dict[str, Any] = {"ensure_all_finite": "allow-nan", "order": "C"}
    X = as_numbers(X)
    with too_large_is_named(X):
        return validate_data(estimator, X, dtype=np.float32, reset=reset, **options)


def check_are_of_rows(windowing: Windowing) -> None:
    """Refuse what cuts series into windows where samples are sequences."""
    for name in ("series", "max_gap"):
        value = getattr(windowing, name)
        if value is not None:
            raise ValueError(
                f"Got {name}={value!r} and window_size=None, but expected a window_size: only the "
                "rows of series are cut into windows."
            )


def _in_float64(X: Any, n_features: int) -> NDArray[np.float64]:
    """Return all rows or steps of X, as they were before they became float32."""
    if is_list_of_sequences(X):
        return stack_series(X, np.float64)[0]
    X = as_numbers(X)
    if np.ndim(X) == 3:
        X = rows_and_starts(np.asarray(X))[0]
    rows = check_array(X, dtype=np.float64, ensure_all_finite="allow-nan", ensure_2d=np.ndim(X) > 1)
    return rows.reshape(-1, n_features)


def _names_of_features(X: Any, rows: Floats) -> Any:
    """Return the names of the features in X, None where its columns are others or have none."""
    names = feature_names_of(X[0] if is_list_of_sequences(X) else X)
    return names if names is not None and len(names) == rows.shape[1] else None


def check_fills_a_window(samples: Samples) -> None:
    """Refuse series none of which is as long as a window."""
    if isinstance(samples, RowSamples) and samples.windows.max_length < samples.window_size:
        raise ValueError(
            f"Got X with {samples.windows.max_length} sample(s) (rows) in its longest "
            f"series, or part of one between gaps, but expected at least window_size="
            f"{samples.window_size}. Give more rows or choose a smaller window_size."
        )


def with_observations(samples: Samples) -> Samples:
    """Return samples to learn from: sequences without those in which nothing was observed.

    Of the rows of a series all are kept; their windows without any observation are left out of
    training by themselves. Either is counted in a warning.

    Raises
    ------
    ValueError
        If nothing was observed at all.
    """
    seen = samples.windows.are_observed
    n_empty = len(seen) - int(np.count_nonzero(seen))
    if n_empty == len(seen):
        raise ValueError(
            f"Got X with nothing but NaN in {n_empty} windows or sequences to train on, but "
            "expected at least one observed value."
        )
    if n_empty:
        warnings.warn(
            f"Got X with nothing but NaN in {n_empty} of {len(seen)} windows or sequences to train "
            "on: they are left out.",
            UserWarning,
            stacklevel=2,
        )
    if n_empty and isinstance(samples, SequenceSamples) and samples.is_set:
        return samples.select(np.flatnonzero(seen))
    return samples


def read_latents(X: Any, latent_dim: int) -> Floats:
    """Return latents of shape (n, latent_dim), float32.

    Raises
    ------
    ValueError
        If X has another number of columns.
    """
    X = as_numbers(X)
    with too_large_is_named(X):
        latents = check_array(X, dtype=np.float32, input_name="X")
    _check_latent_dim(latents.shape[1], latent_dim)
    return latents


def read_latent_sequences(X: Any, latent_dim: int) -> Sequences:
    """Return sequences of latents from a list, (n, n_steps, latent_dim), or the same flat.

    Raises
    ------
    ValueError
        If the shape of X does not fit.
    """
    if is_list_of_sequences(X):
        sequences = from_list(X)
        _check_latent_dim(sequences.n_features, latent_dim)
        return sequences
    array = np.asarray(as_numbers(X))
    if array.ndim == 2 and array.size and array.shape[1] % latent_dim == 0:
        array = array.reshape(len(array), -1, latent_dim)
    if array.ndim != 3 or array.shape[2] != latent_dim:
        raise ValueError(
            f"Got X with shape {array.shape}, but expected (n_samples, n_steps, "
            f"latent_dim={latent_dim}) or the same flat."
        )
    return from_array(array)


def read_latent_rows(X: Any, windowing: Windowing, latent_dim: int) -> RowSamples:
    """Return latents per row, of one series or a list of such.

    Raises
    ------
    ValueError
        If X has another number of columns.
    """
    if is_list_of_sequences(X):
        rows, lengths = stack_series(X)
        _check_latent_dim(rows.shape[1], latent_dim)
        layout = Layout.of_list(X, lengths, windowing._replace(series=None))
        return row_samples(rows, layout, windowing, is_list=True)
    features, labels = without_series(X, windowing.series)
    rows = read_latents(features, latent_dim)
    return row_samples(rows, Layout.of_table(X, labels, len(rows), windowing), windowing)


def _check_latent_dim(n_columns: int, latent_dim: int) -> None:
    if n_columns != latent_dim:
        raise ValueError(
            f"Got X with {n_columns} columns, but expected latents with latent_dim={latent_dim}."
        )


def row_samples(
    rows: Floats, layout: Layout, windowing: Windowing, *, is_list: bool = False
) -> RowSamples:
    """Return the rows of one or more series as samples."""
    rows, size = rows if layout.positions is None else rows[layout.positions], windowing.window_size
    return RowSamples(
        rows,
        layout.lengths,
        window_size_of(rows, layout.runs) if size == "auto" else size,
        windowing.stride,
        is_list,
        positions=layout.positions,
        after_gap=layout.after_gap,
    )


def _read_sequences(estimator: Any, X: Any, reset: bool) -> Sequences:
    if is_list_of_sequences(X):
        check_names_of_each(estimator, X, reset=reset)
        sequences = from_list(X)
    elif feature_names_of(X) is None and (array := np.asarray(as_numbers(X))).ndim == 3:
        if reset:  # Names that an earlier fit saw are forgotten.
            check_feature_names(estimator, array, reset=True)
        sequences = from_array(array)
    elif shape := shape_of_flat_windows(_names(X)):
        windows = read_rows(estimator, X, reset=reset).reshape(len(X), *shape)
        return from_array(as_view_of_rows(windows))
    else:
        return _read_table(estimator, X, reset)
    if reset:
        warn_if_channels_come_first(sequences)
    check_n_features(estimator, sequences.n_features, reset)
    return sequences


def _names(X: Any) -> list[str]:
    names = feature_names_of(X)
    return [] if names is None else list(names)


def _read_table(estimator: Any, X: Any, reset: bool) -> Sequences:
    refuse_one_sequence(X)
    if not reset and estimator.model_.input_shape[-1] > 1:
        raise ValueError(
            f"Got X with shape {np.shape(X)}, but expected (n_samples, n_steps, n_features="
            f"{estimator.model_.input_shape[-1]}) as in fit."
        )
    # The columns of a table are its steps: their number is fixed by a fit on a table.
    if not reset and estimator.n_features_in_ == 1:
        return from_table(
            check_array(as_numbers(X), dtype=np.float64, ensure_all_finite="allow-nan")
        )
    table = read_rows(estimator, X, reset=reset)
    if reset:
        warn_if_rows_of_a_series(X, table)
    return from_table(table)


def _read_series(estimator: Any, X: Any, reset: bool) -> tuple[Floats, Indices]:
    refuse_short_rows(X)
    check_names_of_each(estimator, X, reset=reset)
    rows, lengths = stack_series(X)
    check_n_features(estimator, rows.shape[1], reset)
    return rows, lengths


def check_n_features(estimator: Any, n_features: int, reset: bool) -> None:
    """Set or compare the number of features."""
    if reset:
        estimator.n_features_in_ = n_features
        return
    expected = estimator.model_.input_shape[-1]
    if n_features != expected:
        raise ValueError(
            f"X has {n_features} features, but {type(estimator).__name__} is expecting "
            f"{expected} features as input."
        )
