import tracemalloc

import naive
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import few, random_rows, series_lists

from skae import SequenceWindower
from skae._input.sequences import (
    blank_sequences,
    from_array,
    from_list,
    from_table,
    stack_series,
)
from skae._input.table import Table


def same(actual, expected):
    np.testing.assert_array_equal(actual, expected)


def padded_array(items, before):
    """Lay out sequences with `before` NaN rows in front and a NaN row at the end of the longest."""
    n_steps = before + 1 + max(map(len, items))
    front = [np.full((before, items[0].shape[1]), np.nan)] * len(items)
    return naive.pad([np.concatenate(pair) for pair in zip(front, items, strict=True)], n_steps)


# ------------------------------------------------------------------------ lists


@few
@given(series_lists())
def test_padded_list_equals_its_naive_twin(items):
    expected = naive.pad(items, max(map(len, items))).astype(np.float32)
    same(from_list(items).padded(), expected)


@few
@given(series_lists(dtype=np.float32), st.integers(0, 3))
def test_padded_to_more_steps_is_nan_there(items, more):
    length = max(map(len, items)) + more
    same(from_list(items).padded(length), naive.pad(items, length).astype(np.float32))


@few
@given(series_lists(dtype=np.float32))
def test_imputed_list_equals_its_naive_twin(items):
    fallback = np.arange(10, 10 + items[0].shape[1], dtype=np.float32)
    expected = naive.pad([naive.impute(i, fallback) for i in items], max(map(len, items)))
    sequences = from_list(items)
    found = sequences.imputed(sequences.padded(), fallback)
    assert found.dtype == np.float32
    same(found, expected)


@few
@given(series_lists(dtype=np.float32))
def test_what_has_no_gap_is_not_copied(items):
    sequences = from_list(items)
    values = sequences.padded()
    is_same = sequences.imputed(values, np.zeros(items[0].shape[1], np.float32)) is values
    assert is_same == (not any(np.isnan(item).any() for item in items))
    assert (len(sequences), sequences.n_features) == (len(items), items[0].shape[1])


@few
@given(series_lists(dtype=np.float32))
def test_as_given_lays_out_a_list_as_a_list(items):
    sequences = from_list(items)
    for found, item in zip(sequences.like_input(sequences.padded()), items, strict=True):
        same(found, item)


@few
@given(series_lists(dtype=np.float32), st.integers(1, 5))
def test_blocks_are_the_sequences_in_order(items, size):
    sequences = from_list(items)
    blocks = list(sequences.blocks(size))
    assert all(len(block) <= size for block in blocks)
    n_steps = sequences.max_length
    same(np.concatenate([block.padded(n_steps) for block in blocks]), sequences.padded())


@given(st.integers(1, 50), st.integers(1, 60))
def test_at_most_spreads_over_all(n_sequences, n):
    some = blank_sequences(n_sequences, 2).at_most(n)
    assert 1 <= len(some) <= n
    assert some.starts[0] == 0 and len(set(np.diff(some.starts))) <= 1
    assert n < n_sequences or len(some) == n_sequences


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_list_of_dataframes(frame):
    items = [random_rows(3, 2, seed=0), random_rows(5, 2, seed=1)]
    frames = [frame({"a": item[:, 0], "b": item[:, 1]}) for item in items]
    same(from_list(frames).padded(), from_list(items).padded())


@pytest.mark.parametrize("item", [[1, 2, 3], np.arange(1, 4), pd.Series([1, 2, 3])])
def test_items_of_one_dimension_are_univariate(item):
    rows, lengths = stack_series([item, [4.0]])
    same(rows, [[1], [2], [3], [4]])
    same(lengths, [3, 1])


def test_nan_rows_at_the_ends_of_a_list_item_are_gaps():
    sequences = from_list([np.array([[np.nan], [1.0], [np.nan]])])
    same(sequences.lengths, [3])
    same(sequences.imputed(sequences.padded(), np.zeros(1, np.float32))[0], [[1], [1], [1]])


