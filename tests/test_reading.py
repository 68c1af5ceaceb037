"""What is handed over, as samples."""

from types import SimpleNamespace

import naive
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator
from strategies import random_rows

from skae import SequenceWindower
from skae._sequences.reading import (
    check_fills_a_window,
    read_latent_rows,
    read_latent_sequences,
    read_latents,
    read_samples,
)
from skae._sequences.samples import RowSamples, SequenceSamples
from skae._sequences.windows import Windowing

SEQUENCES = Windowing(None, 1)
ROWS = Windowing(3, 2)
SERIES = [random_rows(n, 2, seed=n, dtype=np.float32) for n in (4, 6)]


class Estimator(BaseEstimator):
    """One whose network takes `width` features."""

    def __init__(self, width=2):
        self.width = width

    @property
    def model_(self):
        return SimpleNamespace(input_shape=(None, None, self.width))


def same(actual, expected):
    np.testing.assert_array_equal(actual, np.asarray(expected, np.float32))


def read(X, windowing, estimator=None):
    estimator = estimator or Estimator()
    return read_samples(estimator, X, windowing, reset=not hasattr(estimator, "n_features_in_"))


def fitted(X, windowing, width=2):
    estimator = Estimator(width)
    read(X, windowing, estimator)
    return estimator


# ------------------------------------------------------------------------ sequences


@pytest.mark.parametrize("X", [SERIES, naive.pad(SERIES, 6)])
def test_sequences_are_read_from_lists_and_arrays(X):
    samples = read(X, SEQUENCES)
    assert isinstance(samples, SequenceSamples) and not samples.is_table
    same(samples.windows.padded(), naive.pad(SERIES, 6))
    estimator = fitted(X, SEQUENCES)
    assert estimator.n_features_in_ == 2
    same(read(X, SEQUENCES, estimator).windows.padded(), naive.pad(SERIES, 6))


@pytest.mark.parametrize("lay_out", [np.asarray, np.ndarray.tolist, pd.DataFrame])
def test_a_table_is_one_sequence_a_row(lay_out):
    table = random_rows(5, 4, seed=0)
    samples = read(lay_out(table), SEQUENCES)
    assert samples.is_table and fitted(lay_out(table), SEQUENCES).n_features_in_ == 4
    same(samples.windows.padded()[:, :, 0], table)
    same(samples.without_feature_axis(samples.windows.padded()), table)


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_flat_windows_are_read_as_windows_that_share_rows(container):
    windower = SequenceWindower(3)
    windows = windower.fit_transform(SERIES[1])
    table = windower.set_output(transform=container).transform(SERIES[1])
    samples = read(table, SEQUENCES)
    assert not samples.is_set and not samples.is_table
    same(samples.windows.like_input(samples.windows.padded()), windows)
    assert len(samples.windows.rows) == 6 + 2
    assert fitted(table, SEQUENCES).n_features_in_ == 6


def test_a_network_of_one_feature_reads_tables_of_any_width():
    estimator = fitted(random_rows(8, 1, seed=0).reshape(2, 4, 1), SEQUENCES, width=1)
    table = random_rows(3, 7, seed=0)
    samples = read(table, SEQUENCES, estimator)
    assert samples.is_table
    same(samples.windows.padded()[:, :, 0], table)


# ------------------------------------------------------------------------ rows


@pytest.mark.parametrize("container", [np.array, pd.DataFrame, pl.DataFrame, np.asfortranarray])
def test_a_series_is_read_as_rows(container):
    samples = read(container(SERIES[0]), ROWS)
    assert isinstance(samples, RowSamples) and not samples.is_list and not samples.is_table
    assert (samples.window_size, samples.stride, samples.lengths.tolist()) == (3, 2, [4])
    same(samples.rows, SERIES[0])
    assert samples.rows.flags.c_contiguous and samples.rows.dtype == np.float32


def test_a_list_of_series_is_read_as_rows_of_each():
    samples = read(SERIES, ROWS)
    assert samples.is_list and samples.lengths.tolist() == [4, 6]
    same(samples.rows, np.concatenate(SERIES))
    assert fitted(SERIES, ROWS).n_features_in_ == 2


def test_names_of_the_features_of_series_are_remembered_and_compared():
    frames = [pd.DataFrame(item, columns=["a", "b"]) for item in SERIES]
    estimator = fitted(frames, ROWS)
    assert estimator.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="feature names should match"):
        read([frame[["b", "a"]] for frame in frames], ROWS, estimator)


