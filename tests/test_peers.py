"""Known problems of other packages; each test names one."""

import gc
import threading

import keras
import numpy as np
import pytest
from memory import needs_proc, resident_kilobytes
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tensorflow.python.framework.func_graph import FuncGraph

from skae import SequenceWindower, clear_caches, metrics
from skae._training.adapter import COLLECTOR


@pytest.fixture(scope="module")
def sine():
    return np.sin(np.arange(400) / 4)[:, None]


@pytest.fixture(scope="module")
def model(small, sine):
    return small(7).fit(sine)


# ------------------------------------------------------------------ rows and windows


@pytest.mark.slow
@pytest.mark.parametrize("aggregation", ["mean", "max", "last"])
@pytest.mark.parametrize("stride", [1, 2, 4, 7])
def test_an_outlier_in_the_first_or_last_row_is_the_worst(small, sine, stride, aggregation):
    model = small(7, stride=stride, aggregation=aggregation).fit(sine)
    for row in (0, -1):
        spoiled = sine.copy()
        spoiled[row] = 8.0
        scores = model.score_samples(spoiled)
        assert np.argmin(scores) == row % 400
        assert model.predict(spoiled)[row] == -1


@pytest.mark.parametrize("row", [0, -1])
def test_the_window_error_finds_it_too(model, sine, row):
    spoiled = sine.copy()
    spoiled[row] = 8.0
    scores = model.score_samples(spoiled)
    assert np.abs(np.argmin(scores) - row % 400) < 7
    assert scores[row] < scores[20:-20].min()


def test_a_score_does_not_depend_on_what_is_scored_with_it(model, sine):
    spoiled = sine.copy()
    spoiled[350:] = 100.0
    np.testing.assert_allclose(
        model.score_samples(spoiled)[:337], model.score_samples(sine)[:337], rtol=1e-5
    )


def test_streamed_windows_score_as_in_a_batch(small, sine):
    windows = SequenceWindower(7, padding=None).fit_transform(sine)
    model = small().fit(windows)
    batch = model.score_samples(windows)
    streamed = [model.score_samples(sine[None, i - 7 : i])[0] for i in range(7, 40)]
    np.testing.assert_allclose(streamed, batch[:33], rtol=1e-6)


def test_windows_in_a_pipeline_keep_the_number_of_samples(small, sine):
    y = np.zeros(400)
    y[100] = 1
    pipeline = make_pipeline(StandardScaler(), SequenceWindower(7), small()).fit(sine, y)
    assert len(pipeline.score_samples(sine)) == len(y)


def test_windows_do_not_cross_series(small, sine):
    model = small(7).fit([sine[:200], sine[200:]])
    scores = model.score_samples([sine[:30], sine[:30] + 50])
    np.testing.assert_allclose(scores[0], model.score_samples(sine[:30]), rtol=1e-5)


# ------------------------------------------------------------------ sequences


def test_scaling_comes_before_windowing(small, sine):
    big = 1e4 * sine + 1e6
    pipeline = make_pipeline(StandardScaler(), SequenceWindower(7), small())
    plain = make_pipeline(StandardScaler(), SequenceWindower(7), small())
    np.testing.assert_allclose(
        pipeline.fit(big).score_samples(big), plain.fit(sine).score_samples(sine), rtol=1e-2
    )


@pytest.mark.slow
def test_nan_loss_is_never_silent(small, sine):
    with pytest.raises(ValueError, match="not finite.*Scale the data"):
        small(7, learning_rate=1e30, early_stopping=False, epochs=5).fit(sine)


# ------------------------------------------------------------------ contract


def test_no_y_is_needed(model, sine):
    assert model.predict(sine).shape == (400,)


def test_labels_of_any_kind_rank_the_right_way_up(small, sine):
    spoiled = sine.copy()
    spoiled[100:104] = 6.0
    outlier = np.zeros(400, bool)
    outlier[100:104] = True
    labels = {"0/1": outlier.astype(int), "bool": outlier, "-1/+1": np.where(outlier, -1, 1)}
    model = small(3, aggregation="mean").fit(sine)
    expected = roc_auc_score(outlier, -model.score_samples(spoiled))
    for kind, y in labels.items():
        assert metrics.get_scorer("roc_auc")(model, spoiled, y) == pytest.approx(expected), kind
    assert expected > 0.9


