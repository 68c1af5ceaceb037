"""The two kinds of samples: sequences, and rows of series.

Each kind determines which windows go through a network, how samples are held out, and how results
per window and step become results per sample.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._compat.sklearn import check_sample_weight
from skae._input import observed
from skae._input.disk_buffer import stacked
from skae._input.runs import run_lengths
from skae._input.scaling import Scaling
from skae._input.sequences import Floats, Indices, Sequences
from skae._input.table import Table
from skae._input.time_gaps import Flags
from skae._windows.windows import Reduction, covering_windows, reduce_windows, trailing_windows

Array = NDArray[np.floating]
Blocks = Iterable[Array]

N_STRETCHES = 64
"""Stretches of rows that represent a long series."""


@dataclass(frozen=True)
class SequenceSamples:
    """Samples that are sequences.

    Parameters
    ----------
    windows : Sequences
        The samples.
    weights : ndarray of shape (n_samples,), float32, optional
    given : Table, optional
        The original X.
    """

    windows: Sequences
    weights: Floats | None = None
    given: Table | None = None

    window_size = None

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def is_set(self) -> bool:
        """Whether the order of the samples is irrelevant, unlike the order of windows."""
        return not self.windows.share_rows

    @property
    def is_table(self) -> bool:
        """Whether X was a table with one univariate sequence per row."""
        return self.windows.is_table

    @property
    def n_disjoint_windows(self) -> int:
        """Number of disjoint windows of a series."""
        return len(self.windows.rows) // self.windows.max_length

    def weighted(self, weights: Any) -> "SequenceSamples":
        """Return the samples with a user's weights."""
        return replace(self, weights=check_sample_weight(weights, len(self)))

    def scaled(self, scaling: Scaling | None) -> "SequenceSamples":
        """Return the samples with scaled values."""
        if scaling is None:
            return self
        rows = scaling.transform(self.windows.rows)
        return replace(self, windows=replace(self.windows, rows=rows))

    def unscaled(self, per_feature: Any, scaling: Scaling) -> Any:
        """Return values per step and feature, laid out like the input, in the units of X."""
        if isinstance(per_feature, list):
            return list(map(scaling.inverse, per_feature))
        return scaling.inverse(per_feature)

    def row_weights(self) -> Floats | None:
        """Return the weight of each row of the stack, None if all are equal."""
        if self.weights is None:
            return None
        weights = np.zeros(len(self.windows.rows), np.float32)
        steps = self.windows.steps_inside(self.windows.max_length)
        sequence, step = np.nonzero(steps)
        np.maximum.at(weights, self.windows.starts[sequence] + step, self.weights[sequence])
        return weights

    def select(self, chosen: Indices) -> "SequenceSamples":
        """Return the samples at the positions `chosen`."""
        weights = None if self.weights is None else self.weights[chosen]
        return SequenceSamples(self.windows.select(chosen), weights)

    def split(
        self, fraction: float, rng: np.random.Generator
    ) -> tuple["SequenceSamples", "SequenceSamples | None"]:
        """Return training and held-out samples, which share no row.

        Equal sequences are merged first, their weights are added, and they are sorted by their
        contents. A weight of 2 thus equals a repeated sequence, a weight of 0 a missing one, and
        the order of samples does not matter. Overlapping windows are split like the rows of their
        series, see `RowSamples`. Windows across the cut are dropped, like the shorter windows at
        the beginning, because the first full window contains their rows.
        """
        if not self.is_set:
            return self._split_series(fraction)
        samples = self.distinct()
        order = rng.permutation(len(samples))
        n_held_out = (
            min(max(1, round(fraction * len(samples))), len(samples) - 1) if fraction else 0
        )
        held_out, training = order[:n_held_out], order[n_held_out:]
        return samples.select(training), samples.select(held_out) if n_held_out else None

    def distinct(self) -> "SequenceSamples":
        """Merge equal sequences, sorted by their contents."""
        windows, weights = self.windows, weights_of(self)
        first: dict[bytes, int] = {}
        total: dict[bytes, float] = {}
        for i in np.flatnonzero(weights > 0):
            start = windows.starts[i]
            content = windows.rows[start : start + windows.lengths[i]].tobytes()
            first.setdefault(content, int(i))
            total[content] = total.get(content, 0.0) + float(weights[i])
        order = sorted(first)
        chosen = np.array([first[content] for content in order], dtype=np.intp)
        merged = np.array([total[content] for content in order], dtype=np.float32)
        return SequenceSamples(windows.select(chosen), merged)

    def from_steps(
        self, blocks: Blocks, windows: Sequences | None = None, reduction: Reduction = observed.mean
    ) -> Any:
        """Lay out results per step like the input; sequences never overlap."""
        return self.windows.like_input(np.concatenate(list(blocks)))

    def like_input(self, per_sample: NDArray[Any]) -> NDArray[Any]:
        """Return results per sample unchanged; a list of sequences is a list of samples."""
        return per_sample

    def in_order(self, per_sample: Any) -> Any:
        """Return entries per sample unchanged."""
        return per_sample

    def without_feature_axis(self, per_feature: Any) -> Any:
        """Drop the feature axis if X was a table."""
        return per_feature[..., 0] if self.is_table else per_feature

    def training_windows(self) -> tuple[Sequences, Floats | None]:
        """Return the windows in which something was observed, and their weights."""
        seen = self.windows.are_observed
        return self.windows.select(seen), None if self.weights is None else self.weights[seen]

    def latent_windows(self) -> Sequences:
        """Return the window that gives the latent vector of each sample."""
        return self.windows

    def spread(self, n_rows: int) -> "SequenceSamples":
        """Return the samples unchanged; see `RowSamples`."""
        return self

    def _split_series(self, fraction: float) -> tuple["SequenceSamples", "SequenceSamples | None"]:
        windows, size = self.windows, self.windows.max_length
        ends = windows.starts + windows.lengths
        first, end = int(windows.starts.min()), int(ends.max())
        n_held_out = n_rows_held_out(np.array([end - first]), size, fraction)[0]
        is_full, cut = windows.lengths == size, end - n_held_out
        training = np.flatnonzero(is_full & (ends <= cut))
        if not n_held_out or not len(training):
            return self._within(np.flatnonzero(is_full), first, end), None
        held_out = np.flatnonzero(is_full & (windows.starts >= cut))
        return self._within(training, first, cut), self._within(held_out, cut, end)

    def _within(self, chosen: Indices, first: int, end: int) -> "SequenceSamples":
        """Return the samples at the positions `chosen`, with only some of the rows."""
        part = self.select(chosen)
        rows, starts = part.windows.rows[first:end], part.windows.starts - first
        return replace(part, windows=replace(part.windows, rows=rows, starts=starts))


