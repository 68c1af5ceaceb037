"""Run windows through a trained network: block by block, or a few at a time in a stream."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from skae._compiled.forward import forward, forward_pass_of, repeated_to, weights_of
from skae._compiled.steps import n_cores
from skae._compiled.training_cache import Values, describe, values_of
from skae._input.sequences import Floats, Sequences
from skae._network.layers import recurrent_steps


def with_progress(
    blocks: Iterator[Sequences], n_windows: int, verbose: int | str
) -> Iterator[Sequences]:
    """Yield blocks of windows, and report how many are done.

    Parameters
    ----------
    blocks : iterator of Sequences
    n_windows : int
        Windows in all blocks. Nothing is reported if there is only one block.
    verbose : int or "auto"
        As in ``keras.Model.predict``: 1 for a bar, 2 for a line at the end, 0 for nothing.
    """
    bar, done = None, 0
    for block in blocks:
        if verbose and bar is None and len(block) < n_windows:
            level = 1 if verbose == "auto" else int(verbose)
            bar = keras.utils.Progbar(n_windows, verbose=level, unit_name="window")
        yield block
        done += len(block)
        if bar is not None:
            bar.update(done)


BLOCK = 1024
"""Windows per block of results in memory."""

BULK_BLOCK = 4096
"""Windows per block if there are enough to keep all cores busy."""

MIN_STEPS_IN_BULK = 200_000
"""Total recurrent steps above which compiling saves more time than it takes."""


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained autoencoder, with the values that fill gaps in its inputs.

    Parameters
    ----------
    model : keras.Model
    fill_values : ndarray of shape (n_features,), float32
        Input for a feature that is missing throughout a window.
    verbose : int or "auto", default=0
        Whether a progress bar is shown, see `with_progress`.
    values : dict of int to tf.Tensor, optional
        Values of the weights, see `values_of`; by default the current ones at each call.
    """

    model: keras.Model
    fill_values: Floats
    verbose: int | str = 0
    values: Values | None = None

    def settled(self, variables: list[keras.Variable] | None = None) -> Self:
        """Return the network with the current values of its weights, fixed.

        Parameters
        ----------
        variables : list of keras.Variable, optional
            The variables to fix; the weights by default.
        """
        if self.values is not None:
            return self
        chosen = describe(self.model).variables if variables is None else variables
        return replace(self, values=values_of(chosen))

    @property
    def masks_nan(self) -> bool:
        """Whether padded steps of the input are NaN, or 0."""
        return describe(self.model).masks_nan

    def n_steps_for(self, windows: Sequences) -> int:
        """Return the steps that windows are padded to: the longest, or the model's fixed number.

        Raises
        ------
        ValueError
            If a window is longer than the model accepts.
        """
        fixed = self.model.input_shape[1]
        if fixed is not None and windows.max_length > fixed:
            raise ValueError(
                f"Got a sequence of {windows.max_length} steps, but expected at most {fixed}: "
                "the callable `model` built a network with a fixed number of steps. Use "
                "keras.Input((None, n_features)) there to accept any number."
            )
        return fixed or windows.max_length

    def inputs(self, windows: Sequences, targets: Floats) -> Floats:
        """Return the inputs for windows, given what `windows.padded` returns."""
        inputs = windows.imputed(targets, self.fill_values)
        return inputs if self.masks_nan else np.nan_to_num(inputs)

    @property
    def encoder(self) -> Any:
        """The part that maps sequences to latents."""
        return _part(self.model, "encoder")

    @property
    def decoder(self) -> Any:
        """The part that maps latents to sequences."""
        return _part(self.model, "decoder")

    def part(self, name: str) -> keras.Model:
        """Return a part of the model that is itself a Keras model.

        Raises
        ------
        AttributeError
            If the model has no layer of this name, or one that is no model.
        """
        part = _part(self.model, name)
        if not isinstance(part, keras.Model):
            raise AttributeError(
                f"Got a model whose layer named {name!r} is {part!r}, but expected that layer to "
                "be a keras.Model, because it runs without the rest."
            )
        return part

    @property
    def latent_shape(self) -> tuple[int | None, ...]:
        """Shape of latents: (latent_dim,), or (n_steps, latent_dim)."""
        shape: tuple[int | None, ...] = self.part("encoder").output_shape[1:]
        return shape

    def reconstructed(self, windows: Sequences) -> Iterator[Floats]:
        """Yield reconstructions (n, n_steps, n_features).

        NaN in padded steps, and in windows in which nothing was observed.
        """
        yield from self._through(self.model, windows)

    def residuals(self, windows: Sequences) -> Iterator[Floats]:
        """Yield ``observed - reconstructed``, NaN where nothing was observed."""
        outputs = self.reconstructed(windows)
        for block, output in zip(windows.blocks(self._block_size(windows)), outputs, strict=True):
            yield block.padded(windows.max_length) - output

    def encoded(self, windows: Sequences) -> Iterator[Floats]:
        """Yield latents: (n, latent_dim), or (n, n_steps, latent_dim) NaN in padded steps.

        NaN for windows in which nothing was observed.
        """
        yield from self._through(self.part("encoder"), windows)

    def decoded(self, latents: Floats | Sequences, windows: Sequences) -> Iterator[Floats]:
        """Yield decoded latents with the lengths of `windows`, and NaN after their ends.

        Parameters
        ----------
        latents : ndarray of shape (n_windows, latent_dim) or Sequences
            One vector per window, or one per step.
        windows : Sequences
            Give the lengths.
        """
        decoder = self.part("decoder")
        length, fixed = windows.max_length, self.n_steps_for(windows)
        for i, block in enumerate(windows.blocks(BLOCK)):
            if isinstance(latents, Sequences):
                inputs = np.nan_to_num(block.padded(fixed))
            else:
                inputs = latents[i * BLOCK : (i + 1) * BLOCK]
            inside = block.steps_inside(fixed)
            masked = [inside] if len(decoder.inputs) == 2 else []
            output = forward(decoder, inputs, *masked, values=self.values)
            yield _within(output, inside, length)

    def _through(self, model: keras.Model, windows: Sequences) -> Iterator[Floats]:
        n_steps = self.n_steps_for(windows)
        padded = windows.is_padded or n_steps > windows.max_length
        size = self._block_size(windows)
        for block in with_progress(windows.blocks(size), len(windows), self.verbose):
            inputs, in_bulk = self.inputs(block, block.padded(n_steps)), size == BULK_BLOCK
            output = forward(model, inputs, in_bulk=in_bulk, padded=padded, values=self.values)
            output[~block.are_observed] = np.nan
            yield _within(output, block.steps_inside(n_steps), windows.max_length)

    def _block_size(self, windows: Sequences) -> int:
        n_steps = windows.max_length
        # The lengths alone settle small cases; looking at the layers takes longer.
        if len(windows) * n_steps >= MIN_STEPS_IN_BULK:
            n_steps = recurrent_steps(self.model, n_steps)
        return BULK_BLOCK if len(windows) * n_steps >= MIN_STEPS_IN_BULK else BLOCK


