"""Adapters return the results of their estimator in the terms of the other package."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def estimator(small):
    return small(5, epochs=1, contamination=0.05)


@pytest.fixture(scope="module")
def scores(estimator, series):
    from sklearn.base import clone

    return clone(estimator).fit(series).score_samples(series)


def test_pyod_has_higher_scores_for_outliers_and_a_threshold_of_its_own(estimator, series, scores):
    pytest.importorskip("pyod")
    from skae.pyod import PyODAutoencoder

    detector = PyODAutoencoder(estimator, contamination=0.1).fit(series)
    np.testing.assert_array_equal(detector.decision_scores_, -scores)
    assert detector.threshold_ == pytest.approx(np.quantile(-scores, 0.9))
    np.testing.assert_array_equal(detector.labels_, -scores > detector.threshold_)
    np.testing.assert_array_equal(detector.predict(series), detector.labels_)


def test_rows_without_a_score_move_no_threshold_of_pyod(estimator, series):
    pytest.importorskip("pyod")
    from skae.pyod import PyODAutoencoder

    with_outage = series.copy()
    with_outage[100:120] = np.nan
    with pytest.warns(UserWarning, match="nothing was observed"):
        detector = PyODAutoencoder(estimator).fit(with_outage)
    missing = np.isnan(detector.decision_scores_)
    assert missing.any() and np.isfinite(detector.threshold_)
    assert not detector.labels_[missing].any() and len(detector.labels_) == 200


def test_aeon_takes_channels_first(estimator, series, scores):
    pytest.importorskip("aeon")
    from skae.aeon import AeonAutoencoder

    found = AeonAutoencoder(estimator).fit_predict(series.T)
    np.testing.assert_array_equal(found, -scores)


def test_sktime_returns_positions_labels_and_scores(estimator, series, scores):
    pytest.importorskip("sktime")
    import pandas as pd

    from skae.sktime import SktimeAutoencoder

    frame = pd.DataFrame(series, columns=["a", "b"])
    detector = SktimeAutoencoder(estimator).fit(frame)
    outliers = np.flatnonzero(detector.estimator_.predict(frame) == -1)
    assert len(outliers) == 10
    np.testing.assert_array_equal(detector.predict(frame)["ilocs"], outliers)
    np.testing.assert_array_equal(detector.transform(frame)["labels"].sum(), 10)
    np.testing.assert_allclose(detector.transform_scores(frame)["scores"], -scores)
    np.testing.assert_allclose(detector.predict_scores(frame).squeeze(), -scores[outliers])
