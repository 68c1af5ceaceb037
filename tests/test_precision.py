"""A warning names the features with a signal that is lost in float32, and no others."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from strategies import examples, random_rows

from skae import LSTMAutoencoder, SequenceWindower
from skae._windows.read_samples import read_samples
from skae._windows.windows import Windowing

SEQUENCES, ROWS = Windowing(None, 1), Windowing(3, 2)
NAMES = ["heat", "load"]
LOST = "Got X with a signal that is lost in float32, in feature {}: .*scale='robust'"


def lifted(offset=1e9, scale=1.0, n_rows=200):
    """Return rows with an offset in the second feature."""
    return random_rows(n_rows, 2, seed=0) * [1, scale] + [0, offset]


def says(X, windowing, message):
    with pytest.warns(UserWarning, match=message):
        read_samples(BaseEstimator(), X, windowing, reset=True)


@pytest.mark.parametrize("windowing", [SEQUENCES, ROWS])
@pytest.mark.parametrize(
    ("lay_out", "feature"),
    [
        (lambda rows: [rows, rows[:7]], "1"),
        (lambda rows: [pd.DataFrame(rows, columns=NAMES)] * 2, "'load'"),
        (lambda rows: [pl.DataFrame(rows, schema=NAMES)] * 2, "'load'"),
    ],
)
def test_a_lost_signal_of_series_is_named(lay_out, feature, windowing):
    says(lay_out(lifted()), windowing, LOST.format(feature))


def test_a_lost_signal_of_rows_is_named():
    says(lifted(), ROWS, LOST.format("1"))
    says(lifted().tolist(), ROWS, LOST.format("1"))
    says(pd.DataFrame(lifted(), columns=NAMES), ROWS, LOST.format("'load'"))
    says(np.arange(2**40, 2**40 + 200)[:, None], ROWS, LOST.format("0"))


def test_a_lost_signal_of_sequences_is_named():
    says(lifted().reshape(20, 10, 2), SEQUENCES, LOST.format("1"))
    says(lifted()[:, 1].reshape(20, 10), SEQUENCES, LOST.format("0"))
    says(SequenceWindower(5).fit_transform(lifted()), SEQUENCES, LOST.format("1"))
    flat = SequenceWindower(5).set_output(transform="pandas")
    says(flat.fit_transform(pd.DataFrame(lifted())), SEQUENCES, LOST.format("1"))


def test_many_lost_signals_are_named_in_short():
    says(np.tile(lifted()[:, 1:], (1, 7)), ROWS, LOST.format(r"0, 1, 2, 3, 4, \.\.\."))


@pytest.mark.parametrize(
    ("offset", "scale"),
    [(1e6, 1.0), (1e6, 0.01), (1e12, 1e3), (-1e9, 1e-3), (1.0, 1e-6), (1e30, 1e20)],
)
def test_how_little_is_too_little(offset, scale):
    says(lifted(offset, scale), ROWS, LOST.format("1"))


@pytest.mark.parametrize(
    "X",
    [
        lifted(1e6, 10.0),
        lifted(0, 1e-30),
        lifted(0, 1e30),
        lifted().astype(np.float32),
        np.full((200, 2), 0.1),
        np.full((200, 2), 1e9 + 0.3),
        0.1 * np.ones((200, 2)) + 1e-17 * random_rows(200, 2, seed=1),
        np.cumsum(np.full((200, 1), 0.1), axis=0) - 0.1 * np.arange(200)[:, None] + 7,
        np.where(random_rows(200, 2, seed=0) > 0, np.nan, 1e9),
        np.array([0.0, 1.0] * 100)[:, None] + 2**23,
        np.full((200, 2), np.nan),
        np.full((200, 2), 3e38) * [1, -1],
    ],
)
def test_what_is_not_lost_is_not_said_to_be(X):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_samples(BaseEstimator(), X, ROWS, reset=True)


def test_scoring_says_nothing(small):
    rows = random_rows(60, 2, seed=0)
    fitted = small(5).fit(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.score_samples(rows + 1e9)


def test_fit_says_so_and_nothing_behind_a_scaler(small):
    with pytest.warns(UserWarning, match=LOST.format("1")):
        small(5).fit(lifted(n_rows=60))
    make_pipeline(StandardScaler(), small(5)).fit(lifted(n_rows=60))


@examples(6)
@given(exponents=st.tuples(*[st.integers(-20, 20)] * 2))
@pytest.mark.slow
def test_powers_of_two_behind_a_scaler_change_not_a_bit(series, exponents):
    network = LSTMAutoencoder(4, segment_length=1, units=4, latent_dim=2, epochs=1, random_state=0)
    pipeline = make_pipeline(StandardScaler(), network)
    expected = pipeline.fit(series).score_samples(series)
    scaled = series * np.exp2(exponents)
    np.testing.assert_array_equal(pipeline.fit(scaled).score_samples(scaled), expected)
