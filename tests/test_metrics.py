import numpy as np
import pytest

from skae.metrics import average_precision_scorer, f1_scorer, is_outlier, roc_auc_scorer


class Detector:
    """Scores are minus the values; values above 2 are outliers."""

    def score_samples(self, X):
        return [-np.asarray(x) for x in X] if isinstance(X, list) else -np.asarray(X)

    def predict(self, X):
        return np.where(np.asarray(X) > 2, -1, 1)


VALUES = np.array([0.0, 1.0, 3.0, 4.0])


@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [1, 1, -1, -1], [False, False, True, True]])
@pytest.mark.parametrize("scorer", [average_precision_scorer, f1_scorer, roc_auc_scorer])
def test_a_perfect_detector_scores_one(scorer, labels):
    assert scorer(Detector(), VALUES, labels) == 1.0


@pytest.mark.parametrize("scorer", [average_precision_scorer, roc_auc_scorer])
def test_several_series(scorer):
    assert scorer(Detector(), [VALUES, VALUES[:2]], [[0, 0, 1, 1], [0, 0]]) == 1.0


@pytest.mark.parametrize("labels", [[0, 2, 1], [-1, 0, 1], [1, 1, 1], [5, 5]])
def test_labels_that_could_mean_anything_are_refused(labels):
    with pytest.raises(ValueError, match="Got y with the labels"):
        is_outlier(labels)


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [-1, -1, -1, -1], [False] * 4])
def test_one_class_is_refused(labels):
    with pytest.raises(ValueError, match="expected some of either class"):
        roc_auc_scorer(Detector(), VALUES, labels)
