"""From X and parameters to a `Detector`: read, train, set the threshold."""

from dataclasses import replace
from typing import Any

import numpy as np

from skae._compiled.inference import TrainedNetwork
from skae._compiled.steps import can_be_sharded
from skae._detector import Detector, Scores, TrainingRecord
from skae._fit_inputs import Parameters, Split, read_inputs
from skae._input.observed import warn_if_never_observed
from skae._network.architecture import DataSize
from skae._network.layers import recurrent_steps
from skae._scoring.aggregation import AGGREGATIONS
from skae._scoring.errors import error_of
from skae._scoring.readings import fill_values
from skae._scoring.scorer import ScoringRule
from skae._scoring.thresholds import OffsetPolicy, limits_of
from skae._training.adapter import (
    KerasAdapter,
    changed_architecture,
    changed_parameters,
    network_parameters,
    take_over,
)
from skae._training.callbacks import warn_if_few_windows, warn_if_nothing_learned
from skae._training.checkpoint import Checkpoint
from skae._training.discords import leaves_out, without_discords
from skae._training.loop import fit_network
from skae._training.plan import TrainingPlan
from skae._windows.samples import Samples


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
    rng = _generator(parameters, before, checkpoint)
    inputs = read_inputs(parameters, X, sample_weight, validation_data, estimator, before, rng)
    expects_outliers = leaves_out(
        parameters["drop_discords"], has_outliers, parameters["contamination"]
    )
    network, architecture, training = _trained(
        parameters, inputs.split, rng, before, checkpoint, one_epoch, expects_outliers
    )
    samples = inputs.split.samples
    detector = Detector(
        network,
        architecture,
        features=inputs.features,
        windowing=inputs.windowing,
        scaling=inputs.scaling,
        scorer=_scorer(parameters, inputs.split, network),
        offset=0.0,
        n_steps=before.n_steps if before else samples.windows.max_length,
        is_table=before.is_table if before else samples.is_table,
        training=training,
        estimator=estimator,
        asked=network_parameters(parameters),
    )
    detector = _calibrated(detector, inputs.split)
    if before is None:
        warn_if_never_observed(samples.windows.rows, inputs.features.names)
    if not one_epoch:
        warn_if_nothing_learned(network, inputs.split.parts())
        warn_if_few_windows(samples)
    checkpoint.remove()
    return detector


def _generator(
    parameters: Parameters, before: Detector | None, checkpoint: Checkpoint
) -> np.random.Generator:
    """Return a generator for one fit; a continued training does not repeat earlier orders."""
    n_epochs = len(before.training.history["loss"]) if before else 0
    return np.random.default_rng([checkpoint.seed(parameters["random_state"]), n_epochs])


def _trained(
    parameters: Parameters,
    split: Split,
    rng: np.random.Generator,
    before: Detector | None,
    checkpoint: Checkpoint,
    one_epoch: bool,
    expects_outliers: bool,
) -> tuple[TrainedNetwork, dict[str, Any] | None, TrainingRecord]:
    """Return a network trained on the split, its architecture, and a record of the training."""
    network, architecture, adapter = _network(
        parameters, int(rng.integers(1, 2**31)), split, before
    )
    learned, n_discords = _without_discords(split, network, expects_outliers and not one_epoch)
    plan = _plan(parameters, network, learned, adapter, one_epoch)
    epochs_before = before.training.history if before else {"loss": []}
    history = fit_network(
        network,
        plan,
        learned.training,
        learned.held_out,
        rng,
        callbacks=adapter.make_callbacks(),
        history=epochs_before,
        verbose=parameters["verbose"],
        checkpoint=checkpoint,
    )
    record = TrainingRecord(
        history,
        n_iter=len(history["loss"]) - len(epochs_before["loss"]),
        n_epochs=plan.epochs,
        batch_size=plan.batch_size,
        n_discords=n_discords,
        keeps_rate=adapter.keeps_rate,
    )
    return network, architecture, record


