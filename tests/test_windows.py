import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import cuts, few, random_rows, series, split, ways_of_covering

from skae._scoring.scoring_rule import AGGREGATIONS
from skae._windows.windows import (
    as_view_of_rows,
    covering_windows,
    flat_names,
    overlap_average,
    reduce_windows,
    shape_of_flat_windows,
    sliding_windows,
    trailing_windows,
)

sizes = st.integers(1, 6)
strides = st.integers(1, 7)


def same(actual, expected):
    np.testing.assert_array_equal(actual, expected)


def pairs_of(windows):
    return list(zip(windows.starts.tolist(), windows.lengths.tolist(), strict=True))


# ------------------------------------------------------------------------ rows to windows and back


@few
@given(series(), sizes, strides)
def test_sliding_windows_equal_their_naive_twin(rows, window_size, stride):
    if len(rows) >= window_size:
        expected = naive.windows(rows, window_size, stride)
        same(sliding_windows(rows, window_size, stride), expected)


@few
@given(series(), sizes, strides)
def test_overlap_average_equals_its_naive_twin(rows, window_size, stride):
    windows = random_rows(len(rows) * window_size, 2, seed=len(rows), missing=0.3)
    windows = windows.reshape(len(rows), window_size, 2)
    expected = naive.overlap_average(windows, stride)
    np.testing.assert_allclose(overlap_average(windows, stride), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.float16, np.float32), (np.float32, np.float32), (np.float64, np.float64), (int, float)],
)
def test_overlap_average_answers_in_a_float_dtype(dtype, expected):
    assert overlap_average(np.ones((2, 3, 1), dtype)).dtype == expected


def test_overlap_average_of_no_windows_is_no_rows():
    assert overlap_average(np.empty((0, 4, 2)), stride=3).shape == (0, 2)


def test_windows_end_at_each_row_unless_told_otherwise():
    rows = random_rows(7, 2, seed=0)
    windows = sliding_windows(rows, 3)
    same(windows, naive.windows(rows, 3))
    same(overlap_average(windows), rows)


# ------------------------------------------------------------------------ copies of windows


@few
@given(series(gaps=False), sizes, strides)
def test_copies_of_overlapping_windows_become_a_view_again(rows, window_size, stride):
    if len(rows) >= window_size:
        copies = sliding_windows(rows, window_size, stride).copy()
        found = as_view_of_rows(copies)
        same(found, copies)
        if len(copies) > 1 and stride < window_size:
            assert found.strides[0] == stride * found.strides[1]
        else:
            assert found is copies


def test_copies_of_windows_with_gaps_become_a_view_too():
    rows = random_rows(9, 2, seed=0)
    rows[4:7, 0] = np.nan
    copies = sliding_windows(rows, 4, 2).copy()
    found = as_view_of_rows(copies)
    same(found, copies)
    assert found.strides[0] == 2 * found.strides[1]


def test_windows_of_which_only_the_first_overlap_stay_copies():
    copies = sliding_windows(np.arange(6.0)[:, None], 3).copy()
    copies[3] += 1
    assert as_view_of_rows(copies) is copies


# ------------------------------------------------------------------------ names of flat windows

names = st.text("ab_t-01", min_size=1, max_size=6)


@few
@given(st.lists(names, min_size=1, max_size=3, unique=True), sizes)
def test_the_shape_of_flat_windows_is_read_from_their_names(features, window_size):
    flat = flat_names(iter(features), window_size)
    assert len(flat) == window_size * len(features)
    assert shape_of_flat_windows(iter(flat)) == (window_size, len(features))


@pytest.mark.parametrize(
    "columns",
    [
        [],
        ["a"],
        ["a", "b"],
        ["a_t-1"],
        ["a_t-0", "b"],
        ["a", "a_t-0"],
        ["a_t-0", "a_t-1"],
        ["a_t-1", "b_t-1", "a_t-0"],
        ["a_t-1", "a_t-0", "b_t-1", "b_t-0"],
        ["a_t-1", "a_t-0x"],
        ["_t-0"],
    ],
)
def test_other_names_are_not_those_of_flat_windows(columns):
    assert shape_of_flat_windows(columns) is None


# ------------------------------------------------------------------------ windows that cover rows