# ------------------------------------------------------------------------ arrays


@few
@given(series_lists(dtype=np.float32), st.integers(0, 2))
def test_padding_of_an_array_is_left_out(items, before):
    sequences = from_array(padded_array(items, before))
    trimmed = [naive.trim(item)[0] for item in items]
    same(sequences.lengths, [len(item) for item in trimmed])
    same(sequences.padded(), naive.pad(trimmed, max(map(len, trimmed))))


@few
@given(series_lists(dtype=np.float32), st.integers(0, 2))
def test_as_given_puts_results_back_where_an_array_had_them(items, before):
    X = padded_array(items, before)
    sequences = from_array(X)
    same(sequences.like_input(sequences.padded()), X)


@few
@given(series_lists(dtype=np.float32))
def test_as_given_keeps_whatever_axes_follow_the_steps(items):
    sequences = from_array(padded_array(items, 1))
    per_step = sequences.padded()[:, :, 0]
    found = sequences.like_input(per_step)
    assert found.shape == (len(items), sequences.n_steps)
    same(found, sequences.like_input(per_step[..., None, None])[..., 0, 0])


def test_as_given_of_full_sequences_is_no_copy():
    sequences = from_array(np.zeros((3, 4, 2)))
    padded = sequences.padded()
    assert sequences.like_input(padded) is padded


@few
@given(series_lists(dtype=np.float32))
def test_a_selection_keeps_its_offsets(items):
    X = padded_array(items, 2)
    chosen = np.arange(len(items))[::-1]
    some = from_array(X).select(chosen)
    same(some.like_input(some.padded(from_array(X).max_length)), X[chosen])


def test_table_is_one_univariate_sequence_a_row():
    X = np.array([[1, 2, np.nan], [3, 4, 5]], dtype=np.float32)
    sequences = from_table(X)
    assert sequences.is_table and sequences.n_features == 1
    same(sequences.lengths, [2, 3])
    same(sequences.padded()[..., 0], X)


@pytest.mark.parametrize(
    "view",
    [
        lambda X: X[:, ::-1],
        lambda X: X[::2],
        lambda X: X[:, ::2],
        lambda X: X.transpose(1, 0, 2),
        lambda X: X.transpose(2, 1, 0),
        lambda X: np.asfortranarray(X),
        lambda X: np.broadcast_to(X[:1], X.shape),
        lambda X: np.broadcast_to(X[:, :1], X.shape),
        lambda X: X[:1],
        lambda X: X.tolist(),
        lambda X: X.astype(int),
        lambda X: X.astype(object),
    ],
)
def test_any_layout_in_memory_reads_the_same(view):
    X = np.asarray(view(random_rows(4 * 6, 5, seed=0).reshape(4, 6, 5)))
    same(from_array(X).padded(), X.astype(np.float32))


# ------------------------------------------------------------------------ overlapping windows


@few
@given(st.integers(1, 20), st.integers(1, 6), st.integers(1, 7), st.sampled_from(["nan", "edge"]))
def test_windows_of_a_view_are_taken_back_to_shared_rows(n_rows, window_size, stride, padding):
    rows = random_rows(n_rows, 2, seed=n_rows, dtype=np.float32)
    windower = SequenceWindower(window_size, stride=stride, padding=padding)
    windows = windower.fit_transform(rows)
    sequences = from_array(windows)
    same(sequences.like_input(sequences.padded()), windows)
    if stride < window_size and len(windows) > 1:
        assert len(sequences.rows) == (len(windows) - 1) * stride + window_size


def test_a_gap_in_a_series_is_no_padding_of_the_windows_that_begin_in_it():
    rows = random_rows(9, 2, seed=0)
    rows[4:6] = np.nan
    windows = SequenceWindower(3, padding=None).fit_transform(rows)
    same(from_array(windows).lengths, [3] * 7)
    same(from_array(windows.copy()).lengths, [3, 3, 2, 1, 1, 2, 3])


