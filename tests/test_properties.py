"""Properties for any numbers: finite in, finite out; padding, chunks and order do not matter.

`HYPOTHESIS_PROFILE=nightly` draws 2,000 examples of each; `ci`, the default, draws 100.
"""

import numpy as np
import pytest
from conftest import pad
from hypothesis import given
from hypothesis import strategies as st
from shared import TINY
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from strategies import examples, random_rows

from skae import LSTMAutoencoder, SequenceWindower

few = examples(100)
MODES = {
    "vector": {},
    "sequence": {"bottleneck": "sequence"},
    "states": {"decoder": "state", "reverse": True, "pooling": "mean", "aggregation": "max"},
    "rows": {"window_size": 4},
}
magnitudes = st.sampled_from([1e-30, 1e-6, 1.0, 1e6, 1e30, 5e37])


@pytest.fixture(scope="module")
def fitted(sequences):
    """Return the fitted estimator of a mode."""
    X = {"rows": np.concatenate(sequences)}
    return {
        mode: LSTMAutoencoder(**TINY | parameters).fit(X.get(mode, sequences))
        for mode, parameters in MODES.items()
    }


@st.composite
def sets(draw, most=6):
    """Draw sequences of two features and 1 to 9 steps."""
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=most))
    seed = draw(st.integers(0, 999))
    return [random_rows(n, 2, seed + i) for i, n in enumerate(lengths)]


@st.composite
def extreme_rows(draw):
    """Draw a series of any magnitude, with single values of other magnitudes."""
    rows = random_rows(draw(st.integers(1, 12)), 2, draw(st.integers(0, 999)))
    rows *= draw(magnitudes)
    if draw(st.booleans()):
        rows[draw(st.integers(0, len(rows) - 1)), draw(st.integers(0, 1))] = draw(
            st.floats(-3e38, 3e38, allow_subnormal=False)
        )
    return rows


# ------------------------------------------------------------------- finite


@few
@given(rows=extreme_rows(), mode=st.sampled_from(list(MODES)))
@pytest.mark.slow
def test_finite_in_finite_out(fitted, rows, mode):
    estimator, X = fitted[mode], rows if mode == "rows" else [rows]
    latents = estimator.transform(X)
    for found in (
        estimator.score_samples(X),
        *(
            getattr(estimator, method)(X)
            for method in ("score_timesteps", "explain", "reconstruct")
        ),
        latents,
        estimator.inverse_transform(latents),
        estimator.score(X),
    ):
        assert np.isfinite(found).all()


@few
@given(rows=extreme_rows(), missing=st.floats(0.1, 0.9), seed=st.integers(0, 99))
@pytest.mark.slow
def test_a_sequence_with_gaps_has_a_finite_score(fitted, rows, missing, seed):
    gaps = np.random.default_rng(seed).random(rows.shape) < missing
    gaps[0, 0] = False
    X = [np.where(gaps, np.nan, rows)]
    for mode in ("vector", "sequence"):
        assert np.isfinite(fitted[mode].score_samples(X)).all()
        assert np.isfinite(fitted[mode].reconstruct(X)[0]).all()


# ------------------------------------------------------------------- what does not count


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@few
@given(
    X=sets(), extra=st.integers(0, 5), before=st.integers(0, 5), mode=st.sampled_from([*MODES][:3])
)
@pytest.mark.slow
def test_padding_does_not_count(fitted, X, extra, before, mode):
    n_steps = max(map(len, X)) + extra
    padded = pad(X, n_steps)
    shifted = np.pad(padded, [(0, 0), (before, 0), (0, 0)], constant_values=np.nan)
    expected = fitted[mode].score_samples(X)
    same(fitted[mode].score_samples(padded), expected)
    same(fitted[mode].score_samples(shifted), expected)


@few
@given(X=sets(), order=st.randoms(use_true_random=False), mode=st.sampled_from([*MODES][:3]))
@pytest.mark.slow
def test_chunks_and_order_of_a_set_do_not_count(fitted, X, order, mode):
    together = fitted[mode].score_samples(X)
    chosen = list(range(len(X)))
    order.shuffle(chosen)
    same(fitted[mode].score_samples([X[i] for i in chosen]), together[chosen])
    same(np.concatenate([fitted[mode].score_samples([x]) for x in X]), together)


@few
@given(n=st.integers(1, 30), cut=st.integers(0, 29), seed=st.integers(0, 99))
@pytest.mark.slow
def test_series_scored_together_are_scored_as_alone(fitted, n, cut, seed):
    rows = random_rows(n, 2, seed)
    parts = [part for part in (rows[:cut], rows[cut:]) if len(part)]
    for found, part in zip(fitted["rows"].score_samples(parts), parts, strict=True):
        same(found, fitted["rows"].score_samples(part))


@few
@given(n=st.integers(8, 40), end=st.integers(1, 30), seed=st.integers(0, 99))
@pytest.mark.slow
def test_rows_with_their_whole_context_are_scored_as_in_a_longer_series(fitted, n, end, seed):
    rows = random_rows(n + end, 2, seed)
    for method in ("transform", "score_timesteps"):
        whole, part = (getattr(fitted["rows"], method)(X) for X in (rows, rows[:n]))
        same(part[: n - 3], whole[: n - 3])  # windows of later rows changed


@pytest.mark.slow
@examples(6)
@given(order=st.randoms(use_true_random=False))
def test_the_order_of_a_set_does_not_count_in_training(sequences, order):
    shuffled = list(sequences)
    order.shuffle(shuffled)
    one, other = (LSTMAutoencoder(**TINY).fit(X) for X in (sequences, shuffled))
    np.testing.assert_array_equal(one.score_samples(sequences), other.score_samples(sequences))


# ------------------------------------------------------------------- units

units = st.sampled_from([1e-6, 1.0, 1e6])
offsets = st.sampled_from([0.0, -1e9, 1e9])


def scaler_before(windows):
    steps = [SequenceWindower(4)] if windows else []
    network = LSTMAutoencoder(None if windows else 4, **TINY)
    return make_pipeline(StandardScaler(), *steps, network)


@pytest.fixture(scope="module")
def plain_scores(series):
    return [scaler_before(windows).fit(series).score_samples(series) for windows in (False, True)]


@pytest.mark.slow
@examples(8)
@given(scales=st.tuples(units, units), levels=st.tuples(offsets, offsets))
@pytest.mark.parametrize("windows", [False, True])
def test_units_do_not_count_behind_a_scaler(series, plain_scores, windows, scales, levels):
    # With an offset of 1e9, float64 keeps seven digits of a signal of 1, and one digit of 1e-6.
    levels = np.where(np.less(scales, 1), 0, levels)
    X = series * scales + levels
    found = scaler_before(windows).fit(X).score_samples(X)
    np.testing.assert_allclose(found, plain_scores[windows], rtol=1e-3)


def test_a_small_signal_on_a_large_offset_is_found_behind_a_scaler(series):
    X = series + 1e9
    X[150] += 3
    pipeline = make_pipeline(StandardScaler(), LSTMAutoencoder(4, **TINY)).fit(X[:100])
    assert abs(int(np.argmin(pipeline.score_samples(X))) - 150) <= 2
