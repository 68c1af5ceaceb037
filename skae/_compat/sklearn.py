"""The one place where names that scikit-learn keeps private are imported.

Each name is used as scikit-learn's own estimators use it; when a release moves one,
this file is all there is to mend.
"""

import contextlib
from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _get_container_adapter
from sklearn.utils.validation import (
    _check_feature_names,
    _check_sample_weight,
)
from sklearn.utils.validation import _get_feature_names as feature_names_of

__all__ = [
    "Interval",
    "StrOptions",
    "check_feature_names",
    "check_sample_weight",
    "feature_names_of",
    "fit_context",
    "fraction",
    "frame_container",
    "positive_int",
    "positive_real",
    "returns_frames",
    "too_large_is_infinite",
    "unchanged_on_error",
]


def positive_int(minimum: int = 1) -> Interval:
    """Parameter constraint: an integer of at least `minimum`."""
    return Interval(Integral, minimum, None, closed="left")


def positive_real(*, zero: bool = False) -> Interval:
    """Parameter constraint: a real number above zero, or not below it."""
    return Interval(Real, 0, None, closed="left" if zero else "neither")


def fraction(maximum: float = 1.0, *, zero: bool = True) -> Interval:
    """Parameter constraint: a real number from zero up to, not including, `maximum`."""
    return Interval(Real, 0, maximum, closed="left" if zero else "neither")


def too_large_is_infinite() -> contextlib.AbstractContextManager:
    """Let numpy cast what float32 cannot hold to infinity without a warning of its own.

    ``check_array`` refuses infinity afterwards, and says so.
    """
    return np.errstate(over="ignore", invalid="ignore")


def check_feature_names(estimator: object, X: object, *, reset: bool) -> None:
    """Set or compare ``feature_names_in_``, as ``validate_data`` does for tables."""
    _check_feature_names(estimator, X, reset=reset)


def check_sample_weight(sample_weight: object, n_samples: int) -> np.ndarray | None:
    """Return weights as a float32 vector with one non-negative entry per sample.

    Raises
    ------
    ValueError
        If the length is not `n_samples`, if a weight is negative or not finite, or
        if every weight is zero.
    """
    if sample_weight is None:
        return None
    placeholder = np.empty((n_samples, 1), dtype=np.float32)
    weights = _check_sample_weight(
        sample_weight, placeholder, dtype=np.float32, ensure_non_negative=True
    )
    if not weights.any():
        raise ValueError(
            "Got sample_weight with only zeros, but expected at least one positive weight."
        )
    return weights


def returns_frames(estimator: object, method: str = "transform") -> bool:
    """Tell whether ``set_output`` asks `method` for a dataframe."""
    return frame_container(estimator, method) is not None


def frame_container(estimator: object, method: str = "transform") -> Any:
    """Return what makes the dataframe that ``set_output`` asks `method` for; None if it does not.

    Returns
    -------
    adapter : object or None
        Its ``create_container(rows, original, columns)`` returns the dataframe.
    """
    return _get_container_adapter(method, estimator)


@contextlib.contextmanager
def unchanged_on_error(estimator: object) -> Iterator[None]:
    """Leave the estimator's attributes as they were if the block raises."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
