"""Input as samples."""

import naive
import numpy as np
import pandas as pd
import polars as pl
import pytest
from strategies import random_rows

from skae import SequenceWindower
from skae._compat.sklearn import FeatureRecord
from skae._windows.read_samples import (
    check_fills_a_window,
    read_latent_rows,
    read_latent_sequences,
    read_latents,
    read_samples,
)
from skae._windows.samples import RowSamples, SequenceSamples
from skae._windows.windows import Windowing

SEQUENCES = Windowing(None, 1)
ROWS = Windowing(3, 2)
SERIES = [random_rows(n, 2, seed=n, dtype=np.float32) for n in (4, 6)]


def Estimator(width=2):
    """Return the record of an estimator with `width` features."""
    record = FeatureRecord.named("Estimator")
    record.n_step_features = width
    return record


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


FRAMES = [pd.DataFrame(item, columns=["a", "b"]) for item in SERIES]
OTHER_NAMES = {
    "another order": FRAMES[1][["b", "a"]],
    "another name": FRAMES[1].rename(columns={"b": "c"}),
    "polars": pl.DataFrame({"b": [1.0], "a": [2.0]}),
}


@pytest.mark.parametrize("windowing", [SEQUENCES, ROWS])
@pytest.mark.parametrize("other", OTHER_NAMES.values(), ids=OTHER_NAMES)
def test_names_of_the_features_of_each_series_are_compared(windowing, other):
    message = r"Got other columns in X\[1\]: The feature names should match"
    with pytest.raises(ValueError, match=message):
        read([FRAMES[0], other], windowing)
    estimator = fitted(FRAMES, windowing)
    assert estimator.feature_names_in_.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match=message):
        read([FRAMES[0], other], windowing, estimator)
    with pytest.raises(ValueError, match=r"Got other columns in X\[0\]"):
        read([other, FRAMES[0]], windowing, estimator)


def test_a_windower_compares_the_names_of_each_series():
    windower = SequenceWindower(3).fit(FRAMES)
    for X in OTHER_NAMES.values():
        with pytest.raises(ValueError, match=r"Got other columns in X\[1\]"):
            windower.transform([FRAMES[0], X])


@pytest.mark.parametrize("windowing", [SEQUENCES, ROWS])
def test_series_without_names_among_some_with_names_are_warned_of(windowing):
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        read([FRAMES[0], SERIES[1]], windowing)


@pytest.mark.parametrize("X", [SERIES, naive.pad(SERIES, 6)])
def test_names_of_an_earlier_fit_are_forgotten(X):
    estimator = fitted(FRAMES, SEQUENCES)
    read_samples(estimator, X, SEQUENCES, reset=True)
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize("windowing", [SEQUENCES, ROWS])
def test_names_of_the_columns_of_a_table_are_remembered(windowing):
    table = pd.DataFrame(SERIES[1], columns=["t0", "t1"])
    assert fitted(table, windowing).feature_names_in_.tolist() == ["t0", "t1"]


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


# ------------------------------------------------------------------------ what is no number

MASK = np.zeros((6, 2), bool)
MASK[2, 1] = MASK[4] = True
HIDDEN = np.where(MASK, np.nan, SERIES[1])
MASKED = np.ma.masked_array(np.where(MASK, 1e300, SERIES[1].astype(float)), MASK)
WHEN = pd.to_datetime(["2026-01-01", None])


@pytest.mark.parametrize("windowing", [SEQUENCES, ROWS])
@pytest.mark.parametrize(
    "lay_out",
    [lambda X: X, lambda X: [X, X], lambda X: X[None], lambda X: [X[:, 1], X[:4, 1]], list],
    ids=["2-D", "list", "3-D", "1-D", "list of rows"],
)
def test_what_a_mask_hides_was_not_observed(lay_out, windowing):
    if np.ndim(lay_out(MASKED)[0]) == 2 and windowing is ROWS and len(lay_out(MASKED)) == 1:
        return  # Rows of a series have two dimensions.
    found, expected = read(lay_out(MASKED), windowing), read(lay_out(HIDDEN), windowing)
    same(found.windows.padded(), expected.windows.padded())
    assert np.isnan(found.windows.rows).any()


