"""A refit is one assignment: other threads see the old state or the new one."""

import copy
import pickle

import keras
import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

import skae


class Watch(keras.callbacks.Callback):
    """Calls `look` in all hooks of Keras, including after training, when weights have changed."""

    def __init__(self, look):
        super().__init__()
        self.look = look

    def __deepcopy__(self, memo):
        return self

    def set_model(self, model):
        super().set_model(model)
        self.look()

    def on_epoch_end(self, epoch, logs=None):
        self.look()

    def on_train_end(self, logs=None):
        self.look()


def build_lambda(meta):
    """Return a network that Keras cannot copy, so that it is trained in place."""
    n_features = meta["n_features_in_"]
    encoder = keras.Sequential(
        [keras.Input((None, n_features)), keras.layers.LSTM(2)], name="encoder"
    )
    x = keras.Input((None, n_features))
    copied = keras.layers.Lambda(lambda parts: parts[0][:, None] + 0 * parts[1][..., :1])
    latents = copied([encoder(x), x])
    return keras.Model(x, keras.layers.Dense(n_features)(latents))


REFITS = {
    "fit": lambda model, X: model.set_params(random_state=1).fit(X),
    "warm_start": lambda model, X: model.set_params(warm_start=True).fit(X),
    "partial_fit": lambda model, X: model.partial_fit(X),
}
LOOKS = {
    "score_samples": lambda model, X: model.score_samples(X),
    "decision_function": lambda model, X: model.decision_function(X),
    "explain": lambda model, X: model.explain(X),
    "transform": lambda model, X: model.transform(X),
    "a copy": lambda model, X: copy.deepcopy(model).score_samples(X),
}


@pytest.mark.nightly(daily=["fit-own copy", "partial_fit-own copy", "warm_start-own copy"])
@pytest.mark.parametrize("model", [None, build_lambda], ids=["own copy", "in place"])
@pytest.mark.parametrize("refit", REFITS)
def test_who_looks_during_a_refit_sees_the_earlier_state(small, series, refit, model):
    names = list(LOOKS)[:-1] if model else list(LOOKS)
    fitted = small(5, model=model, epochs=1).fit(series)
    look = lambda: [LOOKS[name](fitted, series) for name in names]  # noqa: E731
    before, seen = look(), []
    callback = Watch(lambda: seen.append(look()))
    REFITS[refit](fitted.set_params(callbacks=[callback], learning_rate=0.1), series)
    assert len(seen) >= 4
    for found in seen:
        for name, one, other in zip(names, found, before, strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)
    assert not np.array_equal(fitted.score_samples(series), before[0])


class Refits:
    """Rows that refit the estimator while it reads them."""

    def __init__(self, rows, refit):
        self.rows, self.refit = rows, refit

    def __array__(self, dtype=None, copy=None):
        self.refit()
        return np.array(self.rows, dtype)


@pytest.mark.nightly(daily=["score_samples", "stream"])
@pytest.mark.parametrize(
    "method",
    ["score_samples", "decision_function", "predict", "score", "score_timesteps", "explain",
     "transform", "reconstruct"],
)  # fmt: skip
def test_a_refit_in_the_middle_of_a_call_changes_nothing_of_it(small, series, method):
    model = small(5, epochs=1).fit(series)
    expected = getattr(model, method)(series)

    def refit():
        model.set_params(window_size=4, latent_dim=3, error="mae", random_state=1).fit(series)

    np.testing.assert_array_equal(getattr(model, method)(Refits(series, refit)), expected)
    assert model.window_size_ == 4


class Breaks(keras.callbacks.Callback):
    def set_model(self, model):
        if getattr(self, "trained", False):
            raise RuntimeError("of a callback")

    def on_train_end(self, logs=None):
        self.trained = True


@pytest.mark.parametrize("model", [None, build_lambda], ids=["own copy", "in place"])
@pytest.mark.slow
def test_a_partial_fit_that_fails_changes_nothing(small, series, model):
    fitted = small(5, model=model, epochs=1).fit(series)
    before, held = fitted.score_samples(series), fitted.detector_
    with pytest.raises(RuntimeError, match="of a callback"):
        fitted.set_params(callbacks=[Breaks()]).partial_fit(series)
    np.testing.assert_array_equal(fitted.score_samples(series), before)
    np.testing.assert_array_equal(held.scores(held.read(series)), before)
    fitted.model_.set_weights([0 * weight for weight in fitted.model_.get_weights()])
    assert not np.array_equal(fitted.score_samples(series), before)


