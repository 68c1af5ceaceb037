"""What `fit` reads: samples of X, how they are scaled, and what is held out."""

from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np

from skae._compat.sklearn import FeatureRecord
from skae._detector import Detector
from skae._input.scaling import Scaling, warn_if_off_scale
from skae._input.table import Features, dtype_to_read
from skae._network.loss import check_suits, is_binary_crossentropy
from skae._scoring.thresholds import check_one_rule
from skae._windows.large import read_to_learn
from skae._windows.read_samples import check_fills_a_window, read_samples, with_observations
from skae._windows.samples import RowSamples, Samples
from skae._windows.windows import Windowing

Parameters = dict[str, Any]


class Split(NamedTuple):
    """Samples and their two parts."""

    samples: Samples
    training: Samples
    held_out: Samples | None

    def parts(self) -> list[Samples]:
        """Return the held-out part, if any, and the training part."""
        return [part for part in (self.held_out, self.training) if part is not None]


class Inputs(NamedTuple):
    """The samples in X, and how `fit` read them."""

    features: Features
    windowing: Windowing
    scaling: Scaling | None
    split: Split


def read_inputs(
    parameters: Parameters,
    X: Any,
    sample_weight: Any,
    validation_data: Any,
    estimator: str,
    before: Detector | None,
    rng: np.random.Generator,
) -> Inputs:
    """Return X as `fit` reads it.

    Parameters
    ----------
    parameters, X, sample_weight, validation_data, estimator, before
        See `fit_detector`.
    rng : numpy.random.Generator
        Draws the held-out sequences of a set.
    """
    record = before.features.record(estimator) if before else FeatureRecord.named(estimator)
    windowing = _windowing(parameters, before)
    samples, scaling = _read(parameters, record, X, sample_weight, windowing, before)
    features = Features.of(record, samples.windows.n_features)
    held_out = _read_held_out(
        validation_data, features.record(estimator), windowing, samples, scaling
    )
    windowing = windowing._replace(window_size=samples.window_size)
    return Inputs(features, windowing, scaling, _split(samples, held_out, parameters, rng))


def _windowing(parameters: Parameters, before: Detector | None) -> Windowing:
    """Return how the parameters cut rows; an automatic size is kept once it is found."""
    size = parameters["window_size"]
    if before and size == "auto":
        size = before.windowing.window_size
    return Windowing(size, *(parameters[name] for name in ("stride", "series", "max_gap")))


def _read(
    parameters: Parameters,
    record: FeatureRecord,
    X: Any,
    sample_weight: Any,
    windowing: Windowing,
    before: Detector | None,
) -> tuple[Samples, Scaling | None]:
    """Return weighted and scaled samples, and the scaling."""
    scale = how_to_scale(parameters)
    is_scaled = (before.scaling if before else scale) is not None
    dtype = dtype_to_read(is_scaled)
    samples = read_to_learn(record, X, windowing, reset=before is None, dtype=dtype)
    check_fills_a_window(samples)
    check_one_rule(parameters["contamination"], parameters["threshold"], samples.is_set)
    samples = samples.weighted(sample_weight)
    by_series = parameters["scale_by_series"]
    scaling = before.scaling if before else _scaling(scale, samples, by_series)
    samples = samples.scaled(scaling)
    if before and scaling is not None:
        warn_if_off_scale(samples.windows.rows, before.features.names_of_steps)
    check_suits(parameters["loss"], samples.windows.rows)
    return samples, scaling


def how_to_scale(parameters: Parameters) -> str | None:
    """Return the scaling; None if the range of the network's output is bounded."""
    scale: str | None = parameters["scale"]
    if scale != "auto":
        return scale
    is_bounded = parameters["output_activation"] != "linear"
    is_own = parameters["model"] is not None
    return None if is_bounded or is_own or is_binary_crossentropy(parameters["loss"]) else "robust"


def _scaling(scale: str | None, samples: Samples, by_series: bool) -> Scaling | None:
    if by_series:
        return _scaling_of_each(scale, samples)
    if scale is None:
        return None
    rows = samples.windows.rows
    return Scaling.of(rows, samples.row_weights(), robust=scale == "robust")


def _scaling_of_each(scale: str | None, samples: Samples) -> Scaling:
    """Return a separate scaling of each series.

    Raises
    ------
    TypeError, ValueError
        If the series have no names or names of other types, or nothing is scaled.
    """
    if scale is None or not isinstance(samples, RowSamples) or samples.names is None:
        raise ValueError(
            f"Got scale_by_series=True with scale={scale!r}, but expected scale='robust' or "
            "'standard', and `series` to name the series of each row."
        )
    _check_can_be_stored(samples.names)
    rows, weights = samples.windows.rows, samples.row_weights()
    return Scaling.of_each(rows, weights, samples.names, samples.lengths, robust=scale == "robust")


def _check_can_be_stored(names: tuple[Hashable, ...]) -> None:
    """Reject names of series that a file cannot contain."""
    other = [name for name in names if not isinstance(name, str | int | float)]
    if other:
        raise TypeError(
            f"Got {other[0]!r} as the name of a series, but expected text or a number with "
            "scale_by_series=True, so that `save` can store its scale."
        )


def _read_held_out(
    validation_data: Any,
    record: FeatureRecord,
    windowing: Windowing,
    samples: Samples,
    scaling: Scaling | None,
) -> Samples | None:
    """Return the user's validation data, read and scaled like the training samples."""
    if validation_data is None:
        return None
    windowing = windowing._replace(window_size=samples.window_size)
    dtype = dtype_to_read(scaling is not None)
    X = _without_targets(validation_data)
    try:
        held_out = read_samples(record, X, windowing, reset=False, dtype=dtype)
        check_fills_a_window(held_out)
        return with_observations(held_out.scaled(scaling))
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"In validation_data: {error}") from error


def _without_targets(validation_data: Any) -> Any:
    """Return X, or the X of a pair (X, X) as Keras takes it for autoencoders."""
    if not isinstance(validation_data, tuple):
        return validation_data
    X, y = validation_data if len(validation_data) == 2 else (None, 0)
    if X is None or not (y is None or y is X or np.array_equal(X, y, equal_nan=True)):
        raise ValueError(
            f"Got validation_data as a tuple of {len(validation_data)}, but expected X, or the "
            "pair (X, X) as in Keras: X itself is reconstructed. Give several series as a list."
        )
    return X


def _split(
    samples: Samples, held_out: Samples | None, parameters: Parameters, rng: np.random.Generator
) -> Split:
    if held_out is None:
        training, held_out = samples.split(parameters["validation_fraction"], rng)
    else:  # which takes nothing from the generator of the training
        training = samples.split(0.0, rng)[0]
        held_out = held_out.split(0.0, np.random.default_rng(0))[0]
    if held_out is not None and not _has_weight(training):
        training, held_out = samples.split(0.0, rng)
    training = with_observations(training)
    if held_out is not None and not (_has_weight(held_out) and held_out.windows.are_observed.any()):
        held_out = None
    return Split(samples, training, held_out)


def _has_weight(samples: Samples) -> bool:
    return samples.weights is None or bool(samples.weights.any())
