"""The fast steps compared with the plain ones."""

from functools import lru_cache, partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from skae._compat.keras import traced
from skae._compiled import steps
from skae._compiled.forward import forward, loss_parts
from skae._compiled.steps import can_be_sharded, n_cores, n_shards_for
from skae._compiled.training_cache import Workspace, state_of
from skae._input.observed import are_uneven
from skae._input.sequences import from_list
from skae._network.architecture import Architecture, build_autoencoder
from skae._network.loss import ObservedLoss
from skae._training import plan
from skae._training.batches import Batches

FALLBACK = np.zeros(2, np.float32)


def compiled(loss="mse", optimizer="adam", **options):
    model = build_autoencoder(Architecture(2, 2, (4,), **options), seed=0)
    model.compile(
        optimizer=optimizer() if callable(optimizer) else optimizer, loss=ObservedLoss(loss)
    )
    model.optimizer.build(model.trainable_variables)
    return model


@lru_cache(3)
def _made_once(**options):
    workspace = Workspace(compiled(**options))
    return workspace, [variable.numpy() for variable in state_of(workspace.model)]


def fresh(**options):
    """Return a workspace in the state of a new `compiled`; all tests share its compiled steps."""
    workspace, state = _made_once(**options)
    for variable, value in zip(state_of(workspace.model), state, strict=True):
        variable.assign(value)
    return workspace


def ragged(n=23, gaps=False, seed=0):
    rng = np.random.default_rng(seed)
    items = [rng.normal(size=(rng.integers(2, 6), 2)) for _ in range(n)]
    if gaps:
        for item in items:
            item[1, 0] = np.nan
    return from_list(items)


def equal(n=23):
    return from_list(list(np.random.default_rng(0).normal(size=(n, 5, 2))))


def in_chunks_of_two(sequences, n_shards, weights=None):
    chunk_bytes = 2 * 4 * 8 * sequences.max_length * sequences.n_features
    options = {"n_shards": n_shards, "chunk_bytes": chunk_bytes}
    balanced = are_uneven(sequences.rows)
    return Batches(sequences, FALLBACK, 8, weights=weights, balanced=balanced, **options)


def run(workspace, sequences, n_shards, weights=None):
    batches = in_chunks_of_two(sequences, n_shards, weights=weights)
    fast = workspace.sharded(n_shards, sequences.is_padded) if n_shards else workspace.plain
    step = fast.train
    return np.sum([[float(part) for part in step(*arrays)] for _, _, arrays in batches], axis=0)


def held_out_loss(workspace, sequences, n_shards):
    batches = in_chunks_of_two(sequences, n_shards)
    if n_shards:
        step = workspace.sharded(n_shards, sequences.is_padded).test
    else:
        step = partial(loss_parts, workspace.model)
    return np.sum([[float(part) for part in step(*arrays)] for _, _, arrays in batches], axis=0)


def trained(sequences, n_shards, weights=None, **options):
    workspace = fresh(**options)
    return run(workspace, sequences, n_shards, weights), workspace.model.get_weights()


def assert_same(n_shards, sequences, weights=None, **options):
    expected, plain = trained(sequences, 0, weights, **options)
    found, fast = trained(sequences, n_shards, weights, **options)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for ours, theirs in zip(fast, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.nightly(daily=["2"])
@pytest.mark.slow
@pytest.mark.parametrize("n_shards", [1, 2, 3])
def test_shards_of_any_number_train_alike(n_shards):
    assert_same(n_shards, ragged())


@pytest.mark.nightly(daily=["3"])
@pytest.mark.slow
@pytest.mark.parametrize("n_rates", [0, 3])
def test_what_takes_several_calls_trains_alike(monkeypatch, n_rates):
    monkeypatch.setattr(steps, "BATCHES_IN_A_CALL", 2)
    batches = np.random.default_rng(0).normal(size=(3, 8, 5, 2)).astype(np.float32)
    rates = np.array([0.1, 0.01, 0.2], np.float32)
    fast, plain = Workspace(compiled()), fresh()
    weights, given = np.ones((3, 8, 1), np.float32), rates if n_rates else None
    sums = fast.sharded(1, padded=False).train(batches, batches, weights, given)
    expected = [
        plain.plain.train(batches[i], batches[i], weights[i], rates[i : i + 1] if n_rates else None)
        for i in range(3)
    ]
    np.testing.assert_allclose(sums, np.sum(expected, axis=0), rtol=1e-5)
    for ours, theirs in zip(fast.model.get_weights(), plain.model.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "n_batches"), [((32, 50, 5), 64), ((64, 200, 100), 1), ((32, 100, 20), 16)]
)
def test_a_call_holds_no_more_than_its_bytes(shape, n_batches):
    assert steps.batches_in_a_call(shape) == n_batches


@pytest.mark.nightly(daily=["sequences1"])
@pytest.mark.slow
@pytest.mark.parametrize("sequences", [equal(), ragged(gaps=True), ragged(5)])
def test_kinds_of_data_train_alike(sequences):
    assert_same(2, sequences)


def clipped_momentum():
    return keras.optimizers.SGD(0.1, momentum=0.9, global_clipnorm=0.01)


@pytest.mark.nightly(daily=["sequences0-options0"])
@pytest.mark.slow
@pytest.mark.parametrize(
    "sequences, options",
    [
        (ragged(), {"loss": "huber"}),
        (equal(), {"loss": "cosine_similarity"}),
        (ragged(), {"decoder": "state", "reverse": True}),
        (ragged(), {"bottleneck": "sequence", "bidirectional": True}),
        (equal(), {"bottleneck": "sequence", "bidirectional": True}),
        (ragged(), {"cell": "gru", "pooling": "max"}),
        (equal(), {"optimizer": clipped_momentum}),
    ],
)
def test_networks_losses_and_optimizers_train_alike(sequences, options):
    assert_same(2, sequences, **options)


