"""Parts that use SciKeras: routed parameters, builders and seeds."""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.base import clone
from stock import sequences as make

from skae._compiled.forward import clear_caches
from skae._network.layers import NaNToZero
from skae._network.loss import ObservedLoss
from skae._training.adapter import KerasAdapter

X = make(12)


def build(meta, width=3, rate=0.0):
    """Return a small user's autoencoder with layers without seeds."""
    x = keras.Input((None, meta["n_features_in_"]))
    latent = keras.layers.Dense(width, name="encoder")(NaNToZero()(x))
    latent = keras.layers.Dropout(rate)(latent)
    return keras.Model(x, keras.layers.Dense(meta["n_features_in_"])(latent))


def adapter(builder=build, **params):
    defaults = {"loss": "mse", "optimizer": "adam", "verbose": 0}
    return KerasAdapter(builder, {"n_features_in_": 2, "n_steps_": 4}, **(defaults | params))


def built(builder=build, seed=0, **params):
    return adapter(builder, **params).build_compiled(seed)


# ------------------------------------------------------------------- routed parameters


def test_options_of_the_optimizer_arrive():
    model = built(optimizer__learning_rate=0.25, optimizer__clipnorm=0.5)
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert float(model.optimizer.learning_rate) == 0.25 and model.optimizer.clipnorm == 0.5


def test_options_of_a_loss_class_arrive():
    model = built(loss=keras.losses.Huber, loss__delta=0.1)
    small, large = np.zeros((1, 1, 2), np.float32), np.ones((1, 1, 2), np.float32)
    assert float(model.loss(small, large)) == pytest.approx(0.1 * (1 - 0.05))


def test_options_of_the_builder_arrive():
    assert built(model__width=5).get_layer("encoder").units == 5


def test_the_builder_is_told_the_sizes_and_what_it_asks_for():
    asked = {}

    def builder(meta, params, compile_kwargs):
        asked.update(meta=meta, params=params, compile_kwargs=compile_kwargs)
        return build(meta)

    built(builder)
    assert asked["meta"] == {"n_features_in_": 2, "n_steps_": 4}
    assert asked["params"]["optimizer"] == "adam"
    assert isinstance(asked["compile_kwargs"]["optimizer"], keras.optimizers.Adam)


class Counter(keras.callbacks.Callback):
    last = None

    def __init__(self, step=1):
        super().__init__()
        self.step, self.count = step, 0
        type(self).last = self

    def on_epoch_end(self, epoch, logs=None):
        self.count += self.step


def test_options_of_a_callback_class_arrive(small):
    small(callbacks=[Counter], callbacks__0__step=10).fit(X)
    assert Counter.last.count == 20


@pytest.mark.parametrize("wrap", [lambda c: [c], lambda c: {"a": c}, lambda c: [[c]], lambda c: c])
def test_callbacks_come_in_any_wrapping(small, wrap):
    counter = Counter()
    small(callbacks=wrap(counter)).fit(X)
    assert counter.count == 2


def test_routed_parameters_reach_the_model_of_an_estimator(small):
    estimator = small(
        model=build,
        model__width=5,
        loss=keras.losses.Huber,
        loss__delta=0.1,
        optimizer="sgd",
        optimizer__momentum=0.5,
        learning_rate=0.25,
    ).fit(X)
    assert estimator.encoder_.units == 5
    assert estimator.model_.optimizer.momentum == 0.5
    assert float(estimator.model_.optimizer.learning_rate) == 0.25
    assert estimator.model_.loss.loss._fn_kwargs == {"delta": 0.1}


def test_routed_parameters_are_parameters(small):
    estimator = clone(small(optimizer__clipnorm=1.0)).set_params(model__width=5)
    parameters = estimator.get_params()
    assert parameters["optimizer__clipnorm"] == 1.0 and parameters["model__width"] == 5


@pytest.mark.parametrize("name", ["clipnorm", "network__units", "optimizer__"])
def test_a_parameter_that_leads_nowhere_is_rejected(small, name):
    with pytest.raises(TypeError, match=f"unexpected parameter '{name}', but expected a param"):
        small(**{name: 1})


@pytest.mark.parametrize(
    "params, error",
    [
        ({"optimizer__nonsense": 1}, "nonsense"),
        ({"optimizer": "nonsense"}, "nonsense"),
        ({"loss": "nonsense"}, "nonsense"),
        ({"callbacks": [1]}, "callbacks"),
        ({"model": build, "model__nonsense": 1}, "nonsense"),
    ],
)
def test_a_value_that_leads_nowhere_is_named(small, params, error):
    with pytest.raises((TypeError, ValueError), match=error):
        small(**params).fit(X)


@pytest.mark.slow
def test_an_optimizer_instance_is_not_used_up(small):
    optimizer = keras.optimizers.SGD(0.25, momentum=0.5)
    weights = [small(optimizer=optimizer).fit(X).model_.get_weights() for _ in range(2)]
    assert not optimizer.built and all(map(np.array_equal, *weights))


def test_a_model_that_comes_compiled_keeps_its_optimizer_and_loss():
    def builder(meta):
        model = build(meta)
        model.compile(optimizer=keras.optimizers.SGD(0.25), loss="mae")
        return model

    model = built(builder)
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    assert isinstance(model.loss, ObservedLoss) and model.loss.loss == "mae"


# ------------------------------------------------------------------- builders


