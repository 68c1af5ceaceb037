"""Bad input raises one clear error, and the previous state remains."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skae import LSTMAutoencoder

ROWS = np.random.default_rng(0).normal(size=(40, 2))
SEQUENCES = np.random.default_rng(0).normal(size=(12, 5, 2))
INFINITE = ROWS.copy()
INFINITE[3, 1] = np.inf


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({"window_size": 0}, ROWS, "'window_size' parameter .* must be an int in the range"),
        ({"latent_dim": 0}, SEQUENCES, "'latent_dim' parameter"),
        ({"cell": "rnn"}, SEQUENCES, "'cell' parameter .* must be a str among"),
        ({"contamination": 0.7}, SEQUENCES, "'contamination' parameter"),
        ({"contamination": "0.1"}, SEQUENCES, "'contamination' parameter"),
        ({"dropout": 1.0}, SEQUENCES, "'dropout' parameter"),
        ({"units": ()}, SEQUENCES, r"Got units=\(\), but expected a positive integer"),
        ({"units": (4, -1)}, SEQUENCES, r"Got units=\(4, -1\)"),
        ({"units": ("a",)}, SEQUENCES, r"Got units=\('a',\)"),
        ({"window_size": 50}, ROWS, r"Got X with 40 sample\(s\) .* window_size=50"),
        ({"window_size": 5}, ROWS * np.nan, "Got X with only NaN in 31 training windows"),
        ({}, SEQUENCES * np.nan, "Got X with only NaN in 1 training windows or sequences"),
        ({"window_size": 5}, INFINITE, "contains infinity"),
        ({"window_size": 5}, ROWS * 1e300, "too large"),
        ({}, [ROWS[:5], ROWS[:5, :1]], r"X\[1\] has 1 features, but X\[0\] has 2"),
        ({}, SEQUENCES[:0], r"Found array with shape \(0, 5, 2\)"),
        ({}, SEQUENCES[..., None], "dim 4"),
        ({}, ROWS[0], "expected one sequence per sample"),
        ({}, [["a", "b"], ["c", "d"]], "could not convert string to float"),
        (
            {"loss": "binary_crossentropy", "output_activation": "sigmoid"},
            SEQUENCES,
            "Got loss='binary_crossentropy' and X with values from",
        ),
        (
            {"loss": "binary_crossentropy"},
            SEQUENCES**2 / 20,
            "Got output_activation='linear' with the binary cross-entropy",
        ),
        ({"loss": "no_such_loss"}, SEQUENCES, "no_such_loss"),
        ({"optimizer": "no_such_optimizer"}, SEQUENCES, "no_such_optimizer"),
    ],
)
def test_bad_fit(parameters, X, message):
    model = LSTMAutoencoder(**({"units": 4, "latent_dim": 2, "epochs": 1} | parameters))
    with pytest.raises(ValueError, match=message):
        model.fit(X)
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(11), "sample_weight.shape"),
        (np.zeros(12), "only zeros|at least one|non-zero"),
        (-np.ones(12), "[Nn]egative"),
        (np.full(12, np.nan), "NaN"),
    ],
)
def test_bad_sample_weight(small, weights, message):
    with pytest.raises(ValueError, match=message):
        small().fit(SEQUENCES, sample_weight=weights)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (ROWS[:, :1], "X has 1 features, but LSTMAutoencoder is expecting 2"),
        ([ROWS, ROWS[:, :1]], "X\\[1\\] has 1 features"),
        ([ROWS[:, :1]], "X has 1 features, but LSTMAutoencoder is expecting 2"),
        (INFINITE, "contains infinity"),
    ],
)
def test_bad_rows_to_score(small, series, X, message):
    model = small(5).fit(series)
    with pytest.raises(ValueError, match=message):
        model.score_samples(X)


@pytest.mark.slow
def test_a_table_does_not_fit_sequences_of_features(small, sequences):
    model = small().fit(sequences)
    with pytest.raises(ValueError, match=r"expected \(n_samples, n_steps, n_features=2\)"):
        model.score_samples(ROWS)


@pytest.mark.slow
@pytest.mark.parametrize("bottleneck", ["vector", "sequence"])
def test_latents_of_another_size(small, sequences, bottleneck):
    model = small(bottleneck=bottleneck).fit(sequences)
    with pytest.raises(ValueError, match="latent_dim=2"):
        model.inverse_transform(np.zeros((4, 3)))


def test_unknown_parameter_is_a_type_error():
    with pytest.raises(TypeError, match="unexpected parameter 'unit', but expected"):
        LSTMAutoencoder(unit=3)


def test_unknown_routed_option_is_an_error(small):
    with pytest.raises((TypeError, ValueError), match="no_such_option"):
        small(optimizer__no_such_option=1).fit(SEQUENCES)


def test_a_failed_fit_leaves_the_earlier_state(small, series):
    model = small(5).fit(series)
    before, state = model.score_samples(series), dict(vars(model))
    with pytest.raises(ValueError, match="infinity"):
        model.fit(INFINITE)
    assert vars(model) == state
    np.testing.assert_array_equal(model.score_samples(series), before)


def test_a_diverging_partial_fit_leaves_the_earlier_weights(small, series):
    model = small(5, learning_rate=1e-3).fit(series)
    before = model.score_samples(series)
    model.model_.optimizer.learning_rate = 1e36
    with pytest.raises(ValueError, match="weights that are not finite"):
        for _ in range(20):
            model.partial_fit(series)
            before = model.score_samples(series)
    np.testing.assert_array_equal(model.score_samples(series), before)
