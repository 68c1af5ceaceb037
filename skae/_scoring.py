"""From residuals to scores, thresholds and events: numpy only.

A *residual* is ``observed - reconstructed``, NaN where nothing was observed. An *error* is
what a way of measuring makes of it: higher is worse. A *score* is the negative of an error,
so that higher is more normal, as scikit-learn has it.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

Array = NDArray[np.floating]

MAD_TO_STD = 1.4826
"""Ratio of the standard deviation to the median absolute deviation of a Gaussian."""


class ErrorMeasure(Protocol):
    """A way of measuring: residuals in, one error for each entry out."""

    def __call__(self, residuals: Array) -> Array:
        """Return errors of the shape of `residuals`, (..., n_features)."""


def squared_error(residuals: Array) -> Array:
    """Return the squares of residuals; the mean of them is the mse."""
    return np.square(residuals, dtype=np.float64)


def absolute_error(residuals: Array) -> Array:
    """Return the absolute values of residuals; the mean of them is the mae."""
    return np.abs(residuals, dtype=np.float64)


@dataclass(frozen=True)
class MahalanobisError:
    r"""Squared Mahalanobis distance of a step's vector of absolute errors.

    With :math:`e` the absolute errors of a step's :math:`F` features, and :math:`\mu,
    \Sigma` their mean and shrunk covariance on held-out data, the distance is
    :math:`(e - \mu)^T \Sigma^{-1} (e - \mu)`. Feature :math:`f` is given
    :math:`F (e - \mu)_f [\Sigma^{-1} (e - \mu)]_f`, so that the *mean* over the features is
    the distance; such a share may be negative.

    Where only some features were observed, the marginal distance of these is taken.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
    covariance : ndarray of shape (n_features, n_features)

    References
    ----------
    Malhotra et al. (2016), "LSTM-based Encoder-Decoder for Multi-sensor Anomaly
    Detection", arXiv:1607.00148, section 2.
    """

    mean: Array
    covariance: Array

    @classmethod
    def fit(cls, residuals: Array) -> "MahalanobisError":
        """Estimate mean and covariance from the residuals of held-out data.

        Parameters
        ----------
        residuals : ndarray of shape (..., n_features)
            Steps with an unobserved feature are left out.

        Raises
        ------
        ValueError
            If fewer than two steps have every feature observed.
        """
        errors = np.abs(residuals, dtype=np.float64).reshape(-1, residuals.shape[-1])
        errors = errors[~np.isnan(errors).any(axis=1)]
        if len(errors) < 2:
            raise ValueError(
                f"Got error='mahalanobis' with {len(errors)} held-out steps that have every "
                "feature observed, but expected at least 2 to estimate a covariance."
            )
        shrunk = LedoitWolf().fit(errors)
        # A feature reconstructed without error has no variance: the floor keeps it invertible.
        floor = max(np.trace(shrunk.covariance_) / errors.shape[1], np.finfo(np.float32).tiny)
        ridge = np.finfo(np.float32).eps * floor * np.eye(errors.shape[1])
        return cls(shrunk.location_, shrunk.covariance_ + ridge)

    def __call__(self, residuals: Array) -> Array:
        """Return each feature's share, of the shape of `residuals`."""
        deviations = np.abs(residuals, dtype=np.float64) - self.mean
        flat = deviations.reshape(-1, deviations.shape[-1])
        shares = np.full_like(flat, np.nan)
        patterns, which = np.unique(~np.isnan(flat), axis=0, return_inverse=True)
        for i, seen in enumerate(patterns):
            steps = np.flatnonzero(which.ravel() == i)
            block = flat[np.ix_(steps, seen)]
            inverse = np.linalg.inv(self.covariance[np.ix_(seen, seen)])
            shares[np.ix_(steps, seen)] = seen.sum() * block * (block @ inverse)
        return shares.reshape(deviations.shape)


def fit_error_measure(kind: str, held_out_residuals: Array) -> ErrorMeasure:
    """Return the error measure named `kind`, fitted on held-out residuals if it needs that."""
    if kind == "mahalanobis":
        return MahalanobisError.fit(held_out_residuals)
    return {"mse": squared_error, "mae": absolute_error}[kind]


def measure_to_plain(measure: ErrorMeasure) -> dict[str, Any]:
    """Return an error measure as plain values, exact to the last bit."""
    if isinstance(measure, MahalanobisError):
        arrays = {"mean": measure.mean.tolist(), "covariance": measure.covariance.tolist()}
        return {"kind": "mahalanobis", **arrays}
    return {"kind": "mse" if measure is squared_error else "mae"}


def measure_from_plain(plain: dict[str, Any]) -> ErrorMeasure:
    """Return the error measure that `measure_to_plain` was given."""
    if plain["kind"] == "mahalanobis":
        return MahalanobisError(np.array(plain["mean"]), np.array(plain["covariance"]))
    return fit_error_measure(plain["kind"], np.empty((0, 1)))


def mean_of_observed(errors: Array, axis: int | tuple[int, ...] = -1) -> Array:
    """Return the mean over `axis` of what is not NaN; NaN where nothing is left."""
    observed = ~np.isnan(errors)
    total = np.where(observed, errors, 0.0).sum(axis=axis, dtype=np.float64)
    count = observed.sum(axis=axis)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)


def aggregate_steps(step_errors: Array, how: str) -> Array:
    """Return one error for each sequence from the errors of its steps.

    Parameters
    ----------
    step_errors : ndarray of shape (n_sequences, n_steps)
        NaN in steps that are padding or were not observed.
    how : {"window", "mean", "median", "max", "last"}
        "window" and "mean" are the same here; "last" is the last observed step.

    Returns
    -------
    ndarray of shape (n_sequences,), float64
    """
    if how in ("window", "mean"):
        return mean_of_observed(step_errors)
    if how == "median":
        return np.nanmedian(step_errors, axis=1)
    if how == "max":
        return np.nanmax(step_errors, axis=1)
    backward = ~np.isnan(step_errors[:, ::-1])
    last = step_errors.shape[1] - 1 - backward.argmax(axis=1)
    return step_errors[np.arange(len(step_errors)), last]


def weighted_quantile(values: Array, q: float, weights: Array | None = None) -> float:
    """Return the quantile of `values`, where a weight of 2 is the same as being there twice.

    Between two values it is interpolated linearly, as ``numpy.quantile`` does. Where weights
    are below 1, all are scaled up until the smallest is 1: weights that sum to 1 are common,
    and equal ones have to mean what no weights mean.

    Parameters
    ----------
    values : ndarray of shape (n,)
    q : float
        From 0 to 1.
    weights : ndarray of shape (n,), default=None
        Not negative; equal by default, and if all of them are zero.

    Returns
    -------
    float
    """
    if weights is None or not weights.any():
        return float(np.quantile(values, q))
    counts = np.asarray(weights, dtype=np.float64) / min(1.0, weights[weights > 0].min())
    order = np.argsort(values, kind="stable")
    ordered, reached = values[order], np.cumsum(counts[order])
    position = q * max(reached[-1] - 1, 0)
    below, above = np.searchsorted(reached, [np.floor(position), np.floor(position) + 1], "right")
    low, high = ordered[np.minimum([below, above], len(ordered) - 1)]
    return float(low + (position - np.floor(position)) * (high - low))


def robust_offset(scores: Array, weights: Array | None = None) -> float:
    """Return the score below which an entry is an outlier, from held-out scores.

    The threshold is the median plus three robust standard deviations (1.4826 times the median
    absolute deviation) of the logarithms of the errors, for errors are positive and skewed. A
    few outliers among the scores do not move it.

    Parameters
    ----------
    scores : ndarray of shape (n_scores,)
        Scores of held-out, mostly normal data: negative errors.
    weights : ndarray of shape (n_scores,), default=None

    Returns
    -------
    float
    """
    median = -weighted_quantile(scores, 0.5, weights)
    tiny = np.finfo(np.float32).tiny
    deviations = np.abs(np.log(np.maximum(-scores, tiny) / max(median, tiny)))
    spread = MAD_TO_STD * weighted_quantile(deviations, 0.5, weights)
    # A product, for exp(log(median)) may be an ulp below it: equal scores are all inliers.
    return -float(median * np.exp(3 * spread))


class Event(NamedTuple):
    """A run of outlying rows: positions of its first, last and worst row."""

    start: int
    end: int
    peak: int


def find_events(
    is_outlier: NDArray[np.bool_], severity: Array, *, min_length: int = 1, merge_gap: int = 0
) -> list[Event]:
    """Join outlying rows into events.

    Parameters
    ----------
    is_outlier : ndarray of shape (n_rows,), bool
    severity : ndarray of shape (n_rows,)
        Higher is worse; its largest value in an event is the event's peak.
    min_length : int, default=1
        Events of fewer rows are dropped, after joining.
    merge_gap : int, default=0
        Events with at most so many normal rows between them become one.

    Returns
    -------
    list of Event
        In order of time; `end` is the last row of the event.

    Examples
    --------
    >>> import numpy as np
    >>> from skae._scoring import find_events
    >>> error = np.array([0.0, 5.0, 6.0, 0.0, 4.0, 0.0])
    >>> find_events(error > 1, error, merge_gap=1)
    [Event(start=1, end=4, peak=2)]
    """
    rows = np.flatnonzero(is_outlier)
    if not len(rows):
        return []
    cuts = np.flatnonzero(np.diff(rows) > merge_gap + 1)
    firsts = rows[np.concatenate([[0], cuts + 1])]
    lasts = rows[np.concatenate([cuts, [-1]])]
    return [
        Event(int(first), int(last), int(first + np.argmax(severity[first : last + 1])))
        for first, last in zip(firsts, lasts, strict=True)
        if last - first + 1 >= min_length
    ]
