"""`skae.detect_events`: events of a detector in X, and their positions."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.ndimage import uniform_filter1d
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder, StandardScaler

import skae
from skae import detect_events
from skae._plots.explanation import ExplanationDisplay
from skae._plots.score import AnomalyScoreDisplay
from skae._scoring.thresholds import OffsetPolicy


class Distance(BaseEstimator):
    """Scores rows by their distance from 0, averaged over eleven rows; above 1 is an outlier."""

    window_size_ = 11
    offset_ = -1.0

    def __init__(self, series=None):
        self.series = series

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def _of_each(self, X, answer):
        if isinstance(X, list):
            return [answer(np.asarray(rows)) for rows in X]
        if self.series is None:
            return answer(np.asarray(X))
        units, rows = np.asarray(X[self.series]), np.asarray(X[["load", "heat"]])
        found = [(np.flatnonzero(units == unit), rows[units == unit]) for unit in ("a", "b")]
        answers = np.concatenate([answer(part) for _, part in found])
        return answers[np.argsort(np.concatenate([places for places, _ in found]))]

    def score_samples(self, X):
        return self._of_each(X, lambda rows: -uniform_filter1d(abs(rows).mean(axis=1), 11))

    def decision_function(self, X):
        scores = self.score_samples(X)
        return [s + 1 for s in scores] if isinstance(scores, list) else scores + 1

    def score_timesteps(self, X):
        return self._of_each(X, lambda rows: abs(rows).mean(axis=1))

    def explain(self, X):
        return self._of_each(X, lambda rows: uniform_filter1d(abs(rows), 11, axis=0))


CALM = np.full((90, 2), 0.1)
ODD = CALM.copy()
ODD[30:36, 1] = 9
ODD[44:47, 0] = 12
FAULTS = [(30, 35), (44, 46)]
plain = Distance(series=None)
identity = FunctionTransformer()


def places(found):
    return list(zip(found["start"].tolist(), found["end"].tolist(), strict=True))


def test_events_are_where_the_faults_are():
    found = detect_events(plain, ODD)
    assert places(found) == FAULTS
    assert found["features"].tolist() == [["x1", "x0"], ["x0", "x1"]]
    assert (found["score"] < 0).all() and (found["peak"] == [30, 44]).all()
    blurred = skae.find_events(plain.decision_function(ODD), offset=0)
    assert places(blurred) == [(27, 50)], "the scores alone say one, and longer"
    assert places(detect_events(plain, ODD, merge_gap=8)) == [(30, 46)]
    assert places(detect_events(plain, ODD, min_length=4)) == FAULTS[:1]
    wider = Distance()
    wider.window_size_ = 16
    assert places(detect_events(wider, ODD)) == [(30, 46)], "half a window joins them"
    assert places(detect_events(wider, ODD, merge_gap=0)) == FAULTS
    with pytest.raises(ValueError, match="Got merge_gap='all', but expected an integer or 'auto'"):
        detect_events(wider, ODD, merge_gap="all")
    assert len(detect_events(plain, CALM)) == 0


@pytest.mark.parametrize("detector", [plain, make_pipeline(identity, plain)])
def test_a_frame_brings_its_index_and_names(detector):
    times = pd.date_range("2026-01-01", periods=90, freq="min")
    found = detect_events(detector, pd.DataFrame(ODD, times, ["load", "heat"]))
    assert found["start"].tolist() == [times[30], times[44]]
    assert found["features"].tolist() == [["heat", "load"], ["load", "heat"]]


def test_several_series_have_events_of_their_own():
    found = detect_events(plain, [CALM, ODD])
    assert found["series"].tolist() == [1, 1] and places(found) == FAULTS


@pytest.mark.parametrize("library", [pd, pl])
def test_series_of_a_column_are_told_apart(library):
    rows = np.stack([CALM, ODD], axis=1).reshape(-1, 2)
    frame = library.DataFrame({"unit": ["a", "b"] * 90, "load": rows[:, 0], "heat": rows[:, 1]})
    found = detect_events(Distance(series="unit"), frame)
    assert list(found["series"]) == ["b", "b"]
    assert [names[0] for names in found["features"]] == ["heat", "load"]
    if library is pd:
        assert places(found) == [(2 * a + 1, 2 * b + 1) for a, b in FAULTS]


class Cautious(Distance):
    """The same, with the threshold of a detector."""

    def __init__(self, series=None, threshold="robust"):
        super().__init__(series)
        self.threshold = threshold

    @property
    def detector_(self):
        scorer = SimpleNamespace(offset_policy=OffsetPolicy(threshold=self.threshold))
        return SimpleNamespace(
            scorer=scorer, offset=-1.0, windowing=SimpleNamespace(window_size=11)
        )


def slow(n_rows, size):
    rows = CALM.copy()
    rows[30 : 30 + n_rows] = size
    return rows


@pytest.mark.parametrize("wrapped", [False, True])
def test_scores_that_nearly_reach_the_threshold_for_a_window_are_named(wrapped):
    cautious = make_pipeline(identity, Cautious()) if wrapped else Cautious()
    message = "without an outlier, but with 2[0-9] consecutive rows of unusual scores, 60% of the"
    for X in (slow(30, 0.8), [CALM, slow(30, 0.8)]):
        with pytest.warns(UserWarning, match=message):
            assert len(detect_events(cautious, X)) == 0
    frame = pd.DataFrame({"unit": "a", "load": 0.8, "heat": 0.8}, range(12))
    with pytest.warns(UserWarning, match="with 12 consecutive"):
        detect_events(Cautious("unit"), pd.concat([frame, frame.assign(unit="b")]))


def test_calm_rows_and_short_ones_and_other_thresholds_are_not_named():
    for X in (CALM, slow(30, 0.5), slow(8, 0.9), ODD):
        detect_events(Cautious(), X)
    for threshold in ("sensitive", "adaptive", "three_sigma", 0.01):
        detect_events(Cautious(threshold=threshold), slow(30, 0.8))


def test_displays_show_the_events_that_are_detected():
    for display in (
        AnomalyScoreDisplay.from_estimator(plain, ODD),
        ExplanationDisplay.from_estimator(plain, ODD),
    ):
        assert [(event.start, event.end) for event in display.events] == FAULTS


@pytest.fixture(scope="module")
def network(small, series):
    return small(5).fit(series)


def test_a_network_gives_errors_of_its_rows(network, series):
    found = detect_events(network, series)
    options = {"offset": 0, "errors": network.score_timesteps(series)}
    options |= {"contributions": network.explain(series), "merge_gap": 2}
    assert (found == skae.find_events(network.decision_function(series), **options)).all()
    assert list(found.dtype.names) == ["start", "end", "peak", "length", "score", "features"]


def fleet(small, series):
    frame = pd.DataFrame(series, columns=["a", "b"]).assign(m=["p", "q"] * 100)
    frame.loc[90:110, "b"] += 9
    return frame, small(5, series="m", contamination=0.1).fit(frame)


def test_events_of_several_series_are_apart_however_they_are_named(small, series):
    frame, model = fleet(small, series)
    expected = detect_events(model, frame)
    assert set(expected.series) == {"p", "q"}
    search = SimpleNamespace(
        best_estimator_=model,
        explain=model.explain,
        decision_function=model.decision_function,
        score_timesteps=model.score_timesteps,
    )
    assert detect_events(search, frame).equals(expected)
    by_index = frame.set_index("m")
    assert detect_events(model, by_index).series.tolist() == expected.series.tolist()
    codes = OrdinalEncoder().fit(frame[["m"]])
    ways = make_column_transformer(("passthrough", ["b", "a"]), (codes, ["m"]))
    pipeline = make_pipeline(ways, small(5, series=np.int64(-1), contamination=0.1)).fit(frame)
    found = detect_events(pipeline, frame)
    assert set(found.series) == {"p", "q"}
    assert {features[0] for features in found.features} == {"b"}


def test_what_is_not_fitted_has_no_events(small):
    with pytest.raises(NotFittedError):
        detect_events(make_pipeline(StandardScaler().fit(ODD), small(5)), ODD)


def test_what_has_no_rows_has_no_events(small, sequences):
    of_sequences = small().fit(sequences)
    for estimator, X in (of_sequences, sequences), (StandardScaler().fit(ODD), ODD):
        with pytest.raises(ValueError, match=r"which has no errors of rows, but expected an LSTM"):
            detect_events(estimator, X)