@few
@given(st.lists(st.integers(1, 15), min_size=1, max_size=4), sizes, strides)
def test_covering_windows_equal_their_naive_twin(lengths, window_size, stride):
    rows = np.ones((sum(lengths), 1), np.float32)
    windows = covering_windows(rows, np.array(lengths), window_size, stride)
    assert pairs_of(windows) == naive.covering(lengths, window_size, stride)


@few
@given(st.integers(1, 40), sizes, strides)
def test_every_row_is_in_a_window_at_any_stride(n_rows, window_size, stride):
    covered = np.zeros(n_rows, bool)
    for start in naive.window_starts(n_rows, window_size, stride):
        covered[start : start + window_size] = True
    assert covered.all()


@few
@given(st.lists(st.integers(1, 15), min_size=1, max_size=4), sizes)
def test_trailing_windows_equal_their_naive_twin(lengths, window_size):
    rows = np.ones((sum(lengths), 1), np.float32)
    windows = trailing_windows(rows, np.array(lengths), window_size)
    assert pairs_of(windows) == naive.trailing(lengths, window_size)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda rows, n: covering_windows(rows, n, 2, 1), [True, True, False, True]),
        (lambda rows, n: trailing_windows(rows, n, 2), [True, True, True, False, True]),
    ],
)
def test_windows_in_which_nothing_was_observed_are_known(make, expected):
    rows = np.array([[1], [1], [np.nan], [np.nan], [1]], np.float32)
    assert make(rows, np.array([5])).are_observed.tolist() == expected


# ------------------------------------------------------------------------ windows to rows


@st.composite
def covered(draw):
    """Draw windows over stacked series, one value per step of each, and sizes of blocks."""
    lengths = np.array(draw(st.lists(st.integers(1, 12), min_size=1, max_size=3)))
    rows = np.ones((lengths.sum(), 1), np.float32)
    window_size = draw(sizes)
    if draw(st.booleans()):
        windows = trailing_windows(rows, lengths, window_size)
    else:
        windows = covering_windows(rows, lengths, window_size, draw(strides))
    missing = draw(st.sampled_from([0.0, 0.3, 0.8]))
    values = random_rows(len(windows), windows.max_length, draw(st.integers(0, 99)), missing)
    values[~windows.steps_inside(windows.max_length)] = np.nan
    return windows, values, draw(cuts(len(windows)))


def rows_of(windows, blocks, how):
    way = AGGREGATIONS[how]
    found = reduce_windows(windows, blocks, way.of_row, whole_windows=way.whole_window)
    return np.concatenate(list(found))


@pytest.mark.parametrize("how", ["window", "mean", "median", "max", "last"])
@few
@given(drawn=covered())
@pytest.mark.slow
def test_reduce_windows_equals_its_naive_twin(how, drawn):
    windows, values, sizes = drawn
    found = rows_of(windows, split(values, sizes), how)
    expected = naive.rows_from_windows(pairs_of(windows), values, len(windows.rows), how)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_rows_are_float64_whatever_windows_hold(how):
    windows = covering_windows(np.ones((7, 1), np.float32), np.array([7]), 3, 2)
    values = random_rows(3, 3, seed=0, dtype=np.float32)
    found = rows_of(windows, [values], how)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, rows_of(windows, [values.astype(float)], how), rtol=1e-6)


def test_rows_are_means_over_windows_unless_told_otherwise():
    windows = covering_windows(np.ones((7, 1), np.float32), np.array([7]), 3, 2)
    values = random_rows(3, 3, seed=0)
    found = np.concatenate(list(reduce_windows(windows, [values])))
    expected = naive.rows_from_windows(pairs_of(windows), values, 7, "mean")
    np.testing.assert_allclose(found, expected)


@few
@given(covered(), ways_of_covering)
def test_blocks_of_one_window_answer_as_one_block(drawn, how):
    windows, values, _ = drawn
    whole = rows_of(windows, [values], how)
    single = split(values, [1] * len(values))
    found = rows_of(windows, single, how)
    np.testing.assert_allclose(found, whole, rtol=1e-12, atol=1e-12)


@few
@given(covered(), ways_of_covering)
def test_features_are_averaged_each_by_itself(drawn, how):
    windows, values, sizes = drawn
    both = np.stack([values, values[::-1, ::-1]], axis=-1)
    both[~windows.steps_inside(windows.max_length)] = np.nan
    found = rows_of(windows, split(both, sizes), how)
    for feature in range(2):
        alone = rows_of(windows, [both[..., feature]], how)
        np.testing.assert_allclose(found[:, feature], alone, atol=1e-12)
