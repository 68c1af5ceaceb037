"""A few windows at a time through a trained network, by functions that are compiled before."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from skae._compiled.forward import forward_pass_of, weights_of
from skae._compiled.inference import TrainedNetwork
from skae._compiled.steps import n_cores
from skae._sequences.ragged import Floats, Sequences

MIN_CALLS_IN_BATCH = 32
"""Calls of the usual size from which on the way of a whole batch is faster."""

MIN_PART = 32
"""Windows that pay for a thread of their own."""


class StreamedNetwork:
    """A trained network that is ready for the first few windows.

    Parameters
    ----------
    network : TrainedNetwork
        Its weights are taken as they are now.
    window_size : int
        Steps of the longest window.
    usual : int
        Windows in a call, mostly. A single one has functions of its own.
    """

    def __init__(self, network: TrainedNetwork, window_size: int, usual: int = 1):
        self._network, self._window_size, self._usual = network, window_size, usual
        # What XLA compiles runs on one core, so a call is cut into parts.
        self._part = -(-usual // max(1, min(n_cores(), usual // MIN_PART)))
        self._n_steps = network.model.input_shape[1] or window_size
        self._pass = forward_pass_of(network.model)
        self._weights = weights_of(network.model, network.values)
        self._functions: dict[tuple[int, bool], Callable] = {}
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
        if self._part < MIN_PART or len(parts) == 1:
            return np.concatenate([self._of_few(part, self._part) for part in parts])
        with ThreadPoolExecutor(n_cores()) as threads:
            return np.concatenate(list(threads.map(lambda p: self._of_few(p, self._part), parts)))

    def _of_few(self, windows: Sequences, size: int) -> Floats:
        targets = windows.padded(self._n_steps)
        inputs = windows.imputed(targets, self._network.fill_values)
        inputs = inputs if self._network.masks_nan else np.nan_to_num(inputs)
        padded = size > 1 or bool(windows.lengths[0] < self._n_steps)
        residuals = targets - self._forward(inputs, size, padded)
        return residuals[:, : self._window_size]

    def _forward(self, inputs: Floats, size: int, padded: bool) -> Floats:
        n_windows = len(inputs)
        if n_windows < size:
            inputs = np.concatenate([inputs, np.repeat(inputs[-1:], size - n_windows, axis=0)])
        return self._functions[size, padded](self._weights, [inputs])[:n_windows]

    def _warm_up(self) -> None:
        """Compile, and run everything once."""
        shape = self._n_steps, self._network.model.input_shape[2]
        if not self._pass.can_compile:
            start, length = np.zeros(1, np.intp), np.array([self._window_size])
            self.residuals(Sequences(np.zeros(shape, np.float32), start, length))
            return
        for size, padded in {(1, True), (1, False), (self._part, self._part > 1)}:
            self._functions[size, padded] = self._pass.compiled(padded, [(size, *shape)])
            self._forward(np.zeros((size, *shape), np.float32), size, padded)
