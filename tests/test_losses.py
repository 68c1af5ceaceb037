"""The observed loss compared with numpy means over observed values."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stock import sequences
from strategies import examples

from skae._network.loss import ObservedLoss, check_suits

rng = np.random.default_rng(0)
TRUE = rng.uniform(0.1, 0.9, size=(3, 4, 2)).astype(np.float32)
PRED = rng.uniform(0.1, 0.9, size=(3, 4, 2)).astype(np.float32)
TRUE[0, 2:] = np.nan  # padding
TRUE[1, 1, 0] = TRUE[2, 3, 1] = np.nan  # missing readings
OBSERVED = ~np.isnan(TRUE)

ELEMENTWISE = {
    "mse": lambda t, p: (t - p) ** 2,
    "mae": lambda t, p: np.abs(t - p),
    "mape": lambda t, p: 100 * np.abs((t - p) / t),
    "msle": lambda t, p: (np.log1p(t) - np.log1p(p)) ** 2,
    "log_cosh": lambda t, p: np.log(np.cosh(t - p)),
    "huber": lambda t, p: 0.5 * (t - p) ** 2,
    "binary_crossentropy": lambda t, p: -t * np.log(p) - (1 - t) * np.log(1 - p),
    "poisson": lambda t, p: p - t * np.log(p),
    "hinge": lambda t, p: np.maximum(1 - t * p, 0),
}


def _own_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** 3, axis=-1)


@pytest.mark.parametrize("loss", ELEMENTWISE)
def test_a_mean_over_features_becomes_a_mean_over_observed_entries(loss):
    expected = ELEMENTWISE[loss](TRUE, PRED)[OBSERVED].mean()
    assert float(ObservedLoss(loss)(TRUE, PRED)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    "loss", ["mse", keras.losses.MeanSquaredError(), keras.losses.mean_squared_error]
)
def test_a_loss_may_be_a_name_an_instance_or_a_function(loss):
    expected = ((TRUE - PRED) ** 2)[OBSERVED].mean()
    assert float(ObservedLoss(loss)(TRUE, PRED)) == pytest.approx(expected, rel=1e-5)


def test_the_options_of_an_instance_count():
    loss = ObservedLoss(keras.losses.Huber(delta=0.1))
    error = np.abs(TRUE - PRED)[OBSERVED]
    expected = np.where(error < 0.1, error**2 / 2, 0.1 * (error - 0.05)).mean()
    assert float(loss(TRUE, PRED)) == pytest.approx(expected, rel=1e-4)


def test_a_function_of_ones_own_is_a_mean_over_observed_entries():
    expected = (np.abs(TRUE - PRED) ** 3)[OBSERVED].mean()
    assert float(ObservedLoss(_own_loss)(TRUE, PRED)) == pytest.approx(expected, rel=1e-4)


def test_a_function_without_the_mean_over_features_gives_the_same():
    loss = ObservedLoss(lambda y_true, y_pred: keras.ops.abs(y_true - y_pred) ** 3)
    assert float(loss(TRUE, PRED)) == pytest.approx(float(ObservedLoss(_own_loss)(TRUE, PRED)))


def test_a_function_that_returns_one_number_is_rejected():
    with pytest.raises(ValueError, match="one number for everything, but expected one number per"):
        ObservedLoss(lambda y_true, y_pred: keras.ops.mean((y_true - y_pred) ** 2)).is_by_entry(2)


@pytest.mark.parametrize("n_features", [1, 2, 3, 4])
def test_a_loss_with_a_weight_for_each_feature(n_features):
    weights = np.linspace(1, 3, n_features, dtype="float32")
    rng = np.random.default_rng(0)
    true, pred = rng.normal(size=(2, 5, 4, n_features)).astype("float32")
    true[1, 2:] = np.nan
    loss = ObservedLoss(lambda t, p: keras.ops.mean((t - p) ** 2 * weights, axis=-1))
    steps = ((true - pred) ** 2 * weights).mean(axis=-1)
    assert float(loss(true, pred)) == pytest.approx(np.nanmean(steps), rel=1e-5)


def test_a_loss_for_another_number_of_features_is_rejected():
    loss = ObservedLoss(lambda t, p: keras.ops.mean((t - p) ** 2 * np.ones(3, "float32"), axis=-1))
    with pytest.raises(ValueError, match="that fails for 2 features, but expected a loss of two"):
        loss.is_by_entry(2)


def test_a_loss_of_whole_steps_is_a_mean_over_steps_with_something_observed():
    whole = OBSERVED.all(axis=-1)
    true, pred = TRUE.copy(), PRED
    true[~whole] = np.nan
    cosine = (true * pred).sum(-1) / np.linalg.norm(true, axis=-1) / np.linalg.norm(pred, axis=-1)
    loss = ObservedLoss("cosine_similarity")
    assert float(loss(true, pred)) == pytest.approx(-cosine[whole].mean(), rel=1e-4)


def test_nothing_missing_is_what_keras_computes():
    true = np.nan_to_num(TRUE, nan=0.5)
    expected = float(keras.losses.LogCosh()(true, PRED))
    assert float(ObservedLoss("log_cosh")(true, PRED)) == pytest.approx(expected, rel=1e-5)


WEIGHTS = {
    "by sample": np.float32([[0.5], [2], [1]]),
    "by step": rng.uniform(size=(3, 4)).astype(np.float32),
    "by sample, a vector": np.float32([0.5, 2, 1]),
}


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
def test_weights_make_a_weighted_mean_over_observed_entries(weights):
    shape = (*weights.shape, *[1] * (3 - weights.ndim))
    spread = np.broadcast_to(weights.reshape(shape), TRUE.shape)
    expected = np.average((TRUE - PRED)[OBSERVED] ** 2, weights=spread[OBSERVED])
    assert float(ObservedLoss("mse")(TRUE, PRED, weights)) == pytest.approx(expected, rel=1e-5)


def test_weights_of_whole_steps():
    weights = np.float32([[0], [0], [1]])
    expected = ObservedLoss("cosine_similarity")(TRUE[2:], PRED[2:])
    found = ObservedLoss("cosine_similarity")(TRUE, PRED, weights)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


@given(cut=st.integers(1, 5), loss=st.sampled_from(["mse", "mae", "cosine_similarity"]))
@examples(15)
def test_the_parts_of_a_batch_add_up(cut, loss):
    true, pred = sequences(6, 3, seed=1), sequences(6, 3, seed=2)
    true[1, 2:] = true[4, 0, 0] = np.nan
    weights = np.linspace(0, 1, 6, dtype=np.float32)[:, None]
    loss = ObservedLoss(loss)
    before = loss.parts(true[:cut], pred[:cut], weights[:cut])
    after = loss.parts(true[cut:], pred[cut:], weights[cut:])
    np.testing.assert_allclose(
        np.add(before, after), loss.parts(true, pred, weights), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("loss", ["mse", "mape", "binary_crossentropy", "cosine_similarity"])
@pytest.mark.parametrize("case", ["zero weight", "nothing observed"])
def test_nothing_to_average_is_zero_and_never_nan(loss, case):
    weights = np.zeros((3, 1), np.float32) if case == "zero weight" else None
    true = TRUE if case == "zero weight" else np.full_like(TRUE, np.nan)
    assert float(ObservedLoss(loss)(true, PRED, weights)) == 0.0


@pytest.mark.parametrize("loss", ["mse", keras.losses.Huber(delta=0.3), "cosine_similarity"])
def test_a_loss_is_made_again_from_its_description(loss):
    loss = ObservedLoss(loss)
    description = keras.saving.serialize_keras_object(loss)
    again = keras.saving.deserialize_keras_object(description)
    assert isinstance(again, ObservedLoss)
    assert float(again(TRUE, PRED)) == float(loss(TRUE, PRED))


def test_the_key_tells_losses_apart_by_what_they_compute():
    def key(loss):
        return ObservedLoss(loss).key

    assert key("mse") == key("mean_squared_error") == key(keras.losses.mean_squared_error)
    assert key(keras.losses.Huber(0.3)) == key(keras.losses.Huber(0.3)) != key(keras.losses.Huber())


def test_the_key_tells_functions_of_one_name_apart():
    first, second = (lambda t, p, n=n: keras.ops.abs(t - p) ** n for n in (1, 2))
    first.__name__ = second.__name__ = "own"
    assert ObservedLoss(first).key != ObservedLoss(second).key


BINARY = [
    "binary_crossentropy",
    "bce",
    "BinaryCrossentropy",
    keras.losses.binary_crossentropy,
    keras.losses.BinaryCrossentropy,
    keras.losses.BinaryCrossentropy(),
]


def name_of(loss):
    """Return a name that is the same in every process."""
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)


@pytest.mark.parametrize("loss", BINARY, ids=name_of)
@pytest.mark.parametrize(
    "rows, message",
    [
        ([[0.5], [1.5]], r"Got loss=.* with values from 0.5 to 1.5, but expected .* \[0, 1\]"),
        ([[-0.25], [np.nan]], "with values from -0.25 to -0.25"),
    ],
)
def test_binary_crossentropy_rejects_data_outside_the_unit_interval(loss, rows, message):
    with pytest.raises(ValueError, match=message):
        check_suits(loss, np.array(rows))


@pytest.mark.parametrize(
    "loss, rows",
    [("mse", [[-5.0]]), *((loss, [[0.0], [1.0], [np.nan]]) for loss in BINARY)],
    ids=name_of,
)
def test_suitable_data_pass(loss, rows):
    check_suits(loss, np.array(rows))