@pytest.mark.parametrize("windowing", [SEQUENCES, ROWS])
def test_names_of_the_columns_of_a_table_are_remembered(windowing):
    table = pd.DataFrame(SERIES[1], columns=["a", "b"])
    assert fitted(table, windowing).feature_names_in_.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("lengths", "fills"), [([4], True), ([3], True), ([2], False), ([2, 3], True), ([2, 1], False)]
)
def test_some_series_must_fill_a_window(lengths, fills):
    samples = read([np.ones((length, 1)) for length in lengths], ROWS)
    if fills:
        check_fills_a_window(samples)
        return
    with pytest.raises(ValueError, match=r"Got X with 2 sample.*at least window_size=3"):
        check_fills_a_window(samples)


def test_sequences_need_not_fill_a_window():
    check_fills_a_window(read([np.ones((1, 1)), np.ones((2, 1))], SEQUENCES))


# ------------------------------------------------------------------------ what was not seen in fit


@pytest.mark.parametrize("X", [[np.ones((4, 3))] * 2, np.ones((2, 4, 3))])
def test_sequences_of_another_width_are_an_error(X):
    with pytest.raises(ValueError, match="X has 3 features, but Estimator is expecting 2"):
        read(X, SEQUENCES, fitted(SERIES, SEQUENCES))


@pytest.mark.parametrize("X", [[np.ones((4, 3))] * 2, np.ones((4, 3))])
def test_rows_of_another_width_are_an_error(X):
    with pytest.raises(ValueError, match="X has 3 features, but Estimator is expecting 2"):
        read(X, ROWS, fitted(SERIES, ROWS))


def test_a_table_of_another_width_is_an_error():
    estimator = fitted(np.ones((3, 4)), SEQUENCES, width=1)
    with pytest.raises(ValueError, match="X has 5 features, but Estimator is expecting 4"):
        read(np.ones((3, 5)), SEQUENCES, estimator)


def test_a_table_for_a_network_of_several_features_is_an_error():
    message = r"Got X with shape \(3, 5\), but expected \(n_samples, n_steps, n_features=2\)"
    with pytest.raises(ValueError, match=message):
        read(np.ones((3, 5)), SEQUENCES, fitted(SERIES, SEQUENCES))


# ------------------------------------------------------------------------ latents


def test_latents_are_float32_of_the_dimension_of_the_network():
    latents = random_rows(5, 2, seed=0)
    found = read_latents(latents, 2)
    assert found.dtype == np.float32
    same(found, latents)
    with pytest.raises(ValueError, match="Got X with 2 columns, but expected .* latent_dim=3"):
        read_latents(latents, 3)


@pytest.mark.parametrize(
    "lay_out",
    [lambda X: X, lambda X: X.reshape(3, 8), lambda X: X.reshape(3, 8).tolist(), list],
    ids=["3-D", "2-D", "lists of numbers", "list"],
)
def test_sequences_of_latents_are_read_in_four_forms(lay_out):
    latents = random_rows(12, 2, seed=0).reshape(3, 4, 2)
    same(read_latent_sequences(lay_out(latents), 2).padded(), latents)


@pytest.mark.parametrize("shape", [(3, 7), (3, 4, 3), (3,), (3, 2, 1, 2)])
def test_sequences_of_latents_of_another_shape_are_an_error(shape):
    with pytest.raises(ValueError, match=r"Got X with shape .* latent_dim=2\) or the same flat"):
        read_latent_sequences(np.ones(shape), 2)


@pytest.mark.parametrize(
    "read_list", [read_latent_sequences, lambda X, n: read_latent_rows(X, ROWS, n)]
)
def test_lists_of_latents_of_another_width_are_an_error(read_list):
    with pytest.raises(ValueError, match="Got X with 2 columns, but expected .* latent_dim=3"):
        read_list(SERIES, 3)


def test_latents_per_row_are_of_one_series_or_several():
    one, several = read_latent_rows(SERIES[0], ROWS, 2), read_latent_rows(SERIES, ROWS, 2)
    assert (one.is_list, one.lengths.tolist()) == (False, [4])
    assert (several.is_list, several.lengths.tolist()) == (True, [4, 6])
    assert (one.window_size, one.stride) == (3, 2)
    same(one.rows, SERIES[0])
    same(several.rows, np.concatenate(SERIES))
