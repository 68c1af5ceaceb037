"""From user input to samples, checked against the data seen in `fit`."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from skae._compat.sklearn import FeatureRecord, check_feature_names, too_large_is_named
from skae._input import layout_warnings
from skae._input.checks import as_numbers
from skae._input.observed import NAN_ALLOWED
from skae._input.scaling import warn_if_rounded
from skae._input.sequences import (
    Floats,
    Sequences,
    from_array,
    from_list,
    from_table,
    rows_and_starts,
    stack_series,
)
from skae._input.table import Table, check_n_features, check_names_of_each, read_rows
from skae._windows.period import window_size_of
from skae._windows.samples import RowSamples, Samples, SequenceSamples
from skae._windows.series import Layout, without_series
from skae._windows.windows import Windowing, as_view_of_rows, shape_of_flat_windows


def read_samples(
    record: FeatureRecord, X: Any, windowing: Windowing, *, reset: bool, dtype: Any = np.float32
) -> Samples:
    """Return the samples in X: sequences, or rows if the windowing has a size.

    Parameters
    ----------
    record : FeatureRecord
        Its features are set or compared.
    X : array-like or list
    windowing : Windowing
    reset : bool
        Whether to set, as in `fit`, or to compare.
    dtype : dtype or list of dtype, default=float32
        Dtype of the rows, as in ``sklearn.utils.check_array``.

    Raises
    ------
    ValueError
        If X is empty, not numeric or not finite, or does not fit the data seen in `fit`.
    """
    size, n_features = windowing.window_size, 0 if reset else record.n_step_features
    table = Table.of(X, size, n_features, has_times=windowing.max_gap is not None)
    if size is None:
        check_are_of_rows(windowing)
        samples: Samples = SequenceSamples(
            _read_sequences(record, table, dtype, reset), given=table
        )
    else:
        samples = _read_rows(record, table, windowing, dtype, reset)
    if reset and dtype is np.float32 and getattr(X, "dtype", None) != np.float32:
        _warn_if_rounded(table, samples.windows.rows, windowing.series)
    return samples


def _read_rows(
    record: FeatureRecord, table: Table, windowing: Windowing, dtype: Any, reset: bool
) -> RowSamples:
    if table.is_list:
        rows, lengths = table.stacked(record, dtype, reset=reset)
        check_n_features(record, rows.shape[1], None if reset else record.n_step_features)
        return row_samples(rows, Layout.of_list(table.items, lengths, windowing), windowing, table)
    n_features = 0 if reset else record.n_step_features
    X = layout_warnings.as_rows(table.X, windowing.window_size, n_features)
    features, labels = without_series(X, windowing.series)
    rows = read_rows(record, features, reset=reset, dtype=dtype)
    if reset and labels is None:
        layout_warnings.warn_if_in_no_order(rows, np.array([len(rows)]))
    return row_samples(rows, Layout.of_table(X, labels, len(rows), windowing), windowing, table)


def _warn_if_rounded(table: Table, rows: Floats, series: str | int | None) -> None:
    given = table if table.is_list else Table.of(without_series(table.X, series)[0])
    names = given.names
    names = names if names is not None and len(names) == rows.shape[1] else None
    warn_if_rounded(rows, lambda: _in_float64(given, rows.shape[1]), names)


def _in_float64(table: Table, n_features: int) -> NDArray[np.float64]:
    """Return all rows or steps before their conversion to float32."""
    if table.is_list:
        return stack_series(table.items, np.float64)[0]
    X = as_numbers(table.X)
    if np.ndim(X) == 3:
        X = rows_and_starts(np.asarray(X))[0]
    rows = check_array(X, dtype=np.float64, **NAN_ALLOWED, ensure_2d=np.ndim(X) > 1)
    read: NDArray[np.float64] = rows.reshape(-1, n_features)
    return read


def check_are_of_rows(windowing: Windowing) -> None:
    """Reject parameters for windows if samples are sequences."""
    for name in ("series", "max_gap"):
        value = getattr(windowing, name)
        if value is not None:
            raise ValueError(
                f"Got {name}={value!r} and window_size=None, but expected a window_size, because "
                "only the rows of series are cut into windows."
            )


def check_fills_a_window(samples: Samples) -> None:
    """Reject series that are all shorter than a window."""
    if isinstance(samples, RowSamples) and samples.windows.max_length < samples.window_size:
        raise ValueError(
            f"Got X with {samples.windows.max_length} sample(s) (rows) in its longest "
            f"series, or part of a series between gaps, but expected at least window_size="
            f"{samples.window_size}. Pass more rows or choose a smaller window_size."
        )


def with_observations(samples: Samples) -> Samples:
    """Return the training samples, without sequences in which nothing was observed.

    All rows of a series are kept; training leaves out windows without observations. A warning
    counts windows and sequences.

    Raises
    ------
    ValueError
        If nothing was observed.
    """
    seen = samples.windows.are_observed
    n_empty = len(seen) - int(np.count_nonzero(seen))
    if n_empty == len(seen):
        raise ValueError(
            f"Got X with only NaN in {n_empty} training windows or sequences, but expected "
            "at least one observed value."
        )
    if n_empty:
        warnings.warn(
            f"Got X with only NaN in {n_empty} of {len(seen)} training windows or "
            "sequences: they are left out.",
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
        latents: Floats = check_array(X, dtype=np.float32, input_name="X")
    _check_latent_dim(latents.shape[1], latent_dim)
    return latents


def read_latent_sequences(X: Any, latent_dim: int) -> Sequences:
    """Return sequences of latents from a list, (n, n_steps, latent_dim), or its flat form.

    Raises
    ------
    ValueError
        If the shape of X does not fit.
    """
    table = Table.of(X)
    if table.is_list:
        sequences = from_list(table.items)
        _check_latent_dim(sequences.n_features, latent_dim)
        return sequences
    array = np.asarray(as_numbers(X))
    if array.ndim == 2 and array.size and array.shape[1] % latent_dim == 0:
        array = array.reshape(len(array), -1, latent_dim)
    if array.ndim != 3 or array.shape[2] != latent_dim:
        raise ValueError(
            f"Got X with shape {array.shape}, but expected (n_samples, n_steps, "
            f"latent_dim={latent_dim}) or its flat form."
        )
    return from_array(array)


def read_latent_rows(X: Any, windowing: Windowing, latent_dim: int) -> RowSamples:
    """Return latents per row, of one series or a list of series.

    Raises
    ------
    ValueError
        If X has another number of columns.
    """
    table = Table.of(X)
    if table.is_list:
        rows, lengths = stack_series(table.items)
        _check_latent_dim(rows.shape[1], latent_dim)
        layout = Layout.of_list(table.items, lengths, windowing._replace(series=None))
        return row_samples(rows, layout, windowing, table)
    features, labels = without_series(X, windowing.series)
    rows = read_latents(features, latent_dim)
    return row_samples(rows, Layout.of_table(X, labels, len(rows), windowing), windowing, table)


def _check_latent_dim(n_columns: int, latent_dim: int) -> None:
    if n_columns != latent_dim:
        raise ValueError(
            f"Got X with {n_columns} columns, but expected latents with latent_dim={latent_dim}."
        )


def row_samples(
    rows: NDArray[Any], layout: Layout, windowing: Windowing, table: Table
) -> RowSamples:
    """Return the rows of one or more series as samples."""
    rows, size = rows if layout.positions is None else rows[layout.positions], windowing.window_size
    return RowSamples(
        rows,
        layout.lengths,
        window_size_of(rows, layout.runs) if size == "auto" else size,
        windowing.stride,
        table,
        positions=layout.positions,
        after_gap=layout.after_gap,
        names=layout.names,
    )


def _read_sequences(record: FeatureRecord, table: Table, dtype: Any, reset: bool) -> Sequences:
    X = table.X
    if table.is_list:
        check_names_of_each(record, table.items, reset=reset)
        sequences = from_list(table.items, dtype)
    elif table.names is None and (array := np.asarray(as_numbers(X))).ndim == 3:
        if reset:  # Forget the names seen in an earlier fit.
            check_feature_names(record, array, reset=True)
        sequences = from_array(array, dtype)
        if reset and not sequences.share_rows:
            layout_warnings.warn_if_padded_with_zeros(array)
    elif shape := shape_of_flat_windows([] if table.names is None else list(table.names)):
        windows = read_rows(record, X, reset=reset, dtype=dtype).reshape(len(X), *shape)
        return from_array(as_view_of_rows(windows), dtype)
    else:
        return _read_table(record, X, dtype, reset)
    if reset:
        layout_warnings.warn_if_channels_come_first(sequences)
    check_n_features(record, sequences.n_features, None if reset else record.n_step_features)
    return sequences


def _read_table(record: FeatureRecord, X: Any, dtype: Any, reset: bool) -> Sequences:
    layout_warnings.reject_one_sequence(X)
    if not reset and record.n_step_features > 1:
        raise ValueError(
            f"Got X with shape {np.shape(X)}, but expected (n_samples, n_steps, n_features="
            f"{record.n_step_features}) as in fit."
        )
    # The columns of a table are steps; a fit on a table determines their number.
    if not reset and record.n_features_in_ == 1:
        return from_table(check_array(as_numbers(X), dtype=np.float64, **NAN_ALLOWED), dtype)
    rows = read_rows(record, X, reset=reset, dtype=dtype)
    if reset:
        layout_warnings.warn_if_rows_of_a_series(X, rows)
    return from_table(rows, dtype)
