"""Private names of scikit-learn; no other module imports them.

Each name is used as scikit-learn's estimators use it. If a release moves one, only this file
changes.
"""

import contextlib
from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._metadata_requests import SIMPLE_METHODS
from sklearn.utils._param_validation import Interval as Interval
from sklearn.utils._param_validation import StrOptions as StrOptions
from sklearn.utils._param_validation import make_constraint
from sklearn.utils._set_output import _get_container_adapter
from sklearn.utils.metaestimators import available_if as _available_if
from sklearn.utils.validation import _check_feature_names, _check_sample_weight, _get_feature_names

feature_names_of = _get_feature_names
check_feature_names = _check_feature_names
"""Sets or compares ``feature_names_in_``, as ``validate_data`` does for tables."""

Method = TypeVar("Method", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type)


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """Validate the parameters before a method runs; a type checker sees the method unchanged."""
    context: Callable[[Method], Method] = _fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return context


def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Hide a method if `check` is false; a type checker sees the method unchanged."""
    condition: Callable[[Method], Method] = _available_if(check)
    return condition


class FeatureRecord(BaseEstimator):
    """Holds the attributes that scikit-learn's feature checks set and compare.

    The checks use the class name in their messages. skae adds `n_step_features`, because the
    columns of a table may be the steps of univariate sequences.
    """

    n_features_in_: int
    n_step_features: int
    feature_names_in_: NDArray[np.object_]

    @classmethod
    def named(cls, estimator: str) -> Self:
        """Return an empty record with the class name of an estimator."""
        record: Self = type(estimator, (cls,), {})()
        return record


class _IntegerInterval(Interval):
    """An interval of integers that excludes True and False."""

    def is_satisfied_by(self, value: object) -> bool:
        return not isinstance(value, bool) and super().is_satisfied_by(value)


def positive_int(minimum: int = 1) -> Interval:
    """Parameter constraint: an integer of at least `minimum`, no bool."""
    return _IntegerInterval(Integral, minimum, None, closed="left")


def positive_real(*, zero: bool = False) -> Interval:
    """Parameter constraint: a real number above zero, or at least zero."""
    return Interval(Real, 0, None, closed="left" if zero else "neither")


def fraction(maximum: float = 1.0, *, zero: bool = True) -> Interval:
    """Parameter constraint: a real number from zero up to, not including, `maximum`."""
    return Interval(Real, 0, maximum, closed="left" if zero else "neither")


def satisfies(value: object, *constraints: object) -> bool:
    """Tell whether a value satisfies one of scikit-learn's constraints of parameters."""
    return any(make_constraint(one).is_satisfied_by(value) for one in constraints)


def seed_of(random_state: object) -> int:
    """Draw a seed from a user's ``random_state``, which may also be a NumPy Generator.

    Parameters
    ----------
    random_state : int, RandomState instance, numpy.random.Generator or None

    Returns
    -------
    int
        From 0 to 2**31 - 2; the same for the same int.
    """
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    return int(check_random_state(random_state).randint(2**31 - 1))


@contextlib.contextmanager
def too_large_is_named(X: object, name: str = "X") -> Iterator[None]:
    """Raise the error of ``check_array`` for infinite values, but name the feature.

    NumPy casts values that are too large for float32 to infinity without a warning.

    Parameters
    ----------
    X : array-like of shape (..., n_features)
    name : str, default="X"

    Raises
    ------
    ValueError
        If a value is infinite, or too large for float32.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        try:
            yield
        except ValueError as error:
            if "infinity or a value too large" not in str(error):
                raise
            raise ValueError(f"Input {name} contains {_too_large(X)}") from error


def _too_large(X: object) -> str:
    values = np.asarray(X, dtype=np.float64)
    values = values.reshape(-1, values.shape[-1])
    is_large = np.isinf(values.astype(np.float32))
    feature = int(np.flatnonzero(is_large.any(axis=0))[0])
    names = feature_names_of(X)
    label = feature if names is None else repr(str(names[feature]))
    value = values[np.flatnonzero(is_large[:, feature])[0], feature]
    if np.isinf(value):
        return f"infinity in feature {label}, but expected finite values, or NaN for missing ones."
    return (
        f"a value too large for dtype('float32') in feature {label}: {value:g}, but expected at "
        f"most {np.finfo(np.float32).max:.2g}. Scale the data first."
    )


def check_sample_weight(sample_weight: object, n_samples: int) -> NDArray[np.float32] | None:
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
    weights: NDArray[np.float32] = _check_sample_weight(
        sample_weight, placeholder, dtype=np.float32, ensure_non_negative=True
    )
    if not weights.any():
        raise ValueError(
            "Got sample_weight with only zeros, but expected at least one positive weight."
        )
    return weights


def returns_frames(estimator: object, method: str = "transform") -> bool:
    """Tell whether ``set_output`` requests a dataframe from `method`."""
    return frame_container(estimator, method) is not None


def frame_container(estimator: object, method: str = "transform") -> Any:
    """Return the adapter for the dataframe that ``set_output`` requests from `method`, or None.

    Returns
    -------
    adapter : object or None
        Its ``create_container(rows, original, columns)`` returns the dataframe.
    """
    return _get_container_adapter(method, estimator)


def available_where(check: Callable[[Any], Any], *methods: str) -> Callable[[Class], Class]:
    """Return a decorator of a class that hides some methods unless `check` is true.

    ``available_if`` above `transform` has no effect, because ``set_output`` wraps the method.

    Parameters
    ----------
    check : callable
        Takes the estimator. If it raises an error, the methods are hidden too.
    *methods : str
    """

    def decorate(cls: Class) -> Class:
        for name in methods:
            setattr(cls, name, available_if(check)(getattr(cls, name)))
        return cls

    return decorate


OUTPUT, REQUESTS = "_sklearn_output_config", "_metadata_request"
"""Attributes set by ``set_output`` and ``set_fit_request``."""


def check_parameters_of(estimator: BaseEstimator) -> None:
    """Check the parameters as ``fit`` would, if the estimator has such a check."""
    if hasattr(estimator, "_parameter_constraints"):
        estimator._validate_params()


def requests_of(estimator: BaseEstimator) -> dict[str, dict[str, Any]]:
    """Return the requests made by ``set_fit_request`` and the like, by method."""
    requests = vars(estimator).get(REQUESTS)
    if requests is None:
        return {}
    found = {method: getattr(requests, method).requests for method in SIMPLE_METHODS}
    return {method: dict(asked) for method, asked in found.items() if asked}


def set_requests(estimator: BaseEstimator, requests: dict[str, dict[str, Any]]) -> None:
    """Restore the requests that `requests_of` returned.

    Raises
    ------
    ValueError
        If the estimator has no such method.
    """
    for method, asked in requests.items():
        if method not in SIMPLE_METHODS:
            raise ValueError(f"Got a request of {method!r}, but expected one of {SIMPLE_METHODS}.")
        with config_context(enable_metadata_routing=True):
            getattr(estimator, f"set_{method}_request")(**asked)
