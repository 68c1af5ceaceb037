"""From X and parameters to a `Detector`: read, scale, train, set the threshold."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skae._compat.sklearn import FeatureRecord
from skae._compiled.inference import TrainedNetwork
from skae._compiled.steps import can_be_sharded
from skae._detector import Detector, TrainingRecord
from skae._input.observed import warn_if_never_observed
from skae._input.scaling import Scaling, warn_if_off_scale
from skae._input.sequences import Floats
from skae._input.table import Features, dtype_to_read
from skae._network.architecture import DataSize
from skae._network.layers import recurrent_steps
from skae._network.loss import check_suits, is_binary_crossentropy
from skae._scoring.bad_readings import fill_values
from skae._scoring.error_measures import error_of
from skae._scoring.scoring_rule import AGGREGATIONS, ScoringRule
from skae._scoring.thresholds import OffsetPolicy, check_one_rule, limits_of
from skae._training.adapter import (
    KerasAdapter,
    changed_architecture,
    changed_parameters,
    network_parameters,
    take_over,
)
from skae._training.checkpoint import Checkpoint
from skae._training.discords import leaves_out, without_discords
from skae._training.loop import fit_network
from skae._training.plan import TrainingPlan
from skae._training.stopping import warn_if_few_windows, warn_if_nothing_learned
from skae._windows.large import read_to_learn
from skae._windows.read_samples import check_fills_a_window, read_samples, with_observations
from skae._windows.samples import RowSamples, Samples
from skae._windows.windows import Windowing

Parameters = dict[str, Any]


class Inputs(NamedTuple):
    """The samples in X with their two parts, and how `fit` read them."""

    samples: Samples
    training: Samples
    held_out: Samples | None
    features: Features
    windowing: Windowing
    scaling: Scaling | None

    def parts(self) -> list[Samples]:
        """Return the held-out part, if any, and the training part."""
        return [part for part in (self.held_out, self.training) if part is not None]

    def without_discords(self, fallback: Floats) -> "Inputs":
        """Return the inputs with the discords of both parts left out of training."""
        training, held_out = without_discords(self.training, fallback), self.held_out
        if held_out is not None:
            held_out = without_discords(held_out, fallback)
        return self._replace(training=training, held_out=held_out)

    @property
    def n_windows(self) -> int:
        """Windows to train on."""
        return len(self.training.training_windows()[0])


def fit_detector(
    parameters: Parameters,
    X: Any,
    sample_weight: Any = None,
    *,
    validation_data: Any = None,
    estimator: str,
    before: Detector | None = None,
    one_epoch: bool = False,
    has_outliers: bool = False,
) -> Detector:
    """Return a detector fitted to X.

    Parameters
    ----------
    parameters : dict
        Of `LSTMAutoencoder`, including routed ones.
    X : array-like or list
    sample_weight : array-like, optional
    validation_data : array-like, list or pair, optional
        Held out instead of a part of X.
    estimator : str
        Its class name, for messages.
    before : Detector, optional
        Training continues from this detector; its model is trained in place.
    one_epoch : bool, default=False
        Whether to train for one epoch at a constant rate, as `partial_fit` does.
    has_outliers : bool, default=False
        Whether outliers are expected in X itself, as in `fit_predict`.

    Raises
    ------
    ValueError
        As `LSTMAutoencoder.fit`.
    """
    checkpoint = Checkpoint.open(None if one_epoch else parameters["checkpoint"])
    # A continued training does not repeat earlier orders.
    n_epochs = len(before.training.history["loss"]) if before else 0
    rng = np.random.default_rng([checkpoint.seed(parameters["random_state"]), n_epochs])
    fit = _Fit(parameters, estimator, before, one_epoch, checkpoint, rng)
    inputs = fit.read(X, sample_weight, validation_data)
    drop = leaves_out(parameters["drop_discords"], has_outliers, parameters["contamination"])
    detector = fit.detector(inputs, drop and not one_epoch)
    if before is None:
        warn_if_never_observed(inputs.samples.windows.rows, inputs.features.names)
    if not one_epoch:
        warn_if_nothing_learned(detector.network, inputs.parts())
        warn_if_few_windows(inputs.samples)
    checkpoint.remove()
    return detector


@dataclass(frozen=True)
class _Fit:
    """One fit; see `fit_detector`."""

    parameters: Parameters
    estimator: str
    before: Detector | None
    one_epoch: bool
    checkpoint: Checkpoint
    rng: np.random.Generator

    # ---------------------------------------------------------------- read

    def read(self, X: Any, sample_weight: Any, validation_data: Any) -> Inputs:
        """Return X as `fit` reads it: weighted, scaled, and split into two parts."""
        before, windowing = self.before, self._windowing()
        named = before.features.record if before else FeatureRecord.named
        record = named(self.estimator)
        samples = self._samples(record, X, windowing).weighted(sample_weight)
        scaling = before.scaling if before else self._scaling(samples)
        samples = samples.scaled(scaling)
        if before and scaling is not None:
            warn_if_off_scale(samples.windows.rows, before.features.names_of_steps)
        check_suits(self.parameters["loss"], samples.windows.rows)
        features = Features.of(record, samples.windows.n_features)
        windowing = windowing._replace(window_size=samples.window_size)
        inputs = Inputs(samples, samples, None, features, windowing, scaling)
        return self._split(inputs, self._given_held_out(validation_data, inputs))

    def _windowing(self) -> Windowing:
        """Return how the parameters cut rows; an automatic size is kept once it is found."""
        size = self.parameters["window_size"]
        if self.before and size == "auto":
            size = self.before.windowing.window_size
        names = "stride", "series", "max_gap"
        return Windowing(size, *(self.parameters[name] for name in names))

    def _samples(self, record: FeatureRecord, X: Any, windowing: Windowing) -> Samples:
        scaling = self.before.scaling if self.before else how_to_scale(self.parameters)
        dtype = dtype_to_read(scaling is not None)
        samples = read_to_learn(record, X, windowing, reset=self.before is None, dtype=dtype)
        check_fills_a_window(samples)
        rule = self.parameters["contamination"], self.parameters["threshold"]
        check_one_rule(*rule, samples.is_set)
        return samples

    def _scaling(self, samples: Samples) -> Scaling | None:
        scale = how_to_scale(self.parameters)
        if self.parameters["scale_by_series"]:
            return _scaling_of_each(scale, samples)
        if scale is None:
            return None
        rows = samples.windows.rows
        return Scaling.of(rows, samples.row_weights(), robust=scale == "robust")

    def _given_held_out(self, validation_data: Any, inputs: Inputs) -> Samples | None:
        """Return the user's validation data, read and scaled like the training samples."""
        if validation_data is None:
            return None
        record, scaling = inputs.features.record(self.estimator), inputs.scaling
        dtype = dtype_to_read(scaling is not None)
        X = _without_targets(validation_data)
        try:
            held_out = read_samples(record, X, inputs.windowing, reset=False, dtype=dtype)
            check_fills_a_window(held_out)
            return with_observations(held_out.scaled(scaling))
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"In validation_data: {error}") from error

    def _split(self, inputs: Inputs, held_out: Samples | None) -> Inputs:
        samples, rng = inputs.samples, self.rng
        if held_out is None:
            training, held_out = samples.split(self.parameters["validation_fraction"], rng)
        else:  # which takes nothing from the generator of the training
            training = samples.split(0.0, rng)[0]
            held_out = held_out.split(0.0, np.random.default_rng(0))[0]
        if held_out is not None and not _has_weight(training):
            training, held_out = samples.split(0.0, rng)
        training = with_observations(training)
        if held_out is not None:
            counts = _has_weight(held_out) and held_out.windows.are_observed.any()
            held_out = held_out if counts else None
        return inputs._replace(training=training, held_out=held_out)

    # ---------------------------------------------------------------- train

    def detector(self, inputs: Inputs, drop_discords: bool) -> Detector:
        """Return a detector trained on the inputs, with its threshold."""
        before, samples = self.before, inputs.samples
        network, adapter = self._network(inputs, int(self.rng.integers(1, 2**31)))
        training = self._trained(network, adapter, inputs, drop_discords)
        detector = Detector(
            network,
            adapter.architecture,
            features=inputs.features,
            windowing=inputs.windowing,
            scaling=inputs.scaling,
            scorer=self._scorer(inputs, network),
            offset=0.0,
            n_steps=before.n_steps if before else samples.windows.max_length,
            is_table=before.is_table if before else samples.is_table,
            training=training,
            estimator=self.estimator,
            asked=network_parameters(self.parameters),
        )
        return _calibrated(detector, inputs)

    def _network(self, inputs: Inputs, seed: int) -> tuple[TrainedNetwork, KerasAdapter]:
        """Return the network to train, and the parameters that it was built with."""
        parameters, before, samples = self.parameters, self.before, inputs.samples
        windows, verbose = samples.windows, parameters["verbose"]
        sizes = windows.n_features, windows.max_length, samples.is_set, len(windows.rows)
        changed = before and changed_parameters(before.asked, network_parameters(parameters))
        architecture = None
        if before and before.architecture and changed:
            architecture = changed_architecture(before.architecture, parameters)
        adapter = KerasAdapter.of(parameters, DataSize(*sizes), seed, architecture)
        if before is None:
            model = adapter.build_compiled(seed)
            return TrainedNetwork(model, fill_values(inputs.training), verbose), adapter
        network = replace(before.live().network, verbose=verbose)
        if not changed:
            adapter.architecture = before.architecture
            adapter.keeps_rate = before.training.keeps_rate
            return network, adapter
        model = adapter.build_compiled(seed)
        take_over(model, network.model)
        return replace(network, model=model), adapter

    def _trained(
        self, network: TrainedNetwork, adapter: KerasAdapter, inputs: Inputs, drop_discords: bool
    ) -> TrainingRecord:
        """Train the network, and return a record of the training."""
        learned = inputs.without_discords(network.fill_values) if drop_discords else inputs
        plan = self._plan(network, adapter, learned)
        epochs_before = self.before.training.history if self.before else {"loss": []}
        history = fit_network(
            network,
            plan,
            learned.training,
            learned.held_out,
            self.rng,
            callbacks=adapter.make_callbacks(),
            history=epochs_before,
            verbose=self.parameters["verbose"],
            checkpoint=self.checkpoint,
        )
        return TrainingRecord(
            history,
            n_iter=len(history["loss"]) - len(epochs_before["loss"]),
            n_epochs=plan.epochs,
            batch_size=plan.batch_size,
            n_discords=inputs.n_windows - learned.n_windows if drop_discords else 0,
            keeps_rate=adapter.keeps_rate,
        )

    def _plan(
        self, network: TrainedNetwork, adapter: KerasAdapter, learned: Inputs
    ) -> TrainingPlan:
        parameters, model = self.parameters, network.model
        return TrainingPlan.resolve(
            learned.n_windows,
            holds_out=learned.held_out is not None,
            is_set=learned.samples.is_set,
            can_be_sharded=can_be_sharded(model),
            recurrent_steps=recurrent_steps(model, learned.training.windows.max_length),
            peak_rate=adapter.peak_rate,
            epochs=1 if self.one_epoch else parameters["epochs"],
            batch_size=parameters["batch_size"],
            early_stopping=not self.one_epoch and parameters["early_stopping"],
            patience=parameters["patience"],
            keeps_rate=self.one_epoch or adapter.keeps_rate,
        )

    def _scorer(self, inputs: Inputs, network: TrainedNetwork) -> ScoringRule:
        """Return the scoring rule, with its rule for the threshold."""
        parameters = self.parameters
        threshold, aggregation = parameters["threshold"], parameters["aggregation"]
        of_windows = AGGREGATIONS[aggregation].whole_window and not inputs.samples.is_set
        limits = limits_of(threshold, of_rows=bool(parameters["window_size"]))
        return ScoringRule.fit(
            error_of(parameters["error"], of_whole_windows=of_windows),
            aggregation,
            OffsetPolicy(parameters["contamination"], threshold, limits),
            network.residuals,
            inputs.parts(),
        )


def how_to_scale(parameters: Parameters) -> str | None:
    """Return the scaling; None if the range of the network's output is bounded."""
    scale: str | None = parameters["scale"]
    if scale != "auto":
        return scale
    is_bounded = parameters["output_activation"] != "linear"
    is_own = parameters["model"] is not None
    return None if is_bounded or is_own or is_binary_crossentropy(parameters["loss"]) else "robust"


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


def _has_weight(samples: Samples) -> bool:
    return samples.weights is None or bool(samples.weights.any())


def _calibrated(detector: Detector, inputs: Inputs) -> Detector:
    """Return the detector with what its scorer takes from all errors of the training data."""
    residuals = detector.network.residuals
    scorer, offset = detector.scorer.calibrated(residuals, inputs.samples, inputs.parts())
    if not np.isfinite(offset):
        raise ValueError(
            f"Got offset_={offset} from the errors of the training data, but expected "
            "finite errors. The model returns NaN or infinity. Scale the data."
        )
    return replace(detector, scorer=scorer, offset=float(offset))
