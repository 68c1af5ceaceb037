"""Batches of padded sequences: order, gaps and weights."""

import numpy as np
import pytest
from naive import mean_of_observed
from stock import sequences

from skae._input.sequences import Sequences, from_array, from_list
from skae._network.loss import ObservedLoss
from skae._training.batches import Batches

X = sequences(7)
FALLBACK = np.float32([10, 20])


def batches(x=X, batch_size=3, **options):
    return Batches(from_array(x), FALLBACK, batch_size, **options)


def test_batches_keep_the_order_and_the_last_is_shorter():
    found = [batches()[i][0] for i in range(len(batches()))]
    assert [len(inputs) for inputs in found] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(found), X)


def test_shuffled_batches_hold_everything_once_in_a_new_order_every_epoch():
    shuffled = batches(rng=np.random.default_rng(0))
    orders = []
    for _ in range(3):
        epoch = np.concatenate([shuffled[i][0] for i in range(len(shuffled))])
        assert sorted(map(bytes, epoch)) == sorted(map(bytes, X))
        orders.append(epoch.tobytes())
        shuffled.shuffle()
    assert len(set(orders)) == 3


def test_a_missing_reading_is_imputed_in_the_input_only():
    x = X.copy()
    x[0, 2, 0] = x[1, :, 1] = np.nan
    inputs, targets, _ = batches(x)[0]
    np.testing.assert_array_equal(targets, x[:3])
    assert inputs[0, 2, 0] == x[0, 1, 0] and (inputs[1, :, 1] == FALLBACK[1]).all()


@pytest.mark.parametrize("keep_nan", [True, False])
def test_padding_is_nan_in_the_target_and_nan_or_zero_in_the_input(keep_nan):
    lists = [X[0], X[1, :2]]
    inputs, targets, _ = Batches(from_list(lists), FALLBACK, 2, keep_nan=keep_nan)[0]
    assert np.isnan(targets[1, 2:]).all()
    padding = inputs[1, 2:]
    assert np.isnan(padding).all() if keep_nan else (padding == 0).all()


def test_weights_of_sequences_follow_the_shuffle():
    weights = np.arange(7, dtype=np.float32)
    shuffled = batches(weights=weights, rng=np.random.default_rng(0))
    for inputs, _, found in (shuffled[i] for i in range(len(shuffled))):
        for x, weight in zip(inputs, found, strict=True):
            np.testing.assert_array_equal(x, X[int(weight[0])])


def test_balanced_weights_give_the_same_total_to_all_features_of_a_sequence():
    x = X.copy()
    x[0, 1:, 1] = x[1, :, 0] = x[2, 3:] = np.nan
    _, targets, weights = batches(x, weights=np.arange(1, 8, dtype=np.float32), balanced=True)[0]
    assert (weights[np.isnan(targets)] == 0).all()
    n_steps = X.shape[1]
    expected = [[n_steps, n_steps], [0, 2 * n_steps], [9, 9]]
    np.testing.assert_allclose(weights.sum(axis=1), expected, rtol=1e-6)


def test_the_mean_with_balanced_weights_is_that_of_the_features():
    x = np.random.default_rng(0).normal(size=(4, 6, 3)).astype(np.float32)
    x[np.random.default_rng(1).random(x.shape) < 0.5] = np.nan
    weights = np.float32([1, 2, 0.5, 1])
    fallback = np.zeros(3, np.float32)
    batch = Batches(from_array(x), fallback, 4, weights=weights, balanced=True)[0]
    total, weight = ObservedLoss("mse").parts(batch[1], np.zeros_like(x), batch[2])
    assert float(total / weight) == pytest.approx(mean_of_observed(x**2, weights[:, None]))


def test_weights_of_rows_are_cut_like_the_rows():
    rows = np.arange(12, dtype=np.float32).reshape(6, 2)
    windows = Sequences(rows, np.array([0, 1, 4]), np.array([3, 3, 2]))
    weights = Batches(windows, FALLBACK, 3, weights=rows[:, 0])[0][2]
    np.testing.assert_array_equal(weights, [[0, 2, 4], [2, 4, 6], [8, 10, 0]])
