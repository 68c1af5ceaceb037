"""The contract of scikit-learn: checks, clones, pickles, pipelines, searches."""

import copy
import io
import pickle
from unittest import SkipTest

import joblib
import numpy as np
import pytest
from conftest import pad
from shared import NETWORK
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from skae import LSTMAutoencoder, SequenceWindower
from skae.metrics import get_scorer

BRIEF = NETWORK | {"epochs": 2}


CHECKS = list(estimator_checks_generator(LSTMAutoencoder(**BRIEF)))
"""None is expected to fail."""

NEEDS_WHAT_IS_NOT_INSTALLED = {"check_array_api_input"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API")
@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_check_estimator(estimator, check):
    try:
        check(estimator)
    except SkipTest:
        assert check.func.__name__ in NEEDS_WHAT_IS_NOT_INSTALLED
        raise


def test_the_checks_hold_those_that_matter_most():
    names = {"check_methods_subset_invariance", "check_sample_weight_equivalence_on_dense_data"}
    assert names <= {check.func.__name__ for _, check in CHECKS}


def test_the_checks_that_rows_are_expected_to_fail_are_among_them():
    from skae.testing import expected_failed_checks

    of_rows = LSTMAutoencoder(3, **BRIEF)
    names = {check.func.__name__ for _, check in estimator_checks_generator(of_rows)}
    assert expected_failed_checks(of_rows).keys() <= names
    assert expected_failed_checks(LSTMAutoencoder()) == {}
    of_sets = LSTMAutoencoder(threshold="three_sigma")
    assert list(expected_failed_checks(of_sets)) == [
        "check_outliers_fit_predict",
        "check_outliers_train",
    ]


ROUND_TRIPS = {
    "clone": clone,
    "deepcopy": copy.deepcopy,
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
    "joblib": lambda estimator: _through_joblib(estimator),
}


def _through_joblib(estimator):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


UNUSUAL = {"units": (4, 3), "optimizer__clipnorm": 1.0, "contamination": 0.1, "cell": "gru"}


@pytest.mark.parametrize("copier", ROUND_TRIPS.values(), ids=ROUND_TRIPS)
def test_parameters_survive_unfitted(copier):
    estimator = LSTMAutoencoder(5, **UNUSUAL)
    assert copier(estimator).get_params() == estimator.get_params()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "joblib"])
def test_scores_and_training_survive_fitted(small, series, how):
    fitted = small(5).fit(series)
    twin = ROUND_TRIPS[how](fitted)
    np.testing.assert_array_equal(twin.score_samples(series), fitted.score_samples(series))
    np.testing.assert_array_equal(
        twin.partial_fit(series).transform(series),
        copy.deepcopy(fitted).partial_fit(series).transform(series),
    )


def test_clone_of_a_fitted_one_is_not_fitted(small, series):
    with pytest.raises(NotFittedError):
        clone(small(5).fit(series)).score_samples(series)


def test_fit_leaves_parameters_alone(small, series):
    estimator = small(5)
    before = estimator.get_params()
    assert estimator.fit(series).get_params() == before


def pipelines():
    network = BRIEF | {"random_state": 0}
    rows = make_pipeline(StandardScaler(), LSTMAutoencoder(window_size=5, **network))
    windows = make_pipeline(
        StandardScaler(), SequenceWindower(window_size=5), LSTMAutoencoder(**network)
    )
    return {"rows": rows, "windows": windows}


@pytest.fixture(scope="module")
def labels():
    y = np.zeros(200, int)
    y[[30, 31, 90, 150, 199]] = 1
    return y


def excesses_by_hand(detector, series, folds):
    """Return how far the rows of each test fold exceed the threshold of the other fold."""
    return [
        -clone(detector).fit(series[train]).decision_function(series[test]) for train, test in folds
    ]


@pytest.mark.parametrize("pipeline", pipelines().values(), ids=pipelines())
@pytest.mark.slow
def test_cross_validation_finds_what_a_loop_over_folds_finds(pipeline, series, labels):
    folds = list(KFold(2).split(series))
    excesses = excesses_by_hand(pipeline, series, folds)
    predicted = cross_val_predict(pipeline, series, cv=folds, method="decision_function")
    np.testing.assert_allclose(predicted, -np.concatenate(excesses))
    scoring = {"ap": get_scorer("average_precision"), "auc": get_scorer("roc_auc")}
    found = cross_validate(pipeline, series, labels, cv=folds, scoring=scoring)
    for name, metric in {"ap": average_precision_score, "auc": roc_auc_score}.items():
        expected = [*map(metric, np.split(labels, 2), excesses)]
        np.testing.assert_allclose(found[f"test_{name}"], expected)


NAMES = ["window_size", "units", "learning_rate"]