@pytest.mark.slow
def test_a_threshold_is_not_tuned_for_another_network(small, series):
    model, labels = small(5, epochs=1).fit(series), np.arange(200) % 9 == 0
    model.tune_threshold(
        Refits(series, lambda: model.set_params(random_state=1).fit(series)), labels
    )
    assert model.offset_ == small(5, epochs=1, random_state=1).fit(series).offset_


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_a_warm_start_whose_warning_is_an_error_changes_nothing(small, series):
    model = small(5, epochs=1, warm_start=True).partial_fit(series)
    before = model.score_samples(series)
    with pytest.raises(ConvergenceWarning):
        model.fit(series[:12])
    np.testing.assert_array_equal(model.score_samples(series), before)


def test_a_detector_of_before_a_refit_stays_what_it_was(small, series):
    model = small(5, epochs=1).fit(series)
    held, scores = model.detector_, model.score_samples(series)
    before = [value.numpy() for value in held.network.values.values()]
    model.partial_fit(series)
    for value, expected in zip(held.network.values.values(), before, strict=True):
        np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(held.scores(held.read(series)), scores)
    assert not np.array_equal(model.score_samples(series), scores)


def test_a_detector_pickles_without_its_optimizer(small, series):
    held = small(5, epochs=1).fit(series).detector_
    twin = pickle.loads(pickle.dumps(held))
    np.testing.assert_array_equal(twin.scores(twin.read(series)), held.scores(held.read(series)))
    assert held.model.compiled and not twin.model.compiled


@pytest.mark.slow
def test_files_pickles_and_streams_of_the_middle_of_a_refit(small, series, tmp_path):
    model = small(5, epochs=1).fit(series)
    before, kept = model.score_samples(series), []

    def keep():
        model.save(tmp_path / "kept.skae")
        loaded = skae.load(tmp_path / "kept.skae", custom_objects={"Watch": Watch})
        kept.append((loaded, pickle.loads(pickle.dumps(model)), skae.stream(model, answer="final")))

    class Keeps(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            model.callbacks = None
            keep()

        def on_train_end(self, logs=None):
            keep()

    model.set_params(callbacks=[Keeps()]).partial_fit(series)
    assert len(kept) == 2
    for loaded, unpickled, stream in kept:
        np.testing.assert_array_equal(loaded.score_samples(series), before)
        np.testing.assert_array_equal(unpickled.score_samples(series), before)
        scores = np.concatenate([stream.update(series), stream.flush()])
        np.testing.assert_allclose(scores, before, rtol=1e-4)
    assert not np.array_equal(model.score_samples(series), before)


# ---------------------------------------------------------------------- transformers


def looking(method, look):
    """Return a scikit-learn method that calls `look` before and after its work."""

    def looks(self, *args, **kwargs):
        look()
        answer = method(self, *args, **kwargs)
        look()
        return answer

    return looks


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_who_scales_while_a_scaler_learns_sees_what_it_had_learned(method, monkeypatch):
    X = np.random.default_rng(0).normal(size=(4, 5, 2))
    scaler = skae.SequenceScaler().fit(X)
    before, seen = scaler.transform(X), []
    looks = looking(getattr(StandardScaler, method), lambda: seen.append(scaler.transform(X)))
    monkeypatch.setattr(StandardScaler, method, looks)
    getattr(scaler, method)(X[:, :, ::-1] * 7 if method == "partial_fit" else X[:, :, :1] * 7)
    assert len(seen) >= 2
    for scaled in seen:
        np.testing.assert_array_equal(scaled, before)
    assert not np.allclose(
        scaler.transform(X[:, :, : scaler.n_features_in_])[..., 0], before[..., 0]
    )


def test_a_windower_that_cannot_find_a_window_stays_what_it_was(monkeypatch):
    def fails(*args):
        seen.append(windower.transform(rows))
        raise ValueError("no window")

    rows, seen = np.sin(np.arange(400) / 8).reshape(-1, 1), []
    windower = skae.SequenceWindower("auto").fit(rows)
    before = windower.transform(rows)
    monkeypatch.setattr("skae._windower.window_size_of", fails)
    with pytest.raises(ValueError, match="no window"):
        windower.fit(np.hstack([rows, rows]))
    for windows in (*seen, windower.transform(rows)):
        np.testing.assert_array_equal(windows, before)