@pytest.mark.slow
@pytest.mark.parametrize("sequences", [ragged(gaps=True), equal()])
def test_held_out_losses_are_alike(sequences):
    workspace = fresh()
    np.testing.assert_allclose(
        held_out_loss(workspace, sequences, 2), held_out_loss(workspace, sequences, 0), rtol=1e-5
    )


@pytest.mark.slow
def test_weights_count_alike():
    weights = np.random.default_rng(1).uniform(size=23).astype(np.float32)
    assert_same(2, ragged(), weights)


@pytest.mark.slow
def test_weights_of_rows_count_alike():
    sequences = ragged()
    weights = np.random.default_rng(1).uniform(size=len(sequences.rows)).astype(np.float32)
    assert_same(2, sequences, weights)


@pytest.mark.slow
def test_seeds_of_dropout_move_on_in_training():
    workspace = fresh(dropout=0.5)
    before = [variable.numpy() for variable in workspace.model.non_trainable_variables]
    run(workspace, equal(), 2)
    after = [variable.numpy() for variable in workspace.model.non_trainable_variables]
    assert any((ours != theirs).any() for ours, theirs in zip(after, before, strict=True))


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.parametrize(("dropout", "alike"), [(0.0, True), (0.5, False)])
def test_equal_halves_of_a_batch_lose_other_units(dropout, alike):
    half = equal(8).padded()
    batch = np.concatenate([half, half])[None]
    of_half = fresh(dropout=dropout).sharded(1, padded=False)
    once, _ = of_half.train(half[None], half[None], np.ones((1, 8, 1), np.float32))
    of_batch = fresh(dropout=dropout).sharded(2, padded=False)
    twice, _ = of_batch.train(batch, batch, np.ones((1, 16, 1), np.float32))
    assert np.isclose(twice, 2 * once, rtol=1e-5) == alike


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.BatchNormalization(),
        keras.layers.Dense(2, kernel_regularizer="l2"),
        keras.layers.Dense(2, activity_regularizer="l2"),
    ],
)
def test_what_a_model_does_besides_is_left_to_plain_steps(layer):
    model = keras.Sequential([keras.Input((None, 2)), keras.layers.Dense(2), layer])
    assert not can_be_sharded(model)


def test_number_of_shards():
    assert n_shards_for(1, 30) == n_shards_for(8, 30) == n_shards_for(32, 7) == 1
    assert n_shards_for(16, 30) == min(2, n_cores())
    assert n_shards_for(10**6, 1) == n_cores()
    assert n_shards_for(1, 10**6) == 1


@pytest.fixture
def eager_to_compile(monkeypatch):
    monkeypatch.setattr(plan, "MIN_SEQUENCES_TO_COMPILE", 0)


@pytest.mark.slow
def test_a_whole_fit_is_the_same(small, sequences, eager_to_compile, monkeypatch):
    fast = small(epochs=3, batch_size=8).fit(sequences)
    monkeypatch.setattr(plan, "MIN_SEQUENCES_TO_COMPILE", 10**9)
    plain = small(epochs=3, batch_size=8).fit(sequences)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(fast.history_[name], plain.history_[name], rtol=1e-4)
    np.testing.assert_allclose(
        fast.score_samples(sequences), plain.score_samples(sequences), rtol=1e-4
    )


class Watch(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.batches = []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)


@pytest.mark.slow
def test_a_callback_that_looks_at_batches_sees_each(small, sequences, eager_to_compile):
    watch = Watch()
    small(epochs=2, batch_size=8, callbacks=[watch]).fit(sequences)
    assert watch.batches == [0, 1, 2, 3] * 2


NETWORKS = [
    {},
    {"decoder": "state", "reverse": True},
    {"bottleneck": "sequence", "bidirectional": True},
    {"cell": "gru", "pooling": "mean"},
]


@pytest.mark.nightly(daily=["options0"])
@pytest.mark.slow
@pytest.mark.parametrize("options", NETWORKS)
def test_forward_in_bulk_is_the_same(options):
    model, x = compiled(**options), ragged(70).padded()
    expected = forward(model, x)
    np.testing.assert_allclose(forward(model, x, in_bulk=True), expected, atol=1e-6)


@pytest.mark.nightly(daily=["options0"])
@pytest.mark.slow
@pytest.mark.parametrize("options", NETWORKS)
def test_forward_without_masks_is_the_same_where_nothing_is_padded(options):
    model, x = compiled(**options), equal(70).padded()
    expected = forward(model, x)
    found = forward(model, x, in_bulk=True, padded=False)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.slow
def test_many_windows_score_the_same_as_few(small):
    series = np.sin(np.arange(4200) / 4)[:, None]
    model = small(5).fit(series[:200])
    whole, part = model.score_samples(series), model.score_samples(series[:300])
    np.testing.assert_allclose(whole[:291], part[:291], rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_tensorflow_takes_every_call_at_its_word(monkeypatch):
    """Otherwise TensorFlow formats all arrays into a message that is never shown."""

    def second_try(*_):
        raise AssertionError("A traced function was called with arguments TensorFlow rejects.")

    function = type(traced(lambda x: x, tf.TensorSpec((), tf.float32)))
    monkeypatch.setattr(function, "_call_with_flat_signature", second_try)
    for n_shards in (0, 2):
        run(fresh(), equal(), n_shards=n_shards)
        held_out_loss(fresh(), equal(), n_shards=n_shards)
    forward(compiled(), equal().padded().astype(np.float32))