def _within(output: Floats, inside: NDArray[np.bool_], n_steps: int) -> Floats:
    """Return an output with NaN in padded steps, cut to `n_steps`."""
    if output.ndim == 2:
        return output
    output, inside = output[:, :n_steps], inside[:, :n_steps]
    return output if inside.all() else np.where(inside[:, :, None], output, np.float32(np.nan))


def _part(model: keras.Model, name: str) -> Any:
    parts = [layer for layer in model.layers if layer.name == name]
    if not parts:
        raise AttributeError(
            f"Got a model without a layer named {name!r}, but expected one that is itself a Keras "
            "model. Give that part this name in the callable `model`."
        )
    return parts[0]


MIN_CALLS_IN_BATCH = 32
"""Usual windows per call from which on the batch code is faster."""

MIN_PART = 32
"""Windows per thread below which another thread does not pay off."""


class StreamedNetwork:
    """A trained network, compiled in advance for calls with few windows.

    Parameters
    ----------
    network : TrainedNetwork
        Its current weights are used.
    window_size : int
        Steps of the longest window.
    usual : int
        Usual number of windows in a call. Single windows have separate functions.

    Attributes
    ----------
    is_new : bool
        Whether something had to be compiled, because no equal network was compiled before.
    """

    def __init__(self, network: TrainedNetwork, window_size: int, usual: int = 1):
        self._network, self._window_size, self._usual = network, window_size, usual
        # XLA code runs on one core, so a call is cut into parts.
        self._part = -(-usual // max(1, min(n_cores(), usual // MIN_PART)))
        self._n_steps = network.model.input_shape[1] or window_size
        self._pass = forward_pass_of(network.model)
        self._weights = weights_of(network.model, network.values)
        self._functions: dict[tuple[int, bool], Callable[..., NDArray[Any]]] = {}
        self._warm_up()

    def residuals(self, windows: Sequences) -> Floats:
        """Return ``observed - reconstructed``, NaN where nothing was observed.

        Parameters
        ----------
        windows : Sequences

        Returns
        -------
        ndarray of shape (n_windows, window_size, n_features), float32
        """
        if len(windows) >= MIN_CALLS_IN_BATCH * self._usual or not self._pass.can_compile:
            found = np.concatenate(list(self._network.residuals(windows)))
            missing = self._window_size - found.shape[1]
            return np.pad(found, [(0, 0), (0, missing), (0, 0)], constant_values=np.nan)
        if len(windows) == 1:
            return self._of_few(windows, 1)
        parts = list(windows.blocks(self._part))
        of_part = partial(self._of_few, size=self._part)
        if self._part < MIN_PART or len(parts) == 1:
            return np.concatenate(list(map(of_part, parts)))
        with ThreadPoolExecutor(n_cores()) as threads:
            return np.concatenate(list(threads.map(of_part, parts)))

    def _of_few(self, windows: Sequences, size: int) -> Floats:
        targets = windows.padded(self._n_steps)
        block = repeated_to(size, self._network.inputs(windows, targets))
        padded = size > 1 or bool(windows.lengths[0] < self._n_steps)
        outputs = self._functions[size, padded](self._weights, [block])[: len(windows)]
        residuals: Floats = targets - outputs
        return residuals[:, : self._window_size]

    def _warm_up(self) -> None:
        """Compile all functions, and run them once."""
        n_made = self._pass.n_made
        shape = self._n_steps, self._network.model.input_shape[2]
        if not self._pass.can_compile:
            start, length = np.zeros(1, np.intp), np.array([self._window_size])
            self.residuals(Sequences(np.zeros(shape, np.float32), start, length))
        else:
            for size, padded in {(1, True), (1, False), (self._part, self._part > 1)}:
                function = self._pass.compiled(padded, (size, *shape))
                function(self._weights, [np.zeros((size, *shape), np.float32)])
                self._functions[size, padded] = function
        self.is_new = not self._pass.can_compile or self._pass.n_made > n_made
