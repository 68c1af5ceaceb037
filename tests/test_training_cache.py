"""Workspaces: which models share one, and that sharing changes nothing."""

from dataclasses import fields, replace

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stock import ARCHITECTURES, SMALL, compiled, sequences
from strategies import examples

from skae._compiled.forward import clear_caches, forward
from skae._compiled.training_cache import (
    architecture_key,
    describe,
    state_of,
    unchanged_on_error,
    workspace_of,
)
from skae._network.architecture import Architecture, build_autoencoder

X = sequences(5)
WEIGHTS = np.ones((5, 1), np.float32)


def _state(model):
    return [variable.numpy() for variable in state_of(model)]


def _assert_same_state(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


# ------------------------------------------------------------------- keys

CHANGES = {
    "n_features": 3,
    "latent_dim": 2,
    "units": (4, 4),
    "bottleneck": "sequence",
    "pooling": "mean",
    "bidirectional": True,
    "cell": "gru",
    "decoder": "state",
    "reverse": True,
    "output_activation": "tanh",
    "dropout": 0.25,
    "noise": 0.25,
    "segment_length": 2,
}


@pytest.fixture(scope="module")
def key_of_small():
    return architecture_key(build_autoencoder(SMALL, 0))


@pytest.mark.parametrize("field", [field.name for field in fields(Architecture)])
def test_each_field_of_the_architecture_changes_the_key(key_of_small, field):
    changed = build_autoencoder(replace(SMALL, **{field: CHANGES[field]}), 0)
    assert architecture_key(changed) != key_of_small


@given(
    name=st.sampled_from(sorted(ARCHITECTURES)),
    field=st.sampled_from(["latent_dim", "cell", "output_activation", "dropout", "n_features"]),
    seeds=st.lists(st.integers(0, 2**30), min_size=3, max_size=3, unique=True),
)
@examples(6)
@pytest.mark.slow
def test_the_key_is_that_of_the_architecture_whatever_the_seed(name, field, seeds):
    a = ARCHITECTURES[name]
    change = {"cell": "lstm"} if (field, a.cell) == ("cell", "gru") else {field: CHANGES[field]}
    one, same, other = (
        architecture_key(build_autoencoder(kind, seed))
        for kind, seed in zip((a, a, replace(a, **change)), seeds, strict=True)
    )
    assert one == same != other


def _dense_model(*activations, names=None):
    names = names or [None] * len(activations)
    layers = [
        keras.layers.Dense(2, activation=activation, name=name)
        for activation, name in zip(activations, names, strict=True)
    ]
    return keras.Sequential([keras.Input((None, 2)), *layers])


def test_names_of_layers_and_models_do_not_count():
    one, other = _dense_model("tanh", names=["this"]), _dense_model("tanh", names=["that"])
    assert one.name != other.name
    assert architecture_key(one) == architecture_key(other)


def test_a_layer_named_as_its_activation_is_told_apart():
    one, other = _dense_model("tanh", names=["tanh"]), _dense_model("relu", names=["relu"])
    assert architecture_key(one) != architecture_key(other)
    x = np.full((1, 2, 2), -1, np.float32)
    for model in (one, other):
        np.testing.assert_allclose(forward(model, x), model(x), atol=1e-6)


def test_what_a_layer_is_connected_to_counts():
    def model(first):
        x = keras.Input((None, 2))
        branches = [keras.layers.Dense(2, name=name)(x) for name in ("left", "right")]
        chained = keras.layers.Dense(2, name="top")(branches[first])
        return keras.Model(x, keras.layers.Subtract(name="minus")([chained, branches[0]]))

    assert architecture_key(model(0)) != architecture_key(model(1))


def test_classes_of_one_name_are_told_apart():
    def model(factor):
        @keras.saving.register_keras_serializable(package="tests")
        class Scale(keras.layers.Layer):
            def call(self, inputs):
                return inputs * factor

        return keras.Sequential([keras.Input((None, 2)), Scale()])

    x, first = np.ones((1, 2, 2), np.float32), model(1.0)
    assert forward(first, x).max() == 1.0
    assert forward(model(2.0), x).max() == 2.0
    assert forward(first, x).max() == 1.0


def _subclassed():
    class Subclassed(keras.Model):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def call(self, inputs):
            return self.layer(inputs)

    x, model = keras.Input((None, 2)), Subclassed(keras.layers.Dense(2))
    return keras.Model(x, model(x))


def _named(x):
    return 3 * keras.ops.abs(x)


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.Sequential([keras.Input((None, 2)), keras.layers.Lambda(lambda x: 3 * x)]),
        lambda: _dense_model(lambda x: 3 * keras.ops.abs(x)),
        lambda: _dense_model(_named),
        _subclassed,
    ],
    ids=["lambda layer", "lambda activation", "named activation", "subclassed model"],
)
def test_a_model_that_cannot_be_copied_has_no_key_and_works(make):
    model = make()
    assert architecture_key(model) is None
    x = sequences(3)
    np.testing.assert_allclose(forward(model, x), model(x), atol=1e-6)