def _size_of(samples: Samples) -> DataSize:
    windows = samples.windows
    return DataSize(windows.n_features, windows.max_length, samples.is_set, len(windows.rows))


def _network(
    parameters: Parameters, seed: int, split: Split, before: Detector | None
) -> tuple[TrainedNetwork, dict[str, Any] | None, KerasAdapter]:
    """Return the network to train, its architecture and its parameters."""
    size, verbose = _size_of(split.samples), parameters["verbose"]
    if before is None:
        adapter = KerasAdapter.of(parameters, size, seed)
        model = adapter.build_compiled(seed)
        return (
            TrainedNetwork(model, fill_values(split.training), verbose),
            adapter.architecture,
            adapter,
        )
    network = replace(before.live().network, verbose=verbose)
    changed = changed_parameters(before.asked, network_parameters(parameters))
    if not changed:
        adapter = KerasAdapter.of(parameters, size, seed)
        adapter.keeps_rate = before.training.keeps_rate
        return network, before.architecture, adapter
    architecture = before.architecture and changed_architecture(before.architecture, parameters)
    adapter = KerasAdapter.of(parameters, size, seed, architecture or None)
    model = adapter.build_compiled(seed)
    take_over(model, network.model)
    return replace(network, model=model), adapter.architecture, adapter


def _without_discords(split: Split, network: TrainedNetwork, drop: bool) -> tuple[Split, int]:
    """Return the parts without discords, and the number of discords."""
    if not drop:
        return split, 0
    training = without_discords(split.training, network.fill_values)
    n_left_out = _n_windows(split.training) - _n_windows(training)
    held_out = split.held_out
    if held_out is not None:
        held_out = without_discords(held_out, network.fill_values)
    return split._replace(training=training, held_out=held_out), n_left_out


def _n_windows(samples: Samples) -> int:
    return len(samples.training_windows()[0])


def _plan(
    parameters: Parameters,
    network: TrainedNetwork,
    split: Split,
    adapter: KerasAdapter,
    one_epoch: bool,
) -> TrainingPlan:
    model = network.model
    return TrainingPlan.resolve(
        _n_windows(split.training),
        holds_out=split.held_out is not None,
        is_set=split.samples.is_set,
        can_be_sharded=can_be_sharded(model),
        recurrent_steps=recurrent_steps(model, split.training.windows.max_length),
        peak_rate=adapter.peak_rate,
        epochs=1 if one_epoch else parameters["epochs"],
        batch_size=parameters["batch_size"],
        early_stopping=not one_epoch and parameters["early_stopping"],
        patience=parameters["patience"],
        keeps_rate=one_epoch or adapter.keeps_rate,
    )


def _scorer(parameters: Parameters, split: Split, network: TrainedNetwork) -> ScoringRule:
    """Return the scoring rule, with its rule for the threshold."""
    threshold, aggregation = parameters["threshold"], parameters["aggregation"]
    limits = limits_of(threshold, of_rows=bool(parameters["window_size"]))
    whole_windows = AGGREGATIONS[aggregation].whole_window
    return ScoringRule.fit(
        error_of(parameters["error"], of_whole_windows=whole_windows and not split.samples.is_set),
        aggregation,
        OffsetPolicy(parameters["contamination"], threshold, limits),
        network.residuals,
        split.parts(),
    )


def _calibrated(detector: Detector, split: Split) -> Detector:
    """Return the detector with the threshold from its scores of the training data."""

    def scores(samples: Samples) -> Scores:
        return detector.scores(samples)

    offset = detector.scorer.offset_policy.offset(scores, split.samples, split.parts())
    if not np.isfinite(offset):
        raise ValueError(
            f"Got offset_={offset} from the errors of the training data, but expected "
            "finite errors. The model returns NaN or infinity. Scale the data."
        )
    return replace(detector, offset=float(offset))
