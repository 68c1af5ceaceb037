import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skae.metrics import vus_pr

LABELLED = st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=15).filter(
    lambda rows: any(label for label, _ in rows)
)


@settings(max_examples=25, deadline=None)  # the reference is slow
@given(LABELLED, st.integers(0, 5))
def test_vus_pr_equals_counting_row_by_row(rows, buffer):
    labels, scores = zip(*rows, strict=True)
    expected = naive.vus_pr([int(label) for label in labels], scores, buffer)
    assert vus_pr(labels, scores, buffer) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 0], [1, 2], "Got y without an anomaly"),
        ([0, 1], [1, np.nan], "Got scores with NaN"),
        ([0, 2], [1, 2], r"Got y with the values \[0, 2\]"),
        ([0, 1], [1], r"Got y of shape \(2,\) and scores of shape \(1,\)"),
    ],
)
def test_what_vus_pr_rejects(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        vus_pr(labels, scores, 1)


def test_vus_pr_takes_labels_of_outlier_detectors():
    scores = [1, 5, 2, 3]
    assert vus_pr([1, -1, 1, 1], scores, 1) == vus_pr([0, 1, 0, 0], scores, 1)


def test_vus_pr_rejects_a_negative_buffer():
    with pytest.raises(ValueError, match="Got buffer=-1"):
        vus_pr([0, 1], [0, 1], -1)