def test_what_a_mask_hides_was_not_observed_by_a_windower_and_in_latents():
    windower = SequenceWindower(3).fit(MASKED)
    for X, hidden in ((MASKED, HIDDEN), ([MASKED, MASKED], [HIDDEN, HIDDEN])):
        np.testing.assert_array_equal(windower.transform(X), windower.transform(hidden))
    same(
        read_latent_sequences(MASKED[None], 2).padded(),
        read_latent_sequences(HIDDEN[None], 2).padded(),
    )
    with pytest.raises(ValueError, match="contains NaN"):
        read_latents(MASKED, 2)


def test_a_mask_that_hides_nothing_costs_no_copy():
    rows = np.ma.masked_array(SERIES[0])
    assert np.shares_memory(read(rows, ROWS).rows, SERIES[0])
    assert read(np.ma.masked_equal(np.arange(6).reshape(3, 2), 9), ROWS).rows.tolist()[2] == [4, 5]


TIMES = {
    "datetimes": (WHEN.to_numpy()[:, None], "datetime64.* in feature 0"),
    "timedeltas": ((WHEN - WHEN[0]).to_numpy()[:, None], "timedelta64.* in feature 0"),
    "pandas": (pd.DataFrame({"load": [1.0, 2.0], "when": WHEN}), "datetime64.* in feature 'when'"),
    "pandas, zoned": (pd.DataFrame({"when": WHEN.tz_localize("UTC")}), "UTC.* in feature 'when'"),
    "pandas, lasting": (pd.DataFrame({"lag": WHEN - WHEN[0]}), "timedelta64.* in feature 'lag'"),
    "pandas, objects": (pd.DataFrame({"a": [1, 2], "b": [pd.NaT, 1]}), "NaTType.* in feature 'b'"),
    "polars": (
        pl.DataFrame({"load": [1.0, 2.0], "when": [WHEN[0], None]}),
        "time.* in feature 'when'",
    ),
    "lists": ([[1.0, np.datetime64("NaT", "s")], [1.0, 2.0]], "datetime64.* in feature 1"),
    "tuples": (((1.0, pd.NaT), (1.0, 2.0)), "NaTType.* in feature 1"),
    "lists of times": (
        [[np.timedelta64(1, "s")], [np.timedelta64(2, "s")]],
        "timedelta64.* in feature 0",
    ),
}


@pytest.mark.parametrize("windowing", [SEQUENCES, ROWS])
@pytest.mark.parametrize(("X", "where"), TIMES.values(), ids=TIMES)
def test_times_are_rejected_by_name(X, where, windowing):
    message = rf"with times \(.*{where}, but expected numbers"
    with pytest.raises(TypeError, match="Got X " + message):
        read(X, windowing)
    with pytest.raises(TypeError, match=r"Got X\[0\] " + message):
        read([X, X], windowing)
    with pytest.raises(TypeError, match="Got X " + message):
        SequenceWindower(2).fit(X)


@pytest.mark.parametrize("windowing", [SEQUENCES, ROWS])
def test_series_of_times_are_rejected(windowing):
    for item in (pd.Series(WHEN), pl.Series([WHEN[0], None])):
        with pytest.raises(TypeError, match=r"Got X\[1\] with times"):
            read([np.ones(3), item], windowing)


def test_a_column_of_times_may_name_the_series():
    frame = pd.DataFrame({"load": [1.0, 2.0], "day": WHEN})
    assert SequenceWindower(2, series="day").fit_transform(frame[:1]).shape == (1, 2, 1)


@pytest.mark.parametrize("windowing", [SEQUENCES, ROWS])
def test_a_frame_that_is_not_there_yet_is_rejected(windowing):
    lazy = pl.LazyFrame({"load": [1.0, 2.0]})
    for X, name in ((lazy, r"X"), ([np.ones((3, 1)), lazy], r"X\[1\]"), ([lazy, lazy], r"X\[0\]")):
        with pytest.raises(
            TypeError, match=rf"Got {name} as a polars LazyFrame, .*call {name}.collect\(\)"
        ):
            read(X, windowing)


def test_a_short_row_makes_no_series_of_the_others():
    rows = SERIES[1].tolist()
    rows[3] = rows[3][:1]
    message = r"Got rows of 2 values, but X\[3\] of 1; expected the same number in each row"
    with pytest.raises(ValueError, match=message):
        read(rows, ROWS)
    with pytest.raises(ValueError, match=message):
        SequenceWindower(3).fit(rows)
    assert len(read([np.array(row) for row in rows], ROWS).lengths) == 6
    assert len(read(rows, SEQUENCES)) == 6


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
    with pytest.raises(ValueError, match=r"Got X with shape .* latent_dim=2\) or its flat form"):
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