@pytest.mark.parametrize(("lengths", "is_padded"), [([2, 3], True), ([3, 3], False), ([4], False)])
def test_sequences_of_unequal_length_are_padded(lengths, is_padded):
    items = [np.ones((length, 1)) for length in lengths]
    assert from_list(items).is_padded is is_padded


def test_reading_a_view_allocates_nothing_of_the_size_of_the_windows():
    windows = SequenceWindower(200).fit_transform(random_rows(5000, 4, seed=0))
    tracemalloc.start()
    sequences = from_array(windows)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(sequences) == 5000 and windows.nbytes == 5000 * 200 * 4 * 8
    assert peak < windows.nbytes / 20


# ------------------------------------------------------------------------ what is a list


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        ([np.zeros((2, 1)), np.zeros((3, 1))], True),
        ((np.zeros((2, 1)),), True),
        (np.zeros((2, 3, 1)).tolist(), True),
        ([[1, 2], [3]], True),
        (np.array([np.zeros((2, 1)), np.zeros((3, 1))], dtype=object), True),
        ([pd.DataFrame({"a": [1]})], True),
        ([pl.DataFrame({"a": [1]})], True),
        ([[1, 2], [3, 4]], False),
        (np.zeros((2, 3)), False),
        (np.zeros((2, 3, 1)), False),
        (pd.DataFrame({"a": [1]}), False),
        ([], False),
        ([1, 2], False),
        (["ab", "c"], False),
        ("ab", False),
        (None, False),
    ],
)
def test_a_list_of_sequences_is_told_from_a_table(X, expected):
    assert Table.of(X).is_list is expected


# ------------------------------------------------------------------------ errors

ONES = np.ones((2, 1))


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([ONES, np.ones((2, 3))], r"X\[1\] has 3 features, but X\[0\] has 1"),
        ([ONES, np.full((2, 1), np.inf)], r"Input X\[1\] contains infinity"),
        ([ONES, np.empty((0, 1))], r"Got X\[1\] with 0 sample\(s\)"),
        ([ONES, []], r"Got X\[1\] with 0 sample\(s\)"),
        ([ONES, [["a"], ["b"]]], "could not convert string to float"),
        ([ONES, np.ones((2, 1, 1))], "Found array with dim 3"),
        ([ONES, 3], "Expected 2D array, got scalar array"),
    ],
)
def test_what_is_wrong_with_a_list_is_named(items, message):
    with pytest.raises(ValueError, match=message):
        from_list(items)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((2, 3, 1), np.inf), "Input X contains infinity"),
        (np.full((2, 3, 1), "a"), "could not convert string to float"),
        (np.ones((0, 3, 1)), r"Found array with shape \(0, 3, 1\), but expected at least 1 sample"),
        (np.ones((2, 0, 1)), r"Found array with shape \(2, 0, 1\)"),
        (np.ones((2, 3, 0)), r"Found array with shape \(2, 3, 0\)"),
    ],
)
def test_what_is_wrong_with_an_array_is_named(X, message):
    with pytest.raises(ValueError, match=message):
        from_array(X)


@pytest.mark.parametrize("read", [from_array, lambda X: from_list(list(X))])
def test_what_float32_cannot_hold_is_an_error(read):
    with pytest.raises(ValueError, match="a value too large for dtype"):
        read(np.full((2, 3, 1), 1e300))


@pytest.mark.parametrize("read", [from_array, lambda X: from_list(list(X))])
def test_a_sequence_in_which_nothing_was_observed_keeps_its_steps(read):
    X = np.ones((3, 4, 1))
    X[0, :2], X[1] = np.nan, np.nan
    sequences = read(X)
    assert sequences.are_observed.tolist() == [True, False, True]
    assert sequences.lengths[1:].tolist() == [4, 4]
    np.testing.assert_array_equal(sequences.padded()[1], X[1])
    blank = read(X[1:2])
    assert blank.lengths.tolist() == [4] and not blank.are_observed.any()
