import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import cuts, few, random_rows, series_lists, split, ways

from skae import SequenceWindower
from skae._input.sequences import from_array, from_list, from_table
from skae._input.table import Table
from skae._scoring.scoring_rule import AGGREGATIONS
from skae._windows.samples import RowSamples, SequenceSamples, weights_of

fractions = st.sampled_from([0.1, 0.25, 0.5, 0.9])


def same(actual, expected):
    np.testing.assert_array_equal(actual, expected)


def contents(samples):
    """Return {content of a sequence: its weight}, as plain values."""
    weights = np.ones(len(samples)) if samples.weights is None else samples.weights
    sequences = samples.windows.like_input(samples.windows.padded())
    keys = [np.asarray(sequence).tobytes() for sequence in sequences]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, weights.tolist(), strict=True))


def ordered(samples):
    return [item.tobytes() for item in samples.windows.like_input(samples.windows.padded())]


def rng():
    return np.random.default_rng(0)


@st.composite
def weighted_lists(draw):
    """Draw sequences, some of them twice, and integer weights, not all zero."""
    items = draw(series_lists(gaps=False, dtype=np.float32))
    items = items + draw(st.lists(st.sampled_from(items), max_size=3))
    weights = draw(st.lists(st.integers(0, 3), min_size=len(items), max_size=len(items)))
    weights[0] = max(weights[0], 1)
    return items, np.array(weights, np.float32)


def repeated(items, weights):
    return [item for item, n in zip(items, weights, strict=True) for _ in range(int(n))]


# ------------------------------------------------------------------------ sequences


@few
@given(weighted_lists())
def test_distinct_gives_equal_sequences_the_sum_of_their_weights(drawn):
    items, weights = drawn
    expected: dict[bytes, float] = {}
    for item, weight in zip(items, weights.tolist(), strict=True):
        if weight:
            expected[item.tobytes()] = expected.get(item.tobytes(), 0) + weight
    found = SequenceSamples(from_list(items), weights).distinct()
    assert contents(found) == expected and found.weights.dtype == np.float32


@few
@given(weighted_lists(), st.randoms(use_true_random=False))
def test_distinct_does_not_depend_on_the_order_of_samples(drawn, random):
    items, weights = drawn
    order = random.sample(range(len(items)), len(items))
    shuffled = SequenceSamples(from_list([items[i] for i in order]), weights[order])
    plain = SequenceSamples(from_list(items), weights)
    assert ordered(plain.distinct()) == ordered(shuffled.distinct())
    same(plain.distinct().weights, shuffled.distinct().weights)


@few
@given(weighted_lists(), fractions)
def test_a_weight_splits_as_repetition_does(drawn, fraction):
    items, weights = drawn
    by_weight = SequenceSamples(from_list(items), weights).split(fraction, rng())
    by_hand = SequenceSamples(from_list(repeated(items, weights))).split(fraction, rng())
    for one, other in zip(by_weight, by_hand, strict=True):
        assert (one is None) == (other is None)
        assert one is None or contents(one) == contents(other)


@few
@given(weighted_lists(), fractions)
def test_held_out_sequences_are_not_trained_on(drawn, fraction):
    items, weights = drawn
    samples = SequenceSamples(from_list(items), weights)
    training, held_out = samples.split(fraction, rng())
    trained = contents(training)
    spared = {} if held_out is None else contents(held_out)
    assert not trained.keys() & spared.keys()
    assert trained | spared == contents(samples.distinct())
    assert bool(spared) == (len(samples.distinct()) > 1)


def test_nothing_is_held_out_where_nothing_is_asked_for():
    samples = SequenceSamples(from_array(np.arange(8.0).reshape(4, 2, 1)))
    training, held_out = samples.split(0, rng())
    assert held_out is None and len(training) == 4


@pytest.mark.parametrize(("fraction", "n_held_out"), [(0.01, 1), (0.1, 2), (0.5, 10), (0.99, 19)])
def test_at_least_one_sequence_is_on_either_side(fraction, n_held_out):
    samples = SequenceSamples(from_array(np.arange(40.0).reshape(20, 2, 1)))
    training, held_out = samples.split(fraction, rng())
    assert (len(training), len(held_out)) == (20 - n_held_out, n_held_out)


@few
@given(st.integers(2, 60), st.integers(2, 8), st.integers(1, 7), fractions)
def test_overlapping_windows_share_no_row_with_held_out_ones(n_rows, window_size, stride, fraction):
    rows = np.arange(1.0, n_rows + 1)[:, None]
    windows = SequenceWindower(window_size, stride=stride).fit_transform(rows)
    training, held_out = SequenceSamples(from_array(windows)).split(fraction, rng())
    if held_out is not None:
        trained, spared = training.windows.padded(), held_out.windows.padded()
        assert not set(trained[~np.isnan(trained)]) & set(spared[~np.isnan(spared)])