def test_a_model_that_cannot_be_copied_is_trained_itself():
    model = _dense_model(lambda x: 3 * x)
    model.compile(optimizer="sgd", loss=compiled().loss)
    before = model.get_weights()
    with workspace_of(model) as workspace:
        workspace.plain.train(X, X, WEIGHTS)
    assert workspace.model is model and not np.array_equal(model.get_weights()[0], before[0])


@pytest.mark.parametrize(
    "model, masks", [(build_autoencoder(SMALL, 0), True), (_dense_model("tanh"), False)]
)
def test_a_model_with_a_layer_for_nan_takes_nan(model, masks):
    assert describe(model).masks_nan is masks


# ------------------------------------------------------------------- workspaces


@pytest.mark.slow
def test_the_model_takes_the_state_of_its_workspace():
    model = compiled()
    before = _state(model)
    with workspace_of(model) as workspace:
        workspace.plain.train(X, X, WEIGHTS)
    assert model.optimizer.iterations == 1
    assert not np.array_equal(before[0], _state(model)[0])
    _assert_same_state(_state(workspace.model), _state(model))


@pytest.mark.slow
def test_the_model_stays_as_it_is_if_the_block_raises():
    model = compiled()
    model.optimizer.build(model.trainable_variables)
    before = _state(model)
    with pytest.raises(RuntimeError), workspace_of(model) as workspace:
        workspace.plain.train(X, X, WEIGHTS)
        raise RuntimeError
    _assert_same_state(_state(model), before)


def test_a_block_that_raises_does_not_spoil_the_next():
    def one_step(model):
        with workspace_of(model) as workspace:
            workspace.plain.train(X, X, WEIGHTS)
        return _state(model)

    expected, broken = one_step(compiled()), compiled()
    with pytest.raises(RuntimeError), workspace_of(broken) as workspace:
        for variable in state_of(workspace.model):
            variable.assign(keras.ops.ones_like(variable))
        raise RuntimeError
    with workspace_of(compiled()) as again:
        assert again is workspace
    _assert_same_state(one_step(compiled()), expected)


def test_training_goes_on_with_the_optimizers_momenta():
    def train(model, steps):
        with workspace_of(model) as workspace:
            for _ in range(steps):
                workspace.plain.train(X, X, WEIGHTS)

    at_once, in_between, other = compiled(), compiled(), compiled(seed=1)
    train(at_once, 2)
    train(in_between, 1)
    train(other, 3)
    train(in_between, 1)
    _assert_same_state(_state(in_between), _state(at_once))


def test_two_models_of_one_architecture_have_workspaces_of_their_own():
    with workspace_of(compiled(seed=0)) as one, workspace_of(compiled(seed=1)) as other:
        assert one.model is not other.model
        assert not np.array_equal(one.model.get_weights()[0], other.model.get_weights()[0])


@pytest.mark.slow
def test_workspaces_are_made_anew_after_the_caches_were_cleared():
    clear_caches()
    model = compiled()
    with workspace_of(model) as first:
        pass
    with workspace_of(model) as again:
        assert again.model is first.model
    clear_caches()
    with workspace_of(model) as anew:
        assert anew.model is not first.model
    np.testing.assert_allclose(forward(model, X), model(X), atol=1e-6)


@pytest.mark.slow
def test_functions_of_one_name_are_trained_apart():
    def model(power):
        def own(y_true, y_pred):
            return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** power, axis=-1)

        return compiled(loss=own)

    for power in (2, 4):
        built = model(power)
        expected = np.mean(np.abs(X - np.asarray(built(X))) ** power)
        with workspace_of(built) as workspace:
            total, weight = workspace.plain.train(X, X, WEIGHTS)
        assert float(total / weight) == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_options_of_a_loss_are_trained_apart():
    totals = []
    for delta in (0.1, 1.0):
        with workspace_of(compiled(loss=keras.losses.Huber(delta=delta))) as workspace:
            totals.append(float(workspace.plain.train(X, X, WEIGHTS)[0]))
    assert totals[0] < 0.5 * totals[1]


def test_what_an_error_leaves_behind_is_set_back():
    model = compiled()
    model.optimizer.build(model.trainable_variables)
    before = _state(model)
    with pytest.raises(RuntimeError), unchanged_on_error(model):
        for variable in state_of(model):
            variable.assign(keras.ops.ones_like(variable))
        raise RuntimeError
    _assert_same_state(_state(model), before)


@pytest.mark.slow
def test_frozen_layers_are_not_trained():
    model = compiled()
    model.get_layer("encoder").trainable = False
    frozen, free = (model.get_layer(name).get_weights() for name in ("encoder", "decoder"))
    with workspace_of(model) as workspace:
        workspace.plain.train(X, X, WEIGHTS)
    _assert_same_state(model.get_layer("encoder").get_weights(), frozen)
    assert not np.array_equal(model.get_layer("decoder").get_weights()[0], free[0])


def test_layers_frozen_after_training_want_the_model_compiled_again():
    model = compiled()
    with workspace_of(model):
        pass
    model.get_layer("encoder").trainable = False
    with pytest.raises(ValueError, match="Compile it again"), workspace_of(model):
        pass
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=model.loss)
    with workspace_of(model) as workspace:
        assert len(workspace.model.trainable_variables) == len(model.trainable_variables) == 7
