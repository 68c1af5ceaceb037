import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import fbeta_score
from sklearn.metrics import get_scorer as get_stock_scorer
from sklearn.model_selection import GridSearchCV, KFold

from skae.metrics import get_scorer, is_outlier, make_scorer

NAMES = [
    "average_precision",
    "balanced_accuracy",
    "f1",
    "matthews_corrcoef",
    "precision",
    "recall",
    "roc_auc",
]


class Detector:
    """Scores are minus the values; values above 2 are outliers."""

    def score_samples(self, X):
        return [-np.asarray(x) for x in X] if isinstance(X, list) else -np.asarray(X)

    def predict(self, X):
        return np.where(np.asarray(X) > 2, -1, 1)


VALUES = np.array([0.0, 1.0, 3.0, 4.0])


@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [1, 1, -1, -1], [False, False, True, True]])
@pytest.mark.parametrize("name", ["average_precision", "f1", "roc_auc"])
def test_a_perfect_detector_scores_one(name, labels):
    assert get_scorer(name)(Detector(), VALUES, labels) == 1.0


@pytest.mark.parametrize("name", ["average_precision", "roc_auc"])
def test_several_series(name):
    assert get_scorer(name)(Detector(), [VALUES, VALUES[:2]], [[0, 0, 1, 1], [0, 0]]) == 1.0


def test_rows_without_a_score_are_left_out():
    values = np.r_[VALUES, np.nan, np.nan]
    assert get_scorer("roc_auc")(Detector(), values, [0, 0, 1, 1, 1, 0]) == 1.0
    with pytest.warns(UndefinedMetricWarning, match="4 labels of one class"):
        assert np.isnan(get_scorer("roc_auc")(Detector(), values, [0, 0, 0, 0, 1, 0]))


@pytest.mark.parametrize("labels", [[0, 2, 1], [-1, 0, 1], [1, 1, 1], [5, 5]])
def test_labels_that_could_mean_anything_are_rejected(labels):
    with pytest.raises(ValueError, match="Got y with the values"):
        is_outlier(labels)


@pytest.mark.parametrize("labels", [[0] * 4, [1] * 4, [-1] * 4, [False] * 4, [True] * 4])
@pytest.mark.parametrize("name", ["roc_auc", "f1"])
def test_of_one_class_the_score_is_not_defined(name, labels):
    with pytest.warns(UndefinedMetricWarning, match="4 labels of one class, but .*score"):
        assert np.isnan(get_scorer(name)(Detector(), VALUES, labels))


def test_one_class_that_is_none_is_rejected():
    with pytest.raises(ValueError, match="Got y with the values"):
        get_scorer("roc_auc")(Detector(), VALUES, [5, 5, 5, 5])


# ------------------------------------------------------------------- by name


class Stock(OutlierMixin, BaseEstimator):
    """A detector for scikit-learn's scorers; the only feature of a row is its outlyingness."""

    def __init__(self, limit=2):
        self.limit = limit

    def fit(self, X, y=None):
        return self

    def score_samples(self, X):
        return -np.asarray(X)[:, 0]

    def decision_function(self, X):
        return self.limit + self.score_samples(X)

    def predict(self, X):
        return np.where(self.decision_function(X) < 0, -1, 1)


ROWS = np.random.default_rng(0).normal(size=(60, 1)) + 1
OUTLIER = ROWS[:, 0] + np.random.default_rng(1).normal(size=60) > 2


@pytest.mark.parametrize("name", NAMES)
def test_a_name_scores_as_in_scikit_learn_whatever_the_labels(name):
    scorer = get_scorer(name)
    labels = (OUTLIER, OUTLIER.astype(int), 1 - 2 * OUTLIER)
    stock, stock_detector = get_stock_scorer(name), Stock()
    if name in ("roc_auc", "balanced_accuracy", "matthews_corrcoef"):  # either class is as good
        expected = stock(stock_detector, ROWS, 1 - 2 * OUTLIER)
    elif name == "average_precision":
        expected = stock._score_func(OUTLIER, -stock_detector.score_samples(ROWS))
    else:
        expected = stock._score_func(OUTLIER, stock_detector.predict(ROWS) == -1)
    assert [scorer(Stock(), ROWS, y) for y in labels] == pytest.approx([expected] * 3)


def test_scikit_learns_own_name_is_upside_down_for_labels_of_0_and_1():
    own = get_stock_scorer("roc_auc")(Stock(), ROWS, OUTLIER.astype(int))
    assert own < 0.3 and get_scorer("roc_auc")(Stock(), ROWS, OUTLIER) == pytest.approx(1 - own)


@pytest.mark.parametrize("name", NAMES)
def test_a_search_takes_it_and_processes_hand_it_over(name):
    scorer = pickle.loads(pickle.dumps(get_scorer(name)))
    folds = KFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(Stock(), {"limit": [1, 3]}, scoring=scorer, cv=folds, error_score="raise")
    assert np.isfinite(search.fit(ROWS, OUTLIER).cv_results_["mean_test_score"]).all()


def test_precision_is_zero_where_nothing_is_predicted():
    assert get_scorer("precision")(Stock(limit=99), ROWS, OUTLIER) == 0


def test_any_metric_with_options():
    scorer = make_scorer(fbeta_score, response_method="predict", beta=0.5)
    expected = fbeta_score(OUTLIER, Stock().predict(ROWS) == -1, beta=0.5)
    assert scorer(Stock(), ROWS, OUTLIER) == pytest.approx(expected)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: get_scorer("accuracy"), "Got name='accuracy', but expected one of .'average_prec"),
        (lambda: make_scorer(max, response_method="score"), "Got response_method='score', but"),
    ],
)
def test_a_name_that_is_none_is_rejected(call, message):
    with pytest.raises(ValueError, match=message):
        call()
