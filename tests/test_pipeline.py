"""`skae.through`: methods that a Pipeline hides."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

from skae import SequenceWindower, through


@pytest.fixture(scope="module")
def frame(series):
    dates = pd.date_range("2026-01-01", periods=200, freq="h")
    return pd.DataFrame(70 + 20 * series, columns=["load", "heat"], index=dates)


@pytest.fixture(scope="module")
def detector(small, frame):
    return make_pipeline(StandardScaler(), small(5)).fit(frame)


@pytest.mark.parametrize("method", ["explain", "reconstruct", "score_timesteps", "score_samples"])
def test_a_hidden_method_sees_what_the_steps_before_make(detector, frame, method):
    scaled = detector[0].transform(frame)
    expected = getattr(detector[-1], method)(scaled)
    np.testing.assert_array_equal(through(detector, method, frame), expected)


def test_a_reconstruction_goes_back_to_the_units_of_the_input(detector, frame):
    scaled = detector[-1].reconstruct(detector[0].transform(frame))
    found = through(detector, "reconstruct", frame, inverse=True)
    np.testing.assert_allclose(found, scaled * detector[0].scale_ + detector[0].mean_, rtol=1e-6)


def test_frames_keep_names_and_index_there_and_back(small, frame):
    detector = make_pipeline(StandardScaler(), small(5)).set_output(transform="pandas").fit(frame)
    for found in (
        through(detector, "explain", frame),
        through(detector, "reconstruct", frame, inverse=True),
    ):
        assert list(found.columns) == ["load", "heat"] and found.index.equals(frame.index)
    assert (found.mean() > 40).all()


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_windows_go_back_to_rows(small, frame, output):
    detector = make_pipeline(StandardScaler(), SequenceWindower(5), small())
    detector.set_output(transform=output).fit(frame)
    found = through(detector, "reconstruct", frame, inverse=True)
    assert found.shape == frame.shape and np.all(np.asarray(found).mean(axis=0) > 40)


def test_what_returns_the_step_returns_the_pipeline(detector, frame):
    labels = np.arange(200) == 50
    before = detector[-1].offset_
    assert through(detector, "tune_threshold", frame, labels, beta=0.5) is detector
    assert detector[-1].offset_ != before
    detector[-1].offset_ = before


@pytest.mark.parametrize("step", ["lstmautoencoder", 1, -2])
def test_a_step_in_the_middle_is_reached_by_name_or_position(detector, frame, step):
    steps = [*detector.steps, ("kmeans", KMeans(2))]
    longer = type(detector)(steps)
    expected = through(detector, "explain", frame)
    np.testing.assert_array_equal(through(longer, "explain", frame, step=step), expected)


def test_an_estimator_is_a_step_by_itself(detector, frame):
    scaled = detector[0].transform(frame)
    expected = detector[-1].explain(scaled)
    np.testing.assert_array_equal(through(detector[-1], "explain", scaled), expected)
    np.testing.assert_array_equal(
        through(detector[-1], "reconstruct", scaled, inverse=True),
        detector[-1].reconstruct(scaled),
    )


def test_a_search_stands_for_its_best_estimator():
    X = np.random.default_rng(0).normal(size=(40, 3))
    pipeline = make_pipeline(StandardScaler(), PCA(1))
    search = GridSearchCV(pipeline, {"pca__n_components": [2]}, cv=2).fit(X)
    found = through(search, "score_samples", X)
    np.testing.assert_allclose(found, search.best_estimator_.score_samples(X))


class Reconstructs(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def reconstruct(self, X):
        return X


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": "explan"}, AttributeError, "Got method='explan'.* method of IsolationForest"),
        ({"method": "offset_"}, AttributeError, "Got method='offset_'"),
        ({"step": "forest"}, ValueError, r"Got step='forest'.* one of \['standardscaler', 'iso"),
        ({"step": 2}, ValueError, "Got step=2"),
        ({"step": None}, ValueError, "Got step=None"),
        ({"inverse": True}, ValueError, "Got inverse=True with method='score_samples'"),
    ],
)
def test_through_rejects(arguments, error, message):
    X = np.random.default_rng(0).normal(size=(40, 3))
    pipeline = make_pipeline(StandardScaler(), IsolationForest(n_estimators=2)).fit(X)
    with pytest.raises(error, match=message):
        through(pipeline, **{"method": "score_samples", "X": X, **arguments})


def test_a_step_without_an_inverse_is_named():
    X = np.ones((4, 2))
    pipeline = make_pipeline("passthrough", Normalizer(), Reconstructs()).fit(X)
    with pytest.raises(ValueError, match=r"step 'normalizer' \(Normalizer\) has no inverse_trans"):
        through(pipeline, "reconstruct", X, inverse=True)
    pipeline = make_pipeline("passthrough", Reconstructs()).fit(X)
    np.testing.assert_array_equal(through(pipeline, "reconstruct", X, inverse=True), X)
