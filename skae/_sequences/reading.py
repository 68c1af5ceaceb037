"""From what a user hands over to samples, checked against what the estimator has seen."""

import warnings
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skae._compat.sklearn import check_feature_names, feature_names_of, too_large_is_named
from skae._sequences.layout import Layout, without_series
from skae._sequences.periods import window_size_of
from skae._sequences.ragged import (
    Floats,
    Indices,
    Sequences,
    from_array,
    from_list,
    from_table,
    is_list_of_sequences,
    stack_series,
)
from skae._sequences.samples import RowSamples, Samples, SequenceSamples
from skae._sequences.windows import Windowing, as_view_of_rows, shape_of_flat_windows


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
    if windowing.window_size is None:
        _check_are_of_rows(windowing)
        return SequenceSamples(_read_sequences(estimator, X, reset))
    if is_list_of_sequences(X):
        rows, lengths = _read_series(estimator, X, reset)
        return _row_samples(rows, Layout.of_list(X, lengths, windowing), windowing, is_list=True)
    features, labels = without_series(X, windowing.series)
    rows = read_rows(estimator, features, reset=reset)
    return _row_samples(rows, Layout.of_table(X, labels, len(rows), windowing), windowing)


def read_rows(estimator: Any, X: Any, *, reset: bool) -> Floats:
    """Return the rows of a table as the estimator takes them, whatever series they belong to.

    Raises
    ------
    ValueError
        As `read_samples`.
    """
    options: dict[str, Any] = {"ensure_all_finite": "allow-nan", "order": "C"}
    with too_large_is_named(X):
        return validate_data(estimator, X, dtype=np.float32, reset=reset, **options)


def _check_are_of_rows(windowing: Windowing) -> None:
    for name in ("series", "max_gap"):
        value = getattr(windowing, name)
        if value is not None:
            raise ValueError(
                f"Got {name}={value!r} and window_size=None, but expected a window_size: only the "
                "rows of series are cut into windows."
            )


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
    n_empty = int((~seen).sum())
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
    array = np.asarray(X)
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
        return _row_samples(rows, layout, windowing, is_list=True)
    features, labels = without_series(X, windowing.series)
    rows = read_latents(features, latent_dim)
    return _row_samples(rows, Layout.of_table(X, labels, len(rows), windowing), windowing)


def _check_latent_dim(n_columns: int, latent_dim: int) -> None:
    if n_columns != latent_dim:
        raise ValueError(
            f"Got X with {n_columns} columns, but expected latents with latent_dim={latent_dim}."
        )


def _row_samples(
    rows: Floats, layout: Layout, windowing: Windowing, *, is_list: bool = False
) -> RowSamples:
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
        sequences = from_list(X)
    elif feature_names_of(X) is None and (array := np.asarray(X)).ndim == 3:
        sequences = from_array(array)
    elif shape := shape_of_flat_windows(_names(X)):
        windows = read_rows(estimator, X, reset=reset).reshape(len(X), *shape)
        return from_array(as_view_of_rows(windows))
    else:
        return _read_table(estimator, X, reset)
    _check_n_features(estimator, sequences.n_features, reset)
    return sequences


def _names(X: Any) -> list[str]:
    names = feature_names_of(X)
    return [] if names is None else list(names)


def _read_table(estimator: Any, X: Any, reset: bool) -> Sequences:
    if not reset and estimator.model_.input_shape[-1] > 1:
        raise ValueError(
            f"Got X with shape {np.shape(X)}, but expected (n_samples, n_steps, n_features="
            f"{estimator.model_.input_shape[-1]}) as in fit."
        )
    # The columns of a table are its steps: their number is fixed by a fit on a table.
    if not reset and estimator.n_features_in_ == 1:
        return from_table(check_array(X, dtype=np.float64, ensure_all_finite="allow-nan"))
    return from_table(read_rows(estimator, X, reset=reset))


def _read_series(estimator: Any, X: Any, reset: bool) -> tuple[Floats, Indices]:
    check_feature_names(estimator, X[0], reset=reset)
    rows, lengths = stack_series(X)
    _check_n_features(estimator, rows.shape[1], reset)
    return rows, lengths


def _check_n_features(estimator: Any, n_features: int, reset: bool) -> None:
    if reset:
        estimator.n_features_in_ = n_features
        return
    expected = estimator.model_.input_shape[-1]
    if n_features != expected:
        raise ValueError(
            f"X has {n_features} features, but {type(estimator).__name__} is expecting "
            f"{expected} features as input."
        )
