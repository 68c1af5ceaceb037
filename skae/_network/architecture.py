r"""From sizes to uncompiled Keras autoencoders.

Every network is a functional Keras model of two named parts, themselves models::

    sequence (n, T, F) --> encoder --> latent --> decoder --> reconstruction (n, T, F)
                     \--> step mask (n, T) ------^

NaN in the input marks steps that do not exist; T is free.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any, Self

import keras
import numpy as np
from keras import layers

from skae._compat.keras import names_anew
from skae._network.layers import (
    Dropout,
    GaussianNoise,
    JoinSegments,
    MaskedMaxPooling,
    MaskedMeanPooling,
    NaNToZero,
    ReverseSteps,
    SegmentMask,
    SplitIntoSegments,
    StepMask,
)
from skae._network.lstm import LSTM, RepeatToLength

MAX_SEGMENT, MIN_SEGMENTS = 8, 3
"""Most steps in a segment, and fewest segments in a window, with "auto"."""

MAX_WHOLE_STEPS = 64
"""Longest sequence of a set for which "auto" reads single steps."""

UNITS, UNITS_OF_FEW_ROWS, FEW_ROWS = 64, 32, 1000
"""Units with "auto", and those for series of at most `FEW_ROWS` rows in total."""


@dataclass(frozen=True)
class DataSize:
    """Sizes of the data that a network is built for.

    Parameters
    ----------
    n_features, n_steps : int
        Features of a step, and steps of the longest sequence.
    is_set : bool
        Whether the data are a set of sequences, not the windows of a series. With "auto", sets are
        read in both directions, short sequences step by step, always with `UNITS` units.
    n_rows : int, default=0
        Rows of all series, or steps of all sequences; not needed to rebuild a fitted network.
    """

    n_features: int
    n_steps: int
    is_set: bool
    n_rows: int = 0

    @property
    def is_long_series(self) -> bool:
        """Whether these are series with more than `FEW_ROWS` rows in total."""
        return not self.is_set and self.n_rows > FEW_ROWS


@dataclass(frozen=True)
class Architecture:
    """The architecture of a network; see the parameters of `LSTMAutoencoder`."""

    n_features: int
    latent_dim: int = 16
    units: tuple[int, ...] = (UNITS,)
    bottleneck: str = "vector"
    pooling: str = "last"
    bidirectional: bool = False
    cell: str = "lstm"
    decoder: str = "repeat"
    reverse: bool = False
    output_activation: str = "linear"
    dropout: float = 0.0
    noise: float = 0.0
    segment_length: int = 1

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Return the architecture with these fields; units may be a list."""
        return cls(**plain | {"units": tuple(plain["units"])})

    @classmethod
    def of(cls, parameters: dict[str, Any], size: DataSize) -> Self:
        """Return the architecture for parameters of `LSTMAutoencoder`.

        Parameters
        ----------
        parameters : dict
        size : DataSize
            Determines "auto".

        Raises
        ------
        ValueError
            If `units` is not a positive integer or a tuple of positive integers, or if an
            option for a single latent vector is combined with one vector per step.
        """
        names = {field.name for field in fields(cls)} - {"n_features"}
        # Keras rejects NumPy numbers, which parameter grids contain.
        options = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in parameters.items()
            if name in names
        }
        if isinstance(options["units"], str):
            is_large = size.is_set or size.is_long_series
            options["units"] = UNITS if is_large else UNITS_OF_FEW_ROWS
        options["units"] = _checked_units(options["units"])
        if options["bidirectional"] == "auto":
            options["bidirectional"] = size.is_set
        if options["segment_length"] == "auto":
            is_short_set = size.is_set and size.n_steps <= MAX_WHOLE_STEPS
            is_cut = options["bottleneck"] == "vector" and not is_short_set
            longest = min(MAX_SEGMENT, size.n_steps // MIN_SEGMENTS) if is_cut else 1
            options["segment_length"] = max(1, longest)
        _check_bottleneck(options)
        return cls(size.n_features, **options)


OF_ONE_VECTOR = {"segment_length": 1, "pooling": "last", "decoder": "repeat"}
"""Parameters that need a single latent vector, and their values for one vector per step."""


def _check_bottleneck(options: dict[str, Any]) -> None:
    for name, expected in OF_ONE_VECTOR.items():
        if options["bottleneck"] == "sequence" and options[name] != expected:
            raise ValueError(
                f"Got {name}={options[name]!r} with bottleneck='sequence', but expected "
                f"{expected!r}, because that bottleneck has one latent vector per step."
            )


def _checked_units(units: Any) -> tuple[int, ...]:
    sizes = (units,) if isinstance(units, Integral) else tuple(units)
    if not sizes or not all(isinstance(size, Integral) and int(size) > 0 for size in sizes):
        raise ValueError(
            f"Got units={units!r}, but expected a positive integer or a tuple of positive integers."
        )
    return tuple(map(int, sizes))


@names_anew()
def build_autoencoder(architecture: Architecture, seed: int) -> keras.Model:
    """Return an autoencoder with freshly drawn weights.

    Parameters
    ----------
    architecture : Architecture
    seed : int
        Determines every weight, dropout mask and noise; global generators do not change.

    Returns
    -------
    keras.Model
        From (n, T, n_features), NaN in padded steps, to the reconstruction of that shape.
        Its layers "encoder" and "decoder" are models. The decoder takes the latent and the (n, T)
        mask of the steps.
    """
    make = _Layers(architecture, seed)
    encoder, decoder = _encoder(architecture, make), _decoder(architecture, make)
    sequence = keras.Input((None, architecture.n_features), name="sequence")
    mask = StepMask(name="step_mask")(sequence)
    return keras.Model(sequence, decoder([encoder(sequence), mask]), name="autoencoder")


class _Layers:
    """Builds the layers with weights or randomness, each with a separate seed."""

    def __init__(self, architecture: Architecture, seed: int):
        self.architecture = architecture
        self._rng = np.random.default_rng(seed)

    def seed(self) -> int:
        return int(self._rng.integers(1, 2**31 - 1))

    def dense(self, units: int, name: str, activation: str = "linear") -> layers.Layer:
        kernel = keras.initializers.GlorotUniform(self.seed())
        return layers.Dense(units, activation, kernel_initializer=kernel, name=name)

    def recurrent(self, units: int, name: str, **options: Any) -> layers.Layer:
        cells: dict[str, Callable[..., layers.Layer]] = {"lstm": LSTM, "gru": layers.GRU}
        cell = cells[self.architecture.cell]
        return cell(
            units,
            kernel_initializer=keras.initializers.GlorotUniform(self.seed()),
            recurrent_initializer=keras.initializers.Orthogonal(seed=self.seed()),
            seed=self.seed(),
            name=name,
            **options,
        )

    def both_directions(self, units: int, name: str, **options: Any) -> layers.Layer:
        forward = self.recurrent(units, f"{name}_forward", **options)
        backward = self.recurrent(units, f"{name}_backward", go_backwards=True, **options)
        return layers.Bidirectional(forward, backward_layer=backward, name=name)

    def dropout(self, x: Any, name: str) -> Any:
        rate = self.architecture.dropout
        return Dropout(rate, seed=self.seed(), name=name)(x) if rate else x

    def noise(self, x: Any, name: str) -> Any:
        stddev = self.architecture.noise
        return GaussianNoise(stddev, seed=self.seed(), name=name)(x) if stddev else x


def _encoder(a: Architecture, make: _Layers) -> keras.Model:
    sequence = keras.Input((None, a.n_features), name="sequence")
    mask = StepMask(name="step_mask")(sequence)
    x = make.noise(NaNToZero(name="nan_to_zero")(sequence), "noise")
    if a.segment_length > 1:
        x = SplitIntoSegments(a.segment_length, name="split")([x, mask])
        mask = SegmentMask(a.segment_length, name="segment_mask")(mask)
    layer = make.both_directions if a.bidirectional else make.recurrent
    every_step = a.bottleneck == "sequence" or a.pooling != "last"
    for i, units in enumerate(a.units):
        is_last = i == len(a.units) - 1
        x = layer(units, f"encoder_{i}", return_sequences=every_step or not is_last)(x, mask=mask)
        x = make.dropout(x, f"encoder_dropout_{i}")
    if a.bottleneck == "vector" and every_step:
        pooling = {"mean": MaskedMeanPooling, "max": MaskedMaxPooling}[a.pooling]
        x = pooling(name=f"{a.pooling}_pooling")([x, mask])
    return keras.Model(sequence, make.dense(a.latent_dim, "latent")(x), name="encoder")


def _decoder(a: Architecture, make: _Layers) -> keras.Model:
    shape = (None, a.latent_dim) if a.bottleneck == "sequence" else (a.latent_dim,)
    latent = keras.Input(shape, name="latent")
    step_mask = mask = keras.Input((None,), dtype="bool", name="mask")
    if a.segment_length > 1:
        mask = SegmentMask(a.segment_length, name="segment_mask")(mask)
    x, states = _decoder_start(a, make, latent, mask)
    for i, (units, state) in enumerate(zip(a.units[::-1], states, strict=True)):
        layer = make.recurrent(units, f"decoder_{i}", return_sequences=True)
        x = make.dropout(layer(x, mask=mask, initial_state=state), f"decoder_dropout_{i}")
    if a.reverse:
        x = ReverseSteps(name="reverse_steps")([x, mask])
    size = a.segment_length * a.n_features
    output = make.dense(size, "reconstruction", a.output_activation)(x)
    if a.segment_length > 1:
        output = JoinSegments(a.segment_length, name="join")([output, step_mask])
    return keras.Model([latent, step_mask], output, name="decoder")


def _decoder_start(a: Architecture, make: _Layers, latent: Any, mask: Any) -> tuple[Any, list[Any]]:
    """Return the first input sequence of the decoder and the initial state of each layer."""
    no_states: list[Any] = [None] * len(a.units)
    if a.bottleneck == "sequence":
        turn = ReverseSteps(name="reverse_latent")
        return (turn([latent, mask]) if a.reverse else latent), no_states
    if a.decoder == "repeat":
        x = make.dense(a.units[-1], "expand")(latent)
        return RepeatToLength(name="repeat_to_length")([x, mask]), no_states
    n_states = {"lstm": 2, "gru": 1}[a.cell]
    states = [
        [make.dense(units, f"state_{i}_{part}")(latent) for part in "hc"[:n_states]]
        for i, units in enumerate(a.units[::-1])
    ]
    nothing = layers.Rescaling(0.0, name="no_input")(latent)
    return RepeatToLength(name="repeat_to_length")([nothing, mask]), states