@pytest.mark.nightly(daily=["rows-window_size"])
@pytest.mark.slow
@pytest.mark.parametrize(
    "pipeline, name",
    [*(("rows", name) for name in NAMES), ("windows", "window_size")],
)
def test_grid_search_without_labels(pipeline, series, name):
    pipeline = pipelines()[pipeline]
    values = {"units": [3, (4, 3)], "learning_rate": [1e-3, 1e-2]}.get(name, [2, 4])
    step = "sequencewindower" if name == "window_size" and len(pipeline) == 3 else "lstmautoencoder"
    search = GridSearchCV(
        pipeline, {f"{step}__{name}": values}, cv=TimeSeriesSplit(2), error_score="raise"
    )
    search.fit(series[:80])
    one, other = search.cv_results_["mean_test_score"]
    assert np.isfinite([one, other]).all() and one != other
    assert search.best_estimator_.score_samples(series).shape == (200,)


@pytest.mark.slow
def test_grid_search_with_labels_finds_what_a_loop_over_folds_finds(series, labels):
    rates, folds = [1e-3, 1e-2], list(KFold(2).split(series))
    detector = LSTMAutoencoder(window_size=5, random_state=0, **BRIEF)
    search = GridSearchCV(
        detector,
        {"learning_rate": rates},
        scoring=get_scorer("average_precision"),
        cv=folds,
        error_score="raise",
    ).fit(series, labels)
    expected = []
    for rate in rates:
        excesses = excesses_by_hand(detector.set_params(learning_rate=rate), series, folds)
        expected.append(np.mean([*map(average_precision_score, np.split(labels, 2), excesses)]))
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected)
    assert search.best_params_["learning_rate"] == rates[np.argmax(expected)]


@pytest.mark.slow
def test_latents_feed_a_classifier(small, sequences):
    y = np.arange(len(sequences)) % 2
    model = make_pipeline(small(), LogisticRegression()).fit(sequences, y)
    latents = small().fit_transform(sequences)
    expected = LogisticRegression().fit(latents, y).predict_proba(latents)
    np.testing.assert_allclose(model.predict_proba(sequences), expected, rtol=1e-5)


def test_drop_in_for_isolation_forest(small, series):
    ours, theirs = small(5, contamination=0.1), IsolationForest(contamination=0.1, random_state=0)
    for detector in (ours, theirs):
        predicted = detector.fit_predict(series)
        assert predicted.shape == (200,) and set(np.unique(predicted)) == {-1, 1}
        assert (predicted == -1).sum() == 20
        decision = detector.decision_function(series)
        np.testing.assert_allclose(decision, detector.score_samples(series) - detector.offset_)
        np.testing.assert_array_equal(predicted == -1, decision < 0)


def test_sample_weight_through_metadata_routing(small, series):
    from sklearn import config_context

    weights = np.r_[np.zeros(100), np.ones(100)]
    with config_context(enable_metadata_routing=True):
        step = small(5).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        routed = make_pipeline(scaler, step).fit(series, sample_weight=weights)
    scaled = StandardScaler().fit_transform(series)
    direct = small(5).fit(scaled, sample_weight=weights)
    np.testing.assert_array_equal(routed.score_samples(series), direct.score_samples(scaled))


def test_set_output_names_latents_and_keeps_the_index(small, series):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        series, columns=["a", "b"], index=pd.date_range("2026-01-01", periods=200, freq="h")
    )
    latents = small(5).set_output(transform="pandas").fit(frame).transform(frame)
    assert list(latents.columns) == ["lstmautoencoder0", "lstmautoencoder1"]
    assert latents.index.equals(frame.index)


@pytest.mark.slow
def test_set_output_flattens_a_latent_sequence(small, sequences):
    windows = pad(sequences, 8)
    model = small(bottleneck="sequence").set_output(transform="pandas").fit(windows)
    latents = model.transform(windows)
    assert latents.shape == (30, 16)
    assert list(latents.columns[:3]) == [
        "lstmautoencoder0_t0",
        "lstmautoencoder1_t0",
        "lstmautoencoder0_t1",
    ]


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_flat_windows_in_a_frame_are_windows_again(series, container):
    pytest.importorskip(container)
    pipeline = make_pipeline(
        StandardScaler(),
        SequenceWindower(window_size=5),
        LSTMAutoencoder(random_state=0, **BRIEF),
    )
    pipeline.set_output(transform=container).fit(series)
    windows = SequenceWindower(5).fit_transform(StandardScaler().fit_transform(series))
    expected = pipeline[-1].score_samples(windows)
    np.testing.assert_allclose(pipeline.score_samples(series), expected, rtol=1e-5)


def test_polars_in_polars_out(small, series):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": series[:, 0], "b": series[:, 1]})
    latents = small(5).set_output(transform="polars").fit(frame).transform(frame)
    assert latents.columns == ["lstmautoencoder0", "lstmautoencoder1"]
