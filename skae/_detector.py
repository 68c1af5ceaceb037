"""`Detector`: a fitted LSTM autoencoder as one frozen value.

`LSTMAutoencoder.fit` creates a detector and assigns it; the fitted attributes of the estimator read
from it. Streams, Dask, files and pickles use only the detector.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from skae._compiled.inference import TrainedNetwork
from skae._compiled.training_cache import compiled_copy, independent_copy, state_of, values_of
from skae._input.scaling import Scaling
from skae._input.sequences import Floats, Indices, Sequences, blank_sequences
from skae._input.table import Features, dtype_to_read, read_rows, reject_reordered_columns
from skae._network.serialization import as_stored, from_stored
from skae._output.frames import names_of_steps
from skae._scoring.scoring_rule import ScoringRule, explained_variation
from skae._windows.read_samples import (
    read_latent_rows,
    read_latent_sequences,
    read_latents,
    read_samples,
)
from skae._windows.samples import Samples, SequenceSamples
from skae._windows.windows import Windowing

Scores = NDArray[np.floating]
History = dict[str, list[float]]


@dataclass(frozen=True)
class TrainingRecord:
    """Facts about the last training.

    Parameters
    ----------
    history : dict of str to list of float
        Losses of each epoch, including earlier trainings that were continued.
    n_iter : int
        Epochs that the training ran.
    n_epochs : int
        Most epochs that the training could have run.
    batch_size : int
    n_discords : int
        Windows that were left out.
    keeps_rate : bool
        Whether the learning rate was given to Keras, which keeps it constant.
    """

    history: History = field(default_factory=lambda: {"loss": []})
    n_iter: int = 0
    n_epochs: int = 0
    batch_size: int = 0
    n_discords: int = 0
    keeps_rate: bool = False


@dataclass(frozen=True)
class Detector:
    """A fitted LSTM autoencoder: its inputs, its scoring rule and its threshold.

    Parameters
    ----------
    network : TrainedNetwork
    architecture : dict or None
        Fields of the `Architecture` it was built from; None if `model` built it.
    features : Features
    windowing : Windowing
        How rows are cut into windows; `window_size` is None if samples are sequences.
    scaling : Scaling or None
        How values are scaled first; None without scaling.
    scorer : ScoringRule
    offset : float
        Samples with a lower score are outliers.
    n_steps : int
        Steps of the longest sequence seen in `fit`.
    is_table : bool
        Whether `fit` saw a table of univariate sequences.
    training : TrainingRecord
    estimator : str
        Class name of the estimator, for messages.
    asked : dict
        Parameters that the network was built and compiled with.
    """

    network: TrainedNetwork
    architecture: dict[str, Any] | None
    features: Features
    windowing: Windowing
    scaling: Scaling | None
    scorer: ScoringRule
    offset: float
    n_steps: int
    is_table: bool
    training: TrainingRecord
    estimator: str = "LSTMAutoencoder"
    asked: dict[str, Any] = field(default_factory=dict)

    # ------------------------------------------------------------------------ the value

    @property
    def model(self) -> keras.Model:
        """The Keras autoencoder."""
        return self.network.model

    def settled(self, *, trainable: bool = False) -> Self:
        """Return a detector with the current weights, which later training does not change.

        Parameters
        ----------
        trainable : bool
            Whether to keep the state of the optimizer, too.
        """
        variables = state_of(self.model) if trainable else None
        return replace(self, network=self.network.settled(variables))

    def live(self) -> Self:
        """Return a detector that uses the model's weights at the time of each call."""
        return replace(self, network=replace(self.network, values=None))

    def restored(self) -> Self:
        """Reset the model's variables to the values that `settled` stored."""
        for variable in state_of(self.model):
            # An optimizer that was never used had no variables yet.
            if self.network.values and id(variable) in self.network.values:
                variable.assign(self.network.values[id(variable)])
        return self.live()

    def to_plain(self) -> dict[str, Any]:
        """Return plain values and arrays; a network that `model` built stays a Keras model."""
        return {
            "network": self._stored_network(),
            "fill_values": self.network.fill_values,
            "features": self.features.to_plain(),
            "windowing": tuple(self.windowing),
            "scaling": None if self.scaling is None else self.scaling.to_plain(),
            "scorer": self.scorer.to_plain(),
            "offset": self.offset,
            "n_steps": int(self.n_steps),
            "is_table": self.is_table,
            "training": dict(vars(self.training)),
            "estimator": self.estimator,
            "asked": self.asked if self._is_trainable else {},
        }

    @property
    def _is_trainable(self) -> bool:
        values = self.network.values
        return values is None or all(id(variable) in values for variable in state_of(self.model))

    def _stored_network(self) -> Any:
        model, values = self.model, self.network.values
        if self.architecture is not None:
            return as_stored(model, self.architecture, values or values_of(state_of(model)))
        if values is None:
            return model
        return (compiled_copy if self._is_trainable else independent_copy)(model, values)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the detector that `to_plain` was called on."""
        network = plain["network"]
        is_own = isinstance(network, keras.Model)
        return cls(
            network=TrainedNetwork(
                network if is_own else from_stored(network), plain["fill_values"]
            ),
            architecture=None if is_own else network["architecture"],
            features=Features.from_plain(plain["features"]),
            windowing=Windowing(*plain["windowing"]),
            scaling=None if plain["scaling"] is None else Scaling(**plain["scaling"]),
            scorer=ScoringRule.from_plain(plain["scorer"]),
            training=TrainingRecord(**plain["training"]),
            **{
                name: plain[name]
                for name in ("offset", "n_steps", "is_table", "estimator", "asked")
            },
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_plain, (self.to_plain(),)

    # ------------------------------------------------------------------------ scores

    def read(self, X: Any) -> Samples:
        """Return the samples in X, read as `fit` determined."""
        record = self.features.record(self.estimator)
        dtype = dtype_to_read(self.scaling is not None)
        samples = read_samples(record, X, self.windowing, reset=False, dtype=dtype)
        return samples.scaled(self.scaling)

    def read_rows(self, X: Any, names: Sequence[Hashable], lengths: Indices) -> Floats:
        """Return the rows of consecutive series in a table, as inputs of the network."""
        record = self.features.record(self.estimator)
        dtype = dtype_to_read(self.scaling is not None)
        rows = read_rows(record, X, reset=False, dtype=dtype)
        if self.scaling is None:
            return rows
        return self.scaling.transform(rows, self.scaling.places(names, lengths))

    def scores(self, samples: Samples) -> Scores:
        """Return the score of each sample."""
        return self.scorer.scores(samples, self.network.residuals(samples.windows))

    def labels(self, samples: Samples) -> NDArray[np.intp]:
        """Return -1 for outliers and 1 for inliers."""
        return np.where(self.decision(samples) < 0, -1, 1)

    def decision(self, samples: Samples) -> Scores:
        """Return scores minus the offset of each sample."""
        scores = self.scores(samples)
        return scores - self.scorer.offset_policy.offsets(scores, samples, self.offset)

    def explained(self, samples: Samples) -> float:
        """Return the share of the variation inside windows that is reconstructed."""
        return explained_variation(samples.windows, self.network.residuals(samples.windows))

    def contributions(self, samples: Samples) -> Any:
        """Return the contribution of each step and feature, laid out like the input."""
        return self.scorer.contributions(samples, self.network.residuals(samples.windows))

    def errors_of_steps(self, samples: Samples) -> Any:
        """Return the error of each single step or row, laid out like the input."""
        return self.scorer.errors_of_steps(samples, self.network.residuals(samples.windows))

    # ------------------------------------------------------------------------ latents

    @property
    def latent_is_vector(self) -> bool:
        """Whether there is one latent vector per window, not one per step."""
        return len(self.network.latent_shape) == 1

    @property
    def latent_dim(self) -> int:
        """Size of a latent vector."""
        return int(self.network.latent_shape[-1] or 0)

    def latents(self, samples: Samples) -> Any:
        """Return the latents of samples, laid out like the input."""
        if not self.latent_is_vector:
            return _as_float32(samples.from_steps(self.network.encoded(samples.windows)))
        latents = np.concatenate(list(self.network.encoded(samples.latent_windows())))
        return samples.like_input(latents)

    def latent_names(self) -> list[str]:
        """Return the names of the columns of latents."""
        names = [f"{self.estimator.lower()}{i}" for i in range(self.latent_dim)]
        if self.latent_is_vector or self.windowing.window_size:
            return names
        return names_of_steps(names, self.n_steps)

    def reconstructions(self, samples: Samples) -> Any:
        """Return the reconstruction of samples, laid out like the input."""
        blocks = self.network.reconstructed(samples.windows)
        found = self._in_units_of_X(samples.from_steps(blocks), samples)
        return samples.without_feature_axis(found)

    def decoded(self, X: Any) -> Any:
        """Decode latents that are laid out as `latents` returns them."""
        reject_reordered_columns(X, self.latent_names())
        samples, latents = self._read_latents(X)
        windows = samples.latent_windows() if self.latent_is_vector else samples.windows
        steps = samples.from_steps(self.network.decoded(latents, windows), windows)
        decoded = self._in_units_of_X(steps, samples)
        return decoded[..., 0] if self.is_table else decoded

    def _in_units_of_X(self, found: Any, samples: Samples) -> Any:
        """Return reconstructions in the units of X: float64 where values are scaled."""
        if self.scaling is None:
            return _as_float32(found)
        return samples.unscaled(found, self.scaling)

    def of_series(self, name: Hashable) -> Self:
        """Return a detector with the scaling of one series, given by name."""
        if self.scaling is None or self.scaling.series is None:
            return self
        place = self.scaling.places([name], np.array([1]))
        scaling = Scaling(self.scaling.center[place][0], self.scaling.spread[place][0])
        return replace(self, scaling=scaling)

    def _read_latents(self, X: Any) -> tuple[Samples, Floats | Sequences]:
        """Return the samples that X contains latents of, and the latents."""
        size = self.latent_dim
        if self.windowing.window_size:
            rows = read_latent_rows(X, self.windowing, size)
            return rows, rows.rows if self.latent_is_vector else rows.windows
        if not self.latent_is_vector:
            sequences = read_latent_sequences(X, size)
            return SequenceSamples(sequences), sequences
        latents = read_latents(X, size)
        return SequenceSamples(blank_sequences(len(latents), self.n_steps)), latents


def _as_float32(found: Any) -> Any:
    """Return an array, or each array of a list, as float32; averages are computed in float64."""
    if isinstance(found, list):
        return list(map(_as_float32, found))
    return found.astype(np.float32, copy=False)