@pytest.mark.slow
def test_automatic_contamination_flags_few_normal_and_all_gross_rows(small, sine):
    noisy = sine + np.random.default_rng(0).normal(scale=0.1, size=sine.shape)
    model = small(7, epochs=10).fit(noisy)
    assert (model.predict(noisy) == -1).mean() < 0.1
    noisy[200:210] += 10
    assert (model.predict(noisy)[200:210] == -1).all()


def test_the_threshold_ignores_padding(small, sequences):
    padded = np.full((len(sequences), 40, 2), np.nan)
    for i, sequence in enumerate(sequences):
        padded[i, : len(sequence)] = sequence
    assert small().fit(padded).offset_ == pytest.approx(small().fit(sequences).offset_, rel=1e-3)


# ------------------------------------------------------------------ process


@pytest.mark.slow
@needs_proc
def test_lost_networks_do_not_wait_for_the_collector(small, sine):
    gc.collect()
    before = len(COLLECTOR)
    gc.disable()
    try:
        for _ in range(3 * COLLECTOR.spare):
            small(7, epochs=1).fit(sine[:100])
            # After a collection, the new network and the last fitted one may still exist.
            assert len(COLLECTOR) <= before + COLLECTOR.spare + 2
    finally:
        gc.enable()


@pytest.mark.nightly
@pytest.mark.slow
@needs_proc
def test_fits_leak_nothing(small, sine):
    model = small(7, epochs=1)
    for _ in range(5):
        clone(model).fit(sine[:60])
    gc.collect()
    before = resident_kilobytes()
    for _ in range(30):
        clone(model).fit(sine[:60])
    gc.collect()
    # A compiled fit of Keras leaks 25 MB; a fit with new names of variables 0.3 MB.
    assert resident_kilobytes() - before < 6_000


@pytest.mark.nightly
@pytest.mark.slow
@needs_proc
def test_neither_partial_fits_nor_failing_fits_leak(small, sine):
    class Fails(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("of a callback")

    def calls(n):
        for _ in range(n):
            model.partial_fit(sine[:60])
            with pytest.raises(RuntimeError, match="of a callback"):
                small(7, callbacks=[Fails()]).fit(sine[:60])
        gc.collect()
        return resident_kilobytes()

    model = small(7, epochs=1)
    before = calls(5)
    # A new workspace each time takes 10 MB; new names of variables 0.3 MB.
    assert calls(15) - before < 5_000


def graphs():
    gc.collect()
    return sum(isinstance(found, FuncGraph) for found in gc.get_objects())


@pytest.mark.nightly
@pytest.mark.slow
def test_no_graph_of_a_network_outlives_what_was_compiled(small, sine):
    """TensorFlow's registry of gradients would keep graphs with an optimizer or an LSTM."""
    clear_caches()
    before = graphs()
    for units in (5, 6):
        small(7, units=units, epochs=12).fit(sine[:120]).score_samples(sine)
        small(7, units=units, epochs=1).fit(sine[:60])
    assert graphs() > before
    clear_caches()
    assert graphs() <= before


@pytest.mark.slow
def test_two_threads_fit_and_score_at_once(small, sine):
    expected = [small(7, random_state=seed).fit(sine).score_samples(sine) for seed in range(2)]
    found = {}

    def work(seed):
        found[seed] = small(7, random_state=seed).fit(sine).score_samples(sine)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(2):
        np.testing.assert_allclose(found[seed], expected[seed], rtol=1e-5)


@pytest.mark.slow
def test_missing_values_do_not_come_out(small, sine):
    gaps = sine.copy()
    gaps[::5] = np.nan
    assert np.isfinite(small(7).fit(gaps).score_samples(gaps)).all()


def test_a_short_series_is_scored_and_a_too_short_one_not_fitted(small, model, sine):
    assert np.isfinite(model.score_samples(sine[:3])).all()
    with pytest.raises(ValueError, match="expected at least window_size=7"):
        small(7).fit(sine[:6])


@pytest.mark.slow
def test_a_constant_feature_is_no_singular_covariance(small, sine):
    rows = np.column_stack([sine, np.zeros(400)])
    assert np.isfinite(small(7, error="mahalanobis").fit(rows).score_samples(rows)).all()


def test_nothing_is_written_to_the_working_directory(small, sine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small(7).fit(sine).score_samples(sine)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_feature_to_blame_is_named(small):
    time = np.arange(400) / 4
    rows = np.stack([np.sin(time), np.cos(time), np.sin(time + 1)], axis=1)
    model = small(7, epochs=5).fit(rows)
    rows[200:205, 1] += 5
    assert (model.explain(rows)[200:205].argmax(axis=1) == 1).all()
