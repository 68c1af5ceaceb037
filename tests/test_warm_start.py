"""Parameters that change between a fit and a warm start or `partial_fit`."""

import keras
import numpy as np
import pytest
from shared import NETWORK

from skae import LSTMAutoencoder

X = np.sin(np.arange(200) / 5)[:, None] + np.random.default_rng(0).normal(0, 0.05, (200, 1))


def dense(meta):
    """Return a network that compiles quickly."""
    return keras.Sequential([keras.Input((None, 1)), keras.layers.Dense(1, "tanh")])


def fitted(**parameters):
    defaults = NETWORK | {"epochs": 2, "random_state": 0, "warm_start": True}
    return LSTMAutoencoder(10, **defaults | parameters).fit(X)


@pytest.fixture(scope="module")
def unchanged():
    return {model: fitted(model=model).fit(X).history_["loss"] for model in (None, dense)}


@pytest.mark.nightly(
    daily=[
        "{'learning_rate': 1e-05}",
        "{'optimizer': 'sgd'}",
        "{'loss': 'mae'}",
        "{'optimizer__global_clipnorm': 0.0001}",
    ]
)
@pytest.mark.parametrize(
    "changed",
    [
        {"learning_rate": 1e-5},
        {"optimizer": "sgd"},
        {"loss": "mae"},
        {"dropout": 0.5},
        {"noise": 0.3},
        {"optimizer__global_clipnorm": 1e-4},
        {"optimizer__weight_decay": 0.1},
    ],
    ids=str,
)
def test_what_can_take_effect_does(changed, unchanged):
    model = fitted(model=None if changed.keys() & {"dropout", "noise"} else dense)
    weights = model.model_.get_weights()
    network = model.model_
    model.set_params(**changed).fit(X)
    assert model.history_["loss"] != unchanged[model.model]
    assert len(model.history_["loss"]) == 4
    for one, other in zip(network.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other, err_msg="the earlier network was trained")


@pytest.mark.slow
def test_nothing_changed_goes_on_as_before(unchanged):
    model = fitted()
    network = model.model_
    model.set_params(learning_rate="auto", verbose=0, patience=3).fit(X)
    assert model.model_ is network
    assert model.history_["loss"] == unchanged[None]


def test_a_new_rate_keeps_what_the_optimizer_knows():
    model = fitted()
    n_steps = int(model.model_.optimizer.iterations.numpy())
    model.set_params(learning_rate=1e-9).partial_fit(X)
    assert float(model.model_.optimizer.learning_rate) == pytest.approx(1e-9)
    assert int(model.model_.optimizer.iterations.numpy()) > n_steps


@pytest.mark.parametrize(
    "changed",
    [{"units": 8}, {"latent_dim": 3}, {"cell": "gru"}, {"scale": None}, {"pooling": "max"}],
    ids=str,
)
def test_what_cannot_is_an_error(changed):
    model = fitted(epochs=1)
    before = model.score_samples(X)
    ((name, value),) = changed.items()
    with pytest.raises(ValueError, match=f"Got {name}={value!r} for a trained network with"):
        model.set_params(**changed).fit(X)
    with pytest.raises(ValueError, match="expected the same"):
        model.partial_fit(X)
    np.testing.assert_array_equal(model.score_samples(X), before)


@pytest.mark.slow
def test_what_cannot_change_changes_in_a_new_network():
    model = fitted(epochs=1).set_params(pooling="mean", warm_start=False).fit(X)
    assert model.detector_.architecture["pooling"] == "mean"


def test_optimizers_are_compared_by_what_they_are():
    model = fitted(model=dense, optimizer=keras.optimizers.Adam(0.001))
    network = model.model_
    model.set_params(optimizer=keras.optimizers.Adam(0.001)).fit(X)
    assert model.model_ is network
    model.set_params(optimizer=keras.optimizers.Adam(0.002)).fit(X)
    assert model.model_ is not network


@pytest.mark.slow
def test_frozen_layers_stay_frozen_when_the_optimizer_changes():
    model = fitted()
    model.encoder_.trainable = False
    before = model.encoder_.get_weights()
    model.set_params(optimizer="sgd").partial_fit(X)
    for one, other in zip(model.encoder_.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