def test_overlapping_windows_are_split_as_their_rows_are():
    rows = np.arange(10.0)[:, None]
    windows = SequenceWindower(3).fit_transform(rows)
    weights = np.arange(10, dtype=np.float32)
    for fraction in (0, 0.3, 0.5, 0.8):
        of_windows = SequenceSamples(from_array(windows), weights).split(fraction, rng())
        of_rows = row_samples([10], 3).split(fraction, rng())
        for one, other in zip(of_windows, of_rows, strict=True):
            assert (one is None) == (other is None)
            if one is not None:
                same(one.windows.padded(), other.windows.padded())
                same(one.windows.rows, other.windows.rows)
                same(one.weights, one.windows.padded()[:, -1, 0])


@pytest.mark.parametrize(("n_rows", "window_size", "stride"), [(6, 5, 1), (9, 4, 3)])
def test_overlapping_windows_are_trained_on_whole_if_none_ends_before_the_cut(
    n_rows, window_size, stride
):
    rows = np.arange(float(n_rows))[:, None]
    windows = SequenceWindower(window_size, stride=stride).fit_transform(rows)
    training, held_out = SequenceSamples(from_array(windows)).split(0.5, rng())
    same(training.windows.padded(), windows[~np.isnan(windows).any(axis=(1, 2))])
    assert held_out is None


@few
@given(series_lists(dtype=np.float32), ways)
def test_a_sequence_has_one_error_from_those_of_its_steps(items, how):
    samples = SequenceSamples(from_list(items))
    errors = np.abs(samples.windows.padded()[:, :, 0]).astype(np.float64)
    errors[:, 0] = 1.0
    found = AGGREGATIONS[how](samples, np.array_split(errors, len(items)))
    np.testing.assert_allclose(found, naive.aggregate_steps(errors, how), rtol=1e-12)


def test_results_per_step_of_sequences_are_laid_out_as_the_input():
    samples = SequenceSamples(from_list([np.ones((2, 1)), np.ones((3, 1))]))
    blocks = [np.array([[1.0, 2.0, np.nan]]), np.array([[3.0, 4.0, 5.0]])]
    first, second = samples.from_steps(iter(blocks))
    same(first, [1, 2])
    same(second, [3, 4, 5])


def test_samples_that_share_no_row_are_a_set():
    windows = SequenceWindower(3).fit_transform(np.arange(5.0)[:, None])
    assert not SequenceSamples(from_array(windows)).is_set
    assert SequenceSamples(from_array(windows.copy())).is_set
    assert not row_samples([5], 3).is_set


@pytest.mark.parametrize(
    "make", [lambda: SequenceSamples(from_list([[1], [2, 3]])), lambda: row_samples([2], 1)]
)
def test_a_sample_counts_once_unless_it_has_a_weight(make):
    samples = make()
    same(weights_of(samples), [1, 1])
    weighted = samples.weighted([3, 0.5])
    assert weights_of(weighted).dtype == weights_of(samples).dtype == np.float32
    same(weights_of(weighted), [3, 0.5])
    assert samples.weighted(None).weights is None
    with pytest.raises(ValueError, match=r"sample_weight.shape == \(3,\), expected \(2,\)"):
        samples.weighted([1, 1, 1])


# ------------------------------------------------------------------------ rows


def test_weights_of_a_list_of_series_come_as_a_list():
    samples = row_samples([2, 3], 2, is_list=True)
    same(samples.weighted([[1, 2], np.arange(3)]).weights, [1, 2, 0, 1, 2])
    assert samples.weighted(None).weights is None


@pytest.mark.parametrize("weights", [[[1, 2]], [[1, 2, 3], [1, 2]], [1, 2, 3, 4, 5]])
def test_weights_that_do_not_fit_a_list_of_series_are_an_error(weights):
    message = rf"Got sample_weight with {len(weights)} items .* with the lengths \[2, 3\]"
    with pytest.raises(ValueError, match=message):
        row_samples([2, 3], 2, is_list=True).weighted(weights)


def test_only_a_table_has_a_feature_axis_to_drop():
    per_feature = np.ones((3, 2, 1))
    for samples in (row_samples([3], 2), SequenceSamples(from_array(per_feature))):
        assert samples.without_feature_axis(per_feature) is per_feature
    table = SequenceSamples(from_table(per_feature[..., 0]))
    same(table.without_feature_axis(per_feature), per_feature[..., 0])


