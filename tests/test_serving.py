"""Other ways to store a model: pickle, skops, MLflow."""

import copy
import pickle

import keras
import numpy as np
import pytest
from shared import TINY
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import LSTMAutoencoder
from skae._network.serialization import from_stored

FITTED = {
    "rows": {"window_size": 5},
    "steps": {"window_size": 5, "bottleneck": "sequence", "error": "mahalanobis", "dropout": 0.1},
    "others": {
        "window_size": 5,
        "optimizer": "rmsprop",
        "loss": keras.losses.Huber(2.0),
        "learning_rate": keras.optimizers.schedules.CosineDecay(1e-3, 100),
    },
    "sets": {"pooling": "max", "decoder": "state", "segment_length": 2, "units": (4, 3)},
}


@pytest.fixture(scope="module")
def data(series, sequences):
    return {"sets": sequences}, series


@pytest.fixture(
    scope="module",
    params=["rows", *(pytest.param(name, marks=pytest.mark.slow) for name in [*FITTED][1:])],
)
def fitted(request, data):
    special, series = data
    X = special.get(request.param, series)
    return LSTMAutoencoder(**TINY | FITTED[request.param]).fit(X), X


def assert_same(one, other, X):
    for method in ("score_samples", "predict", "transform"):
        np.testing.assert_array_equal(getattr(one, method)(X), getattr(other, method)(X))
    assert one.history_ == other.history_
    assert type(one.model_.optimizer) is type(other.model_.optimizer)
    np.testing.assert_array_equal(
        copy.deepcopy(one).partial_fit(X).score_samples(X),
        copy.deepcopy(other).partial_fit(X).score_samples(X),
    )


@pytest.fixture
def no_deserializer(monkeypatch):
    """Fail if Keras deserializes anything."""

    def reject(*_, **__):
        raise AssertionError("Keras was asked to deserialize.")

    for name in ("load_model", "deserialize_keras_object"):
        monkeypatch.setattr(keras.saving, name, reject)
    monkeypatch.setattr(keras.Model, "_unpickle_model", reject)


@pytest.mark.nightly(daily=["rows"])
def test_a_pickle_holds_plain_values_and_arrays_only(fitted, no_deserializer):
    estimator, X = fitted
    assert_same(pickle.loads(pickle.dumps(estimator)), estimator, X)
    state = estimator.__getstate__()["_detector"]
    assert {type(value) for value in state["network"]["weights"]} == {np.ndarray}


def test_frozen_layers_stay_frozen(series):
    estimator = LSTMAutoencoder(5, **TINY).fit(series)
    estimator.encoder_.trainable = False
    estimator.model_.compile("sgd", loss=estimator.model_.loss)
    twin = pickle.loads(pickle.dumps(estimator))
    assert [v.trainable for v in twin.model_.variables] == [
        v.trainable for v in estimator.model_.variables
    ]


def build(meta):
    x = keras.Input((None, meta["n_features_in_"]))
    return keras.Model(x, keras.layers.Dense(2)(keras.layers.LSTM(3, return_sequences=True)(x)))


def mean_cubes(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** 3, axis=-1)


class OwnAdam(keras.optimizers.Adam):
    pass


@pytest.mark.slow
def test_a_network_of_ones_own_is_pickled_as_keras_pickles_it(series):
    estimator = LSTMAutoencoder(5, **TINY, model=build).fit(series)
    assert isinstance(estimator.__getstate__()["_detector"]["network"], keras.Model)
    assert_scores(pickle.loads(pickle.dumps(estimator)), estimator, series)


@pytest.mark.slow
def test_a_loss_and_an_optimizer_of_ones_own_are_pickled_by_their_names(series):
    estimator = LSTMAutoencoder(5, **TINY, loss=mean_cubes, optimizer=OwnAdam).fit(series)
    twin = pickle.loads(pickle.dumps(estimator))
    assert_scores(twin, estimator, series)
    assert type(twin.model_.optimizer) is OwnAdam and twin.model_.loss.loss is mean_cubes


def assert_scores(one, other, X):
    np.testing.assert_array_equal(one.score_samples(X), other.score_samples(X))


@pytest.mark.nightly(daily=["loss", "schedule"])
@pytest.mark.parametrize("what", ["optimizer", "schedule", "loss"])
def test_a_class_that_is_none_of_keras_is_rejected(series, what):
    parameters = {"learning_rate": keras.optimizers.schedules.CosineDecay(1e-3, 100)}
    state = LSTMAutoencoder(5, **TINY | parameters).fit(series).__getstate__()
    stored = state["_detector"]["network"]
    training = stored["training"]
    if what == "optimizer":
        training["optimizer"] = "system"
    elif what == "loss":
        training["loss"]["loss"] = "system"
    else:
        training["options"]["learning_rate"]["class_name"] = "system"
    with pytest.raises(ValueError, match=f"Got {what} 'system', but expected one of Keras"):
        from_stored(stored)


# ------------------------------------------------------------------- skops


@pytest.mark.slow
def test_skops_keeps_it_in_a_pipeline(series):
    io = pytest.importorskip("skops.io")
    pipeline = make_pipeline(StandardScaler(), LSTMAutoencoder(5, **TINY)).fit(series)
    content = io.dumps(pipeline)
    assert io.get_untrusted_types(data=content) == ["skae._autoencoder.LSTMAutoencoder"]
    loaded = io.loads(content, trusted=["skae._autoencoder.LSTMAutoencoder"])
    assert_scores(loaded, pipeline, series)
    assert_same(loaded[-1], pipeline[-1], pipeline[:-1].transform(series))


@pytest.mark.nightly
def test_skops_keeps_every_network(fitted, no_deserializer):
    io = pytest.importorskip("skops.io")
    estimator, X = fitted
    if not isinstance(estimator.learning_rate, float):
        pytest.skip("skops cannot hold a schedule of Keras among the parameters.")
    content = io.dumps(estimator)
    assert_same(io.loads(content, trusted=io.get_untrusted_types(data=content)), estimator, X)


# ------------------------------------------------------------------- MLflow


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow's own
@pytest.mark.parametrize(
    "options",
    [
        {"serialization_format": "cloudpickle"},
        {"skops_trusted_types": ["skae._autoencoder.LSTMAutoencoder"]},
    ],
)
def test_mlflow_keeps_it_as_a_model_of_scikit_learn(series, tmp_path, options):
    mlflow = pytest.importorskip("mlflow.sklearn")
    pipeline = make_pipeline(StandardScaler(), LSTMAutoencoder(5, **TINY)).fit(series)
    mlflow.save_model(pipeline, str(tmp_path / "model"), pip_requirements=[], **options)
    assert_scores(mlflow.load_model(str(tmp_path / "model")), pipeline, series)