class Builder:
    def __call__(self, meta, width=3):
        return build(meta, width)

    def method(self, meta, width=3):
        return build(meta, width)

    @staticmethod
    def static(meta, width=3):
        return build(meta, width)


BUILDERS = {
    "function": build,
    "partial": partial(build, rate=0.5),
    "callable object": Builder(),
    "bound method": Builder().method,
    "static method": Builder.static,
    "lambda": lambda meta, width=3: build(meta, width),
    "keywords": lambda meta, **options: build(meta, options["width"]),
}


@pytest.mark.parametrize("builder", BUILDERS.values(), ids=BUILDERS)
def test_a_builder_may_be_any_callable(builder):
    assert built(builder, model__width=5).get_layer("encoder").units == 5


def test_a_builder_may_have_no_arguments():
    assert built(lambda: build({"n_features_in_": 2})).input_shape == (None, None, 2)


def _ends_in(n_features):
    return keras.Sequential([keras.Input((None, 2)), keras.layers.Dense(n_features)])


@pytest.mark.parametrize(
    "builder, error, message",
    [
        (lambda: None, TypeError, "Got None from the callable .* expected a keras.Model"),
        (lambda: _ends_in(3), ValueError, r"to \(None, None, 3\) .* \(n, n_steps, 2\) to the same"),
        (
            lambda: keras.Sequential([keras.layers.Dense(2)]),
            ValueError,
            "expected a built model from",
        ),
        (_ends_in(2), TypeError, "expected a callable that builds a model"),
    ],
    ids=["nothing", "another shape", "not built", "an instance"],
)
def test_what_is_not_a_builder_of_autoencoders_is_rejected(builder, error, message):
    with pytest.raises(error, match=message):
        built(builder)


# ------------------------------------------------------------------- seeds


@pytest.mark.nightly(daily=["options0"])
@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"model": build, "model__rate": 0.5}, {"dropout": 0.5}])
def test_one_random_state_gives_identical_weights_and_another_gives_others(small, options):
    one, same, other = (
        small(random_state=seed, **options).fit(X).model_.get_weights() for seed in (1, 1, 2)
    )
    assert all(map(np.array_equal, one, same))
    assert not np.array_equal(one[0], other[0])


def test_without_a_random_state_fits_differ(small):
    one, other = (small(random_state=None).fit(X).model_.get_weights() for _ in range(2))
    assert not np.array_equal(one[0], other[0])


def _process_state():
    from tensorflow.python.framework import config as tf_config

    return {
        "random": random.getstate(),
        "numpy": [str(part) for part in np.random.get_state()],
        "numpy stream": np.random.get_state()[1].tolist(),
        "op determinism": tf_config.is_op_determinism_enabled(),
        "floatx": keras.config.floatx(),
        "precision": keras.config.dtype_policy().name,
        "image format": keras.config.image_data_format(),
        "inter-op threads": tf.config.threading.get_inter_op_parallelism_threads(),
        "intra-op threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "eager": tf.config.functions_run_eagerly(),
        "xla": tf.config.optimizer.get_jit(),
        "environment": dict(os.environ),
        "error handling": np.geterr(),
    }


@pytest.mark.nightly(daily=["options1"])
@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"model": build, "model__rate": 0.5}])
def test_a_fit_touches_no_global_state(small, options):
    clear_caches()
    before = _process_state()
    small(**options).fit(X).score_samples(X)
    after = _process_state()
    assert [name for name in before if before[name] != after[name]] == []


@pytest.mark.slow
def test_a_fit_does_not_draw_from_the_generator_of_tensorflow(small):
    draws = []
    for fits in (0, 1):
        tf.random.set_seed(7)
        for _ in range(fits):
            small(dropout=0.5, noise=0.1).fit(X)
        draws.append(float(tf.random.uniform(())))
    assert draws[0] == draws[1]


def test_a_builder_that_fails_leaves_the_random_state_alone():
    def builder(meta):
        keras.layers.Dropout(0.5)  # draws a seed
        raise RuntimeError("from the builder")

    before = random.getstate()
    with pytest.raises(RuntimeError, match="from the builder"):
        built(builder)
    assert random.getstate() == before


# ------------------------------------------------------------------- threads


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"model": build, "model__rate": 0.5}])
def test_fits_in_two_threads_equal_fits_one_after_the_other(small, options):
    def fit(seed):
        estimator = small(random_state=seed, **options).fit(X)
        return estimator.model_.get_weights(), estimator.score_samples(X)

    clear_caches()
    before, expected = random.getstate(), [fit(seed) for seed in range(4)]
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(fit, range(4)))
    for (weights, scores), (right_weights, right_scores) in zip(found, expected, strict=True):
        assert all(map(np.array_equal, weights, right_weights))
        np.testing.assert_array_equal(scores, right_scores)
    assert random.getstate() == before


# ------------------------------------------------------------------- less usual settings of Keras


@pytest.mark.slow
def test_lamb_is_known_by_its_name(small):
    detector = small(optimizer="lamb").fit(X)
    assert type(detector.model_.optimizer) is keras.optimizers.Lamb


@pytest.mark.slow
def test_keras_may_compute_in_float64(small):
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    try:
        detector = small().fit(X)
        expected = detector.model_.predict(X, verbose=0)
        np.testing.assert_allclose(detector.reconstruct(X), expected, atol=1e-5)
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
    assert {w.dtype for w in detector.model_.get_weights()} == {np.dtype("float64")}
    assert np.isfinite(detector.score_samples(X)).all()