def row_samples(lengths, window_size, stride=1, is_list=False, **options):
    options["given"] = Table((), is_list)
    rows = np.arange(sum(lengths), dtype=np.float32)[:, None]
    return RowSamples(rows, np.array(lengths), window_size, stride, **options)


@pytest.mark.parametrize(
    ("lengths", "window_size", "fraction", "trained", "spared"),
    [
        ([10], 2, 0.3, [7], [3]),
        ([10], 4, 0.1, [6], [4]),
        ([10], 6, 0.1, [10], []),
        ([10], 2, 0.0, [10], []),
        ([10], 2, 0.99, [10], []),
        ([20, 10], 2, 0.2, [16, 8], [4, 2]),
        ([20, 3, 10], 2, 0.2, [16, 3, 8], [4, 2]),
        ([3, 3], 2, 0.5, [3, 3], []),
    ],
)
def test_the_end_of_each_series_is_held_out(lengths, window_size, fraction, trained, spared):
    training, held_out = row_samples(lengths, window_size).split(fraction, rng())
    assert training.lengths.tolist() == trained
    assert ([] if held_out is None else held_out.lengths.tolist()) == spared


@few
@given(st.lists(st.integers(1, 30), min_size=1, max_size=4), st.integers(1, 6), fractions)
def test_each_row_is_trained_on_or_held_out(lengths, window_size, fraction):
    samples = row_samples(lengths, window_size)
    training, held_out = samples.split(fraction, rng())
    parts = [training] if held_out is None else [training, held_out]
    same(np.sort(np.concatenate([part.rows for part in parts]), axis=0), samples.rows)
    assert all(len(part.rows) == part.lengths.sum() for part in parts)
    if held_out is not None:
        assert held_out.lengths.min() >= window_size


def test_weights_and_options_follow_their_rows():
    weights = np.arange(10, dtype=np.float32)
    samples = row_samples([6, 4], 2, stride=2, is_list=True, weights=weights)
    for part in samples.split(0.34, rng()):
        same(part.weights, part.rows[:, 0])
        assert (part.window_size, part.stride, part.is_list) == (2, 2, True)


@st.composite
def rows_and_errors(draw):
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=3))
    samples = row_samples(lengths, draw(st.integers(1, 5)), draw(st.integers(1, 7)), is_list=True)
    windows = samples.windows
    errors = random_rows(len(windows), windows.max_length, draw(st.integers(0, 99)), missing=0.2)
    errors[~windows.steps_inside(windows.max_length)] = np.nan
    return samples, errors, draw(cuts(len(windows)))


@few
@given(rows_and_errors(), ways)
def test_each_row_has_one_error_from_the_windows_that_cover_it(drawn, how):
    samples, errors, sizes = drawn
    pairs = naive.covering(samples.lengths.tolist(), samples.window_size, samples.stride)
    way = "window" if how == "gaussian" else how
    expected = naive.rows_from_windows(pairs, errors, len(samples), way)
    if how == "gaussian":
        expected = naive.smooth(expected, samples.lengths, samples.window_size)
    found = AGGREGATIONS[how](samples, split(errors, sizes))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@few
@given(rows_and_errors(), ways)
def test_results_per_step_are_one_entry_per_row(drawn, how):
    samples, errors, sizes = drawn
    found = AGGREGATIONS[how].lay_out(samples, split(errors, sizes))
    assert [len(part) for part in found] == samples.lengths.tolist()
    expected = AGGREGATIONS[how](samples, [errors])
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-12)


def test_the_sequence_that_stands_for_a_sample_is_the_sample():
    samples = SequenceSamples(from_list([np.ones((2, 1)), np.ones((3, 1))]))
    assert samples.latent_windows() is samples.windows


@pytest.mark.parametrize("one_series", [True, False])
def test_results_per_sample_stay_one_array(one_series):
    sequences = SequenceSamples(from_list([np.ones((2, 1))] * 5))
    samples = row_samples([5], 2) if one_series else sequences
    per_sample = np.arange(5)
    assert samples.like_input(per_sample) is per_sample


def test_results_per_row_of_a_list_are_a_list():
    first, second = row_samples([2, 3], 2, is_list=True).like_input(np.arange(5))
    assert (first.tolist(), second.tolist()) == ([0, 1], [2, 3, 4])


def test_the_latents_of_a_row_are_those_of_the_window_that_ends_there():
    windows = row_samples([3, 2], 2).latent_windows()
    assert [row[~np.isnan(row)].tolist() for row in windows.padded()[:, :, 0]] == [
        [0.0], [0.0, 1.0], [1.0, 2.0], [3.0], [3.0, 4.0],
    ]  # fmt: skip