@dataclass(frozen=True)
class RowSamples:
    """Samples that are rows of one or more series.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32
        The stacked series; NaN where a value was not observed.
    lengths : ndarray of shape (n_series,), intp
    window_size, stride : int
    given : Table, optional
        The original X; results are a list if it was a list.
    weights : ndarray of shape (n_rows,), float32, optional
    positions : ndarray of shape (n_rows,), intp, optional
        Input positions of the rows; None if they were in this order.
    after_gap : ndarray of shape (n_rows,), bool, optional
        Rows at which windows begin after a gap.
    left_out : ndarray of shape (n_windows,), bool, optional
        Windows that are not trained on.
    names : tuple, optional
        Names of the series.
    """

    rows: Floats
    lengths: Indices
    window_size: int
    stride: int
    given: Table | None = None
    weights: Floats | None = None
    positions: Indices | None = None
    after_gap: Flags | None = None
    left_out: Flags | None = None
    names: tuple[Hashable, ...] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    is_set = is_table = False

    @property
    def is_list(self) -> bool:
        """Whether X was a list of series, so that results are lists."""
        return self.given is not None and self.given.is_list

    @property
    def n_disjoint_windows(self) -> int:
        """Number of disjoint windows of the series."""
        return int((self.runs // self.window_size).sum())

    @cached_property
    def runs(self) -> Indices:
        """Length of each part of a series without gaps."""
        return run_lengths(self.lengths, self.after_gap)

    def weighted(self, weights: Any) -> "RowSamples":
        """Return the samples with a user's weights, a list for a list of series.

        Raises
        ------
        ValueError
            If there is not one weight per row.
        """
        if weights is not None and self.is_list:
            weights = _stacked_weights(weights, self.lengths)
        return replace(self, weights=self.in_order(check_sample_weight(weights, len(self))))

    def scaled(self, scaling: Scaling | None) -> "RowSamples":
        """Return the samples with scaled values."""
        if scaling is None:
            return self
        places = scaling.places(self.names, self.lengths)
        return replace(self, rows=scaling.transform(self.rows, places))

    def unscaled(self, per_feature: Any, scaling: Scaling) -> Any:
        """Return values per row and feature, laid out like the input, in the units of X."""
        if self.is_list:
            return list(map(scaling.inverse, per_feature))
        places = scaling.places(self.names, self.lengths)
        return scaling.inverse(per_feature, None if places is None else self.like_input(places))

    def row_weights(self) -> Floats | None:
        """Return the weight of each row, None if all are equal."""
        return self.weights

    def in_order(self, per_row: Any) -> Any:
        """Return entries for the rows of the input, series by series; None for None."""
        return per_row if per_row is None or self.positions is None else per_row[self.positions]

    @cached_property
    def windows(self) -> Sequences:
        """The windows that cover every row."""
        return covering_windows(self.rows, self.runs, self.window_size, self.stride)

    def split(
        self, fraction: float, rng: np.random.Generator
    ) -> tuple["RowSamples", "RowSamples | None"]:
        """Return the beginning of each series for training, and the held-out end.

        Windows are cut in each part separately, so they share no row. At least one window is held
        out; series that are too short for that are only used for training.
        """
        n_held_out = n_rows_held_out(self.lengths, self.window_size, fraction)
        ends = np.cumsum(self.lengths)
        cuts = ends - n_held_out
        before = [slice(*part) for part in zip(ends - self.lengths, cuts, strict=True)]
        after = [slice(cut, end) for cut, end in zip(cuts, ends, strict=True) if cut < end]
        return self._part(before), self._part(after) if after else None

    def per_row(
        self,
        blocks: Blocks,
        windows: Sequences | None = None,
        reduction: Reduction = observed.mean,
        *,
        whole_windows: bool = False,
    ) -> Array:
        """Return the result of `reduce_windows` for each row of all series, in one array."""
        covering = windows or self.windows
        found = reduce_windows(covering, blocks, reduction, whole_windows=whole_windows)
        return np.concatenate(list(found))

    def from_steps(
        self, blocks: Blocks, windows: Sequences | None = None, reduction: Reduction = observed.mean
    ) -> Any:
        """Reduce the values of the windows that cover each row, laid out like the input."""
        return self.like_input(self.per_row(blocks, windows, reduction))

    def like_input(self, per_sample: NDArray[Any]) -> Any:
        """Return results per row as one array, or a list for a list of series."""
        if self.is_list:
            return np.split(per_sample, np.cumsum(self.lengths)[:-1])
        if self.positions is None:
            return per_sample
        found = np.empty_like(per_sample)
        found[self.positions] = per_sample
        return found

    def without_feature_axis(self, per_feature: Any) -> Any:
        """Return results per feature unchanged; rows have a feature axis."""
        return per_feature

    def training_windows(self) -> tuple[Sequences, Floats | None]:
        """Return the training windows, and the weights of all rows."""
        learned = self.windows.are_observed
        if self.left_out is not None:
            learned = learned & ~self.left_out
        return self.windows.select(learned), self.weights

    def latent_windows(self) -> Sequences:
        """Return the window that ends at each row, which gives the row's latent vector."""
        return trailing_windows(self.rows, self.runs, self.window_size)

    def spread(self, n_rows: int) -> "RowSamples":
        """Return at most this many rows, in evenly spread stretches.

        Each stretch, or part of it in another series or after a gap, is a separate series.
        """
        if len(self) <= n_rows:
            return self
        size = max(1, n_rows // N_STRETCHES)
        begins = np.linspace(0, len(self) - size, N_STRETCHES).astype(np.intp)
        borders = np.cumsum(self.runs)
        slices = []
        for begin in begins:
            inside = borders[(borders > begin) & (borders < begin + size)]
            slices += [slice(a, b) for a, b in pairwise([begin, *inside, begin + size])]
        return replace(self._part(slices), after_gap=None)

    def _part(self, slices: list[slice]) -> "RowSamples":
        return RowSamples(
            stacked(self.rows, slices),
            np.array([part.stop - part.start for part in slices], dtype=np.intp),
            self.window_size,
            self.stride,
            self.given,
            None if self.weights is None else stacked(self.weights, slices),
            after_gap=None if self.after_gap is None else stacked(self.after_gap, slices),
        )


Samples = SequenceSamples | RowSamples


def index_of(samples: Samples) -> Any:
    """Return the pandas index of samples, None if they have none."""
    is_of_rows = isinstance(samples, RowSamples)
    return None if samples.given is None else samples.given.index(of_rows=is_of_rows)


def weights_of(samples: Samples) -> Floats:
    """Return the weight of each sample, 1 by default."""
    return np.ones(len(samples), np.float32) if samples.weights is None else samples.weights


def n_rows_held_out(lengths: Indices, window_size: int, fraction: float) -> Indices:
    """Return the numbers of held-out rows: at least a window, if another window remains."""
    n_held_out = np.maximum(window_size, np.round(fraction * lengths).astype(np.intp))
    n_held_out[(lengths - n_held_out < window_size) | (fraction == 0)] = 0
    return n_held_out


def _stacked_weights(weights: Any, lengths: Indices) -> NDArray[Any]:
    weights = list(weights)
    shapes = [np.shape(part) for part in weights]
    if shapes != [(length,) for length in lengths]:
        raise ValueError(
            f"Got sample_weight with {len(shapes)} items of the shapes {shapes[:5]}, but expected "
            f"one array for each series of X, with the lengths {lengths[:5].tolist()}."
        )
    return np.concatenate([np.asarray(part) for part in weights])
