"""scikit-learn is the judge: checks, clones, pickles, pipelines, searches."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
from conftest import pad
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, estimator_checks_generator

from skae import LSTMAutoencoder, SequenceWindower
from skae.metrics import average_precision_scorer, roc_auc_scorer

NETWORK = {"units": 4, "latent_dim": 2, "epochs": 2}


@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API")
@pytest.mark.parametrize(
    ("estimator", "check"),
    list(estimator_checks_generator(LSTMAutoencoder(**NETWORK), mark="skip")),
)
def test_check_estimator(estimator, check):
    check(estimator)


def test_no_check_is_expected_to_fail():
    names = {"check_methods_subset_invariance", "check_sample_weight_equivalence_on_dense_data"}
    results = check_estimator(LSTMAutoencoder(**NETWORK), on_fail=None, on_skip=None)
    assert {r["check_name"] for r in results if r["status"] != "passed"} <= {
        "check_array_api_input"
    }
    assert names <= {r["check_name"] for r in results}


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
    rows = make_pipeline(StandardScaler(), LSTMAutoencoder(window_size=5, **NETWORK))
    windows = make_pipeline(
        StandardScaler(), SequenceWindower(window_size=5), LSTMAutoencoder(**NETWORK)
    )
    return [pytest.param(rows, id="rows"), pytest.param(windows, id="windows")]


@pytest.fixture(scope="module")
def labels():
    y = np.zeros(200, int)
    y[[30, 31, 90, 150, 199]] = 1
    return y


@pytest.mark.parametrize("pipeline", pipelines())
def test_cross_val_predict_answers_every_row(pipeline, series):
    predicted = cross_val_predict(pipeline, series, cv=KFold(2), method="decision_function")
    assert predicted.shape == (200,)
    assert np.isfinite(predicted).all()


@pytest.mark.parametrize("pipeline", pipelines())
def test_cross_validate_with_labels(pipeline, series, labels):
    scoring = {"ap": average_precision_scorer, "auc": roc_auc_scorer}
    found = cross_validate(pipeline, series, labels, cv=KFold(2), scoring=scoring)
    assert np.isfinite(found["test_ap"]).all() and np.isfinite(found["test_auc"]).all()


@pytest.mark.parametrize("name", ["window_size", "latent_dim", "units", "learning_rate", "epochs"])
@pytest.mark.parametrize("pipeline", pipelines())
def test_grid_search_without_labels(pipeline, series, name):
    values = {"units": [3, (4, 3)], "learning_rate": [1e-3, 1e-2]}.get(name, [2, 4])
    step = "sequencewindower" if name == "window_size" and len(pipeline) == 3 else "lstmautoencoder"
    search = GridSearchCV(
        pipeline, {f"{step}__{name}": values}, cv=TimeSeriesSplit(2), error_score="raise"
    )
    search.fit(series[:80])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.score_samples(series).shape == (200,)


def test_grid_search_with_labels(series, labels):
    search = GridSearchCV(
        LSTMAutoencoder(window_size=5, **NETWORK),
        {"learning_rate": [1e-3, 1e-2]},
        scoring=average_precision_scorer,
        cv=KFold(2),
        error_score="raise",
    )
    assert 0 <= search.fit(series, labels).best_score_ <= 1


def test_grid_search_in_two_processes(series):
    search = GridSearchCV(
        LSTMAutoencoder(window_size=5, random_state=0, **NETWORK),
        {"latent_dim": [1, 2]},
        cv=TimeSeriesSplit(2),
        n_jobs=2,
        error_score="raise",
    )
    with joblib.parallel_config("loky"):
        found = search.fit(series[:80]).cv_results_["mean_test_score"]
    alone = search.set_params(n_jobs=1).fit(series[:80]).cv_results_["mean_test_score"]
    np.testing.assert_allclose(found, alone, rtol=1e-5)


def test_latents_feed_a_classifier(small, sequences):
    y = np.arange(len(sequences)) % 2
    model = make_pipeline(small(), LogisticRegression()).fit(sequences, y)
    assert model.predict(sequences).shape == (30,)


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
        LSTMAutoencoder(random_state=0, **NETWORK),
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
