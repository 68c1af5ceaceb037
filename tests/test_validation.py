import numpy as np
import pytest

from skae import SequenceWindower
from skae._compat.sklearn import (
    check_sample_weight,
    fraction,
    positive_int,
    positive_real,
)


@pytest.mark.parametrize(
    ("constraint", "inside", "outside"),
    [
        (positive_int(), [1, 7, np.int64(2)], [0, -1, 1.5, "1", None]),
        (positive_int(2), [2], [1]),
        (positive_real(), [1e-9, 3], [0, -1, "1"]),
        (positive_real(zero=True), [0, 0.0, 3], [-1e-9]),
        (fraction(), [0, 0.5, 0.999], [1, -0.1]),
        (fraction(0.5), [0, 0.4], [0.5]),
        (fraction(zero=False), [0.5], [0, 1]),
    ],
)
def test_constraints_accept_what_they_say(constraint, inside, outside):
    assert [value for value in inside if not constraint.is_satisfied_by(value)] == []
    assert [value for value in outside if constraint.is_satisfied_by(value)] == []


@pytest.mark.parametrize("weights", [[1, 2], np.array([1.0, 2.0]), (0.5, 0)])
def test_weights_become_a_float32_vector(weights):
    found = check_sample_weight(weights, 2)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, weights)


def test_no_weights_stay_none():
    assert check_sample_weight(None, 2) is None


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -1], "Negative values in data passed to `sample_weight`"),
        ([1, np.nan], "Input sample_weight contains NaN"),
        ([1, 1, 1], r"sample_weight.shape == \(3,\), expected \(2,\)!"),
        ([0, 0], "with only zeros, but expected at least one|at least one non-zero"),
    ],
)
def test_what_is_wrong_with_weights_is_named(weights, message):
    with pytest.raises(ValueError, match=message):
        check_sample_weight(weights, 2)


def test_a_fit_that_fails_leaves_the_attributes_as_they_were():
    windower = SequenceWindower(3).fit(np.ones((4, 2)))
    before = dict(vars(windower))
    with pytest.raises(ValueError, match="infinity"):
        windower.fit(np.full((4, 3), np.inf))
    assert vars(windower) == before
