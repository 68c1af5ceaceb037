"""From residuals to errors: squared, scaled, Mahalanobis, multiscale."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from skae._input import observed
from skae._scoring.reference_windows import reference_of, steps_of, weighted_mean

Array = NDArray[np.floating]

N_PARTS = 6
"""Parts of a window in its middle scale."""

LEAST_SHARE = 1e-4
"""Share of the mean typical error of all features that is added to each typical error."""

LEAST_TYPICAL = 1e-6
"""Typical squared error if all errors are zero; later errors of a thousandth are then visible."""

LEAST_RATIO = 1 / 3
"""Smallest error of a scale, relative to the typical error."""


def scales_of(residuals: Array) -> Array:
    """Split residuals into the level of the window, the levels of its parts, and the rest.

    The level is the mean over the window. The levels of the parts are the means of its sixths minus
    the level. The rest is each step minus the mean of its sixth. The three add up to the residuals.
    On average their squares add up too, if the sixths are equally long.

    Parameters
    ----------
    residuals : ndarray of shape (n_windows, n_steps, n_features)
        NaN where nothing was observed.

    Returns
    -------
    ndarray of shape (3, n_windows, n_steps, n_features), float64

    Examples
    --------
    >>> import numpy as np
    >>> from skae._scoring.error_measures import scales_of
    >>> window = np.array([0.0, 2.0, 4.0, 4.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 6.0])
    >>> level, parts, rest = scales_of(window[None, :, None])[:, 0, :, 0]
    >>> level[:6].tolist(), parts[:6].tolist(), rest[:6].tolist()
    ([2.0, 2.0, 2.0, 2.0, 2.0, 2.0], [-1.0, -1.0, 2.0, 2.0, -1.0, -1.0], \
[-1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    """
    residuals = residuals.astype(np.float64)
    seen = ~np.isnan(residuals)
    part_of_step = _parts_of_steps(np.asarray(seen.any(axis=2)))
    if seen.all():
        # All windows have the same length and parts.
        filled: Array = residuals
        count: NDArray[Any]
        count = np.bincount(part_of_step[:1].ravel(), minlength=N_PARTS)[None, :, None]
    else:
        filled, count = np.where(seen, residuals, 0.0), _sums_of_parts(seen, part_of_step)
    total = _sums_of_parts(filled, part_of_step)
    level = total.sum(axis=1, keepdims=True) / np.maximum(count.sum(axis=1, keepdims=True), 1)
    means = (total / np.maximum(count, 1))[np.arange(len(residuals))[:, None], part_of_step]
    scales = np.empty((3, *residuals.shape))
    scales[0] = level
    np.subtract(means, level, out=scales[1])
    np.subtract(residuals, means, out=scales[2])
    if filled is not residuals:
        scales[:, ~seen] = np.nan
    return scales


def _sums_of_parts(values: Array | NDArray[np.bool_], part_of_step: NDArray[np.intp]) -> Array:
    """Sum over the steps of each part: (n_windows, N_PARTS, n_features)."""
    n_windows, _, n_features = values.shape
    sums = np.zeros((n_windows, N_PARTS, n_features))
    if (part_of_step == part_of_step[:1]).all():
        for step, part in enumerate(part_of_step[0] if n_windows else ()):
            sums[:, part] += values[:, step]
        return sums
    for part in range(N_PARTS):
        sums[:, part] = values.sum(axis=1, where=(part_of_step == part)[:, :, None])
    return sums


def _parts_of_steps(exists: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the sixth of each step; in a window of fewer steps, each step is one part."""
    n_steps = exists.shape[1]
    lengths = np.maximum(n_steps - exists[:, ::-1].argmax(axis=1), 1)
    parts: NDArray[np.intp] = np.arange(n_steps) * N_PARTS // lengths[:, None]
    return np.minimum(parts, N_PARTS - 1)


@dataclass(frozen=True)
class MultiscaleError:
    r"""Geometric mean of the errors of a window at three time scales.

    Let :math:`s_{ktf}` be the parts of a residual from `scales_of`, and :math:`\tau_{kf}` the mean
    of :math:`s^2` on reference windows, plus :math:`10^{-4}` of its mean over the features. The
    addition keeps constant features above zero (:math:`10^{-6}` if all are constant). The error
    :math:`E_k` of scale :math:`k` is the mean of :math:`s_{ktf}^2 / \tau_{kf}` over steps and then
    features. The error of the window is :math:`\prod_k \max(E_k, 1/3)^{1/3}`. After a lasting
    change of level, the first scale stays high, and the other two still rank the windows.

    The share of step :math:`t` and feature :math:`f` is the mean over the scales of
    :math:`s_{ktf}^2 / \tau_{kf} / E_k`, times the error of the window. The *mean* of the shares
    over the steps and features is that error.

    Parameters
    ----------
    typical : ndarray of shape (3, n_features)
        The divisors.
    """

    typical: Array
    kind: ClassVar = "multiscale"

    @classmethod
    def fit(cls, blocks: Sequence[Array], weights: Sequence[Array] | None = None) -> Self:
        """Estimate typical errors from blocks of residuals; see `reference_of`."""
        blocks, weights = reference_of(blocks, weights)
        squares = [np.square(scales_of(block)) for block in blocks]
        of_windows = np.concatenate([observed.mean(block, axis=2) for block in squares], axis=1)
        means = weighted_mean(of_windows.swapaxes(0, 1), np.concatenate(weights))
        typical = means + LEAST_SHARE * means.mean(axis=1, keepdims=True)
        return cls(np.where(typical > 0, typical, LEAST_TYPICAL))

    def __call__(self, residuals: Array) -> Array:
        """Return errors of the shape of `residuals`, (n_windows, n_steps, n_features)."""
        ratios = scales_of(residuals)
        np.square(ratios, out=ratios)
        _divide_features(ratios, self.typical)
        ratios *= balance(residuals)
        of_windows = observed.mean(observed.mean(ratios, axis=3), axis=2)[:, :, None, None]
        least = np.maximum(of_windows, LEAST_RATIO)
        shares = _shares(ratios, of_windows).mean(axis=0)
        errors: Array = np.exp(np.log(least).mean(axis=0)) * shares
        return errors


def balance(residuals: Array) -> Array | float:
    """Return factors that give rarely observed features the same weight as the others.

    Averages over the features observed at a step, and then over steps, give a feature that is
    read in every twentieth step a twentieth of the weight. With these factors, they equal averages
    over the steps of each feature, and then over features.

    Parameters
    ----------
    residuals : ndarray of shape (n_windows, n_steps, n_features)

    Returns
    -------
    ndarray of the shape of `residuals`, or 1.0
        1 if all features observed in a window were observed at the same steps.

    Examples
    --------
    >>> import numpy as np
    >>> from skae._scoring.error_measures import balance
    >>> residuals = np.ones((1, 4, 2))
    >>> residuals[0, 1:, 1] = np.nan
    >>> balance(residuals)[0].round(2).tolist()
    [[1.0, 4.0], [0.5, 2.0], [0.5, 2.0], [0.5, 2.0]]
    """
    seen = ~np.isnan(residuals)
    if seen.all():
        return 1.0
    each = observed.balance(seen)
    is_seen = seen.any(axis=1, keepdims=True)
    if ((each == 1) | ~is_seen).all():
        return 1.0
    n_features = np.maximum(is_seen.sum(axis=2, keepdims=True), 1)
    factors: Array = each * seen.sum(axis=2, keepdims=True) / n_features
    return factors


def _shares(ratios: Array, of_windows: Array) -> Array:
    """Divide by the errors of the windows, in place; 1 if all are zero."""
    all_zero = of_windows == 0
    ratios /= np.where(all_zero, 1.0, of_windows)
    if all_zero.any():
        ratios += all_zero
    return ratios


def _divide_features(values: Array, divisors: Array) -> None:
    """Divide (n, n_windows, n_steps, n_features) by one divisor per feature of each, in place."""
    n, n_windows, n_steps, n_features = values.shape
    # NumPy is slow if the last axis is short.
    long = values.reshape(n, n_windows, n_steps * n_features)
    long /= np.tile(divisors, n_steps)[:, None]


ErrorMeasure: TypeAlias = Callable[[Array], Array]
"""Maps residuals (n_windows, n_steps, n_features) to errors of the same shape."""


def squared_error(residuals: Array) -> Array:
    """Return the squared residuals; their mean is the mse."""
    return np.square(residuals, dtype=np.float64)


def absolute_error(residuals: Array) -> Array:
    """Return the absolute residuals; their mean is the mae."""
    return np.abs(residuals, dtype=np.float64)


@dataclass(frozen=True)
class ScaledError:
    r"""Error of each feature, divided by its typical error.

    Let :math:`t_f` be the mean error of feature :math:`f` on reference data, and :math:`t` the mean
    of these over the features. The divisor is :math:`t_f + 10^{-4} t`. Features then weigh the same
    at any noise level, and no divisor is zero for a constant feature.

    Parameters
    ----------
    base : callable
        `squared_error` or `absolute_error`.
    typical : ndarray of shape (n_features,)
        The divisors.
    """

    base: ErrorMeasure
    typical: Array

    @classmethod
    def fit(
        cls, base: ErrorMeasure, blocks: Sequence[Array], weights: Sequence[Array] | None = None
    ) -> Self:
        """Estimate the means from blocks of residuals; see `reference_of`."""
        residuals, of_steps = steps_of(*reference_of(blocks, weights))
        means = weighted_mean(base(residuals), of_steps)
        typical = means + LEAST_SHARE * means.mean()
        # If all errors are zero, there is no typical error, so errors are not scaled.
        return cls(base, np.where(typical > 0, typical, 1.0))

    def __call__(self, residuals: Array) -> Array:
        """Return errors of the shape of `residuals`; 1 is typical."""
        return self.base(residuals) / self.typical


@dataclass(frozen=True)
class MahalanobisError:
    r"""Squared Mahalanobis distance of a step's vector of absolute errors.

    Let :math:`e` be the absolute errors of a step's :math:`F` features, and :math:`\mu, \Sigma`
    their mean and shrunk covariance on reference data. The distance is
    :math:`(e - \mu)^T \Sigma^{-1} (e - \mu)`. Feature :math:`f` gets the share
    :math:`F (e - \mu)_f [\Sigma^{-1} (e - \mu)]_f`, so that the *mean* over the features is the
    distance. A share may be negative.

    If only some features were observed, their marginal distance is used.

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
    kind: ClassVar = "mahalanobis"

    @classmethod
    def fit(cls, blocks: Sequence[Array], weights: Sequence[Array] | None = None) -> Self:
        """Estimate mean and covariance from the residuals of reference data.

        Parameters
        ----------
        blocks, weights : sequence of ndarray
            See `reference_of`. Steps with an unobserved feature are left out.

        Raises
        ------
        ValueError
            If fewer than two steps have every feature observed.
        """
        residuals, of_steps = steps_of(*reference_of(blocks, weights))
        errors = np.abs(residuals)
        seen = ~np.isnan(errors).any(axis=1) & (of_steps > 0)
        errors, of_steps = errors[seen], of_steps[seen]
        if len(errors) < 2:
            raise ValueError(
                f"Got error='mahalanobis' with {len(errors)} reference steps that have every "
                "feature observed, but expected at least 2 to estimate a covariance."
            )
        mean = weighted_mean(errors, of_steps)
        scaled = (errors - mean) * np.sqrt(of_steps / of_steps.mean())[:, None]
        shrunk = LedoitWolf(assume_centered=True).fit(scaled)
        # A feature that is reconstructed without error has no variance; the floor keeps the matrix
        # invertible.
        floor = max(np.trace(shrunk.covariance_) / errors.shape[1], np.finfo(np.float32).tiny)
        ridge = np.finfo(np.float32).eps * floor * np.eye(errors.shape[1])
        return cls(mean, shrunk.covariance_ + ridge)

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


BASES: dict[str, ErrorMeasure] = {
    "mse": squared_error,
    "rmse": squared_error,
    "mae": absolute_error,
}

ErrorName = Literal[
    "auto",
    "mse",
    "rmse",
    "mae",
    "scaled_mse",
    "scaled_rmse",
    "scaled_mae",
    "mahalanobis",
    "multiscale",
]

MEASURES = get_args(ErrorName)[1:]

BALANCED = "mahalanobis", "multiscale"
"""Errors that already account for rarely observed features."""

ROOTED = "rmse", "scaled_rmse", "multiscale"
"""Errors that are the root of a mean square."""


def error_of(name: str, *, of_whole_windows: bool) -> str:
    """Return the name of an error, with "auto" resolved.

    Parameters
    ----------
    name : str
        One of `MEASURES`, or "auto".
    of_whole_windows : bool
        Whether whole windows of a series are measured. Otherwise there is one scale: the levels of
        a set of sequences do not drift, and single steps have no level.
    """
    if name != "auto":
        return name
    return "multiscale" if of_whole_windows else "scaled_rmse"


def root_shares(errors: Array, per_window: bool) -> Array:
    """Divide errors by the root of their mean, so that the mean of the result is that root.

    Parameters
    ----------
    errors : ndarray of shape (n, n_steps) or (n, n_steps, n_features)
        Not negative; NaN where nothing was observed.
    per_window : bool
        Whether the mean is over all steps of a window, or over the features of each step.

    Returns
    -------
    ndarray of the shape of `errors`
        Zero where the mean is zero.
    """
    mean = observed.mean(errors, axis=2) if errors.ndim == 3 else errors
    if per_window:
        mean = observed.mean(mean)[:, None]
    root = np.sqrt(mean).reshape(mean.shape + (1,) * (errors.ndim - 2))
    shares: Array = np.divide(errors, root, out=errors + 0 * root, where=root > 0)
    return shares


def fit_error_measure(
    kind: str, blocks: Sequence[Array], weights: Sequence[Array] | None = None
) -> ErrorMeasure:
    """Return the error measure named `kind`, fitted on reference residuals if needed.

    Parameters
    ----------
    kind : str
        One of `MEASURES`.
    blocks, weights : sequence of ndarray
        See `reference_of`.
    """
    for measure in (MahalanobisError, MultiscaleError):
        if kind == measure.kind:
            return measure.fit(blocks, weights)
    base = BASES[kind.removeprefix("scaled_")]
    return base if kind in BASES else ScaledError.fit(base, blocks, weights)


def measure_to_plain(measure: ErrorMeasure) -> dict[str, Any]:
    """Return an error measure as plain values, exact to the last bit."""
    arrays = {name: x.tolist() for name, x in vars(measure).items() if isinstance(x, np.ndarray)}
    if isinstance(measure, MahalanobisError | MultiscaleError):
        return {"kind": measure.kind, **arrays}
    is_square = getattr(measure, "base", measure) is squared_error
    return {"kind": "mse" if is_square else "mae", **arrays}


def measure_from_plain(plain: dict[str, Any]) -> ErrorMeasure:
    """Return the error measure that `measure_to_plain` stored."""
    arrays = {name: np.array(x) for name, x in plain.items() if name != "kind"}
    for measure in (MahalanobisError, MultiscaleError):
        if plain["kind"] == measure.kind:
            return measure(**arrays)
    base = BASES[plain["kind"]]
    return ScaledError(base, **arrays) if arrays else base
