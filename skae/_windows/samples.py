"""What a sample is: a sequence, or a row of a series.

Either kind says which windows go through a network, how samples are held out, and how what
is found per window and step becomes an answer per sample.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._compat.sklearn import check_sample_weight
from skae._input import observed
from skae._input.disk_buffer import stacked
from skae._input.gaps import Flags, run_lengths
from skae._input.scaling import Scaling
from skae._input.sequences import Floats, Indices, Sequences
from skae._input.table import Table
from skae._windows.overlap import Reduction, reduce_windows
from skae._windows.windows import covering_windows, trailing_windows

Array = NDArray[np.floating]
Blocks = Iterable[Array]

N_STRETCHES = 64
"""Stretches of rows that stand for a series too long to be looked at whole."""


@dataclass(frozen=True)
class SequenceSamples:
    """Samples each of which is a sequence.

    Parameters
    ----------
    windows : Sequences
        The samples.
    weights : ndarray of shape (n_samples,), float32, optional
    given : Table, optional
        What they came as.
    """

    windows: Sequences
    weights: Floats | None = None
    given: Table | None = None

    window_size = None

    def __len__(self) -> int:
        return len(self.windows)

    @property
    def is_set(self) -> bool:
        """Whether the order of the samples says nothing, unlike that of windows of a series."""
        return not self.windows.share_rows

    @property
    def is_table(self) -> bool:
        """Whether the samples came as a table of one univariate sequence a row."""
        return self.windows.is_table

    @property
    def n_disjoint_windows(self) -> int:
        """Number of windows of a series that share no row."""
        return len(self.windows.rows) // self.windows.max_length

    def weighted(self, weights: Any) -> "SequenceSamples":
        """Return the samples with weights that a user gave."""
        return replace(self, weights=check_sample_weight(weights, len(self)))

    def scaled(self, scaling: Scaling | None) -> "SequenceSamples":
        """Return the samples with their values scaled."""
        if scaling is None:
            return self
        rows = scaling.transform(self.windows.rows)
        return replace(self, windows=replace(self.windows, rows=rows))

    def row_weights(self) -> Floats | None:
        """Return the weight of each row of the stack, None if all weigh the same."""
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
        """Return samples to train on and held-out ones, which share no row.

        Equal sequences are merged first, with the sum of their weights, and brought into an
        order that depends on their contents alone. So a weight of 2 is the same as being
        there twice, 0 the same as not being there, and the order of samples does not matter.
        Overlapping windows are split as the rows of their series are, see `RowSamples`:
        windows that reach across the cut are left out, and so are the shorter ones at the
        beginning, all of whose rows are in the first full one.
        """
        if not self.is_set:
            return self._split_series(fraction)
        samples = self.distinct()
        order = rng.permutation(len(samples))
        n_held_out = samples._n_held_out(fraction)
        held_out, training = order[:n_held_out], order[n_held_out:]
        return samples.select(training), samples.select(held_out) if n_held_out else None

    def distinct(self) -> "SequenceSamples":
        """Merge equal sequences, in an order that depends on their contents alone."""
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
        self,
        blocks: Blocks,
        windows: Sequences | None = None,
        reduction: Reduction = observed.mean,
    ) -> Any:
        """Lay out what was found per step as the input was; sequences never overlap."""
        return self.windows.like_input(np.concatenate(list(blocks)))

    def like_input(self, per_sample: NDArray[Any]) -> NDArray[Any]:
        """Return results per sample as they are: a list of sequences is a list of samples."""
        return per_sample

    def in_order(self, per_sample: Any) -> Any:
        """Return what was given for each sample as it is."""
        return per_sample

    def without_feature_axis(self, per_feature: Any) -> Any:
        """Drop the axis of the one feature where the samples came as a table."""
        return per_feature[..., 0] if self.is_table else per_feature

    def training_windows(self) -> tuple[Sequences, Floats | None]:
        """Return the windows in which something was observed, and their weights."""
        seen = self.windows.are_observed
        return self.windows.select(seen), None if self.weights is None else self.weights[seen]

    def latent_windows(self) -> Sequences:
        """Return the window whose latent vector stands for each sample."""
        return self.windows

    def spread(self, n_rows: int) -> "SequenceSamples":
        """Return the samples as they are; see `RowSamples`."""
        return self

    def _n_held_out(self, fraction: float) -> int:
        return min(max(1, round(fraction * len(self))), len(self) - 1) if fraction else 0

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
        """Return the samples at the positions `chosen`, over some of the rows only."""
        part = self.select(chosen)
        rows, starts = part.windows.rows[first:end], part.windows.starts - first
        return replace(part, windows=replace(part.windows, rows=rows, starts=starts))


@dataclass(frozen=True)
class RowSamples:
    """Samples each of which is a row of one or more series.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32
        The series, one after the other; NaN where a value was not observed.
    lengths : ndarray of shape (n_series,), intp
    window_size, stride : int
    given : Table, optional
        What they came as; answers go as a list for a list.
    weights : ndarray of shape (n_rows,), float32, optional
    positions : ndarray of shape (n_rows,), intp, optional
        Where the rows came; None if they came series by series.
    after_gap : ndarray of shape (n_rows,), bool, optional
        Rows that no window reaches back from.
    left_out : ndarray of shape (n_windows,), bool, optional
        Windows that are not trained on.
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

    def __len__(self) -> int:
        return len(self.rows)

    is_set = is_table = False

    @property
    def is_list(self) -> bool:
        """Whether the series came, and answers go, as a list."""
        return self.given is not None and self.given.is_list

    @property
    def n_disjoint_windows(self) -> int:
        """Number of windows of the series that share no row."""
        return int((self.runs // self.window_size).sum())

    @cached_property
    def runs(self) -> Indices:
        """Number of rows of each part of a series in which there is no gap."""
        return run_lengths(self.lengths, self.after_gap)

    def weighted(self, weights: Any) -> "RowSamples":
        """Return the samples with weights that a user gave, in a list for a list of series.

        Raises
        ------
        ValueError
            If they are not one weight a row.
        """
        if weights is not None and self.is_list:
            weights = _stacked_weights(weights, self.lengths)
        return replace(self, weights=self.in_order(check_sample_weight(weights, len(self))))

    def scaled(self, scaling: Scaling | None) -> "RowSamples":
        """Return the samples with their values scaled."""
        return self if scaling is None else replace(self, rows=scaling.transform(self.rows))

    def row_weights(self) -> Floats | None:
        """Return the weight of each row, None if all weigh the same."""
        return self.weights

    def in_order(self, per_row: Any) -> Any:
        """Return what was given for each row of the input series by series; None for None."""
        return per_row if per_row is None or self.positions is None else per_row[self.positions]

    @cached_property
    def windows(self) -> Sequences:
        """The windows that cover every row."""
        return covering_windows(self.rows, self.runs, self.window_size, self.stride)

    def split(
        self, fraction: float, rng: np.random.Generator
    ) -> tuple["RowSamples", "RowSamples | None"]:
        """Return the beginning of each series to train on, and the end, held out.

        Windows are made in either part by itself, so they share no row. At least one window
        is held out; a series too short to spare it is trained on whole.
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
        """Return, of all series in one array, what `reduce_windows` makes of each row."""
        covering = windows or self.windows
        found = reduce_windows(covering, blocks, reduction, whole_windows=whole_windows)
        return np.concatenate(list(found))

    def from_steps(
        self,
        blocks: Blocks,
        windows: Sequences | None = None,
        reduction: Reduction = observed.mean,
    ) -> Any:
        """Reduce what the windows that cover a row have at its step, laid out as the input."""
        return self.like_input(self.per_row(blocks, windows, reduction))

    def like_input(self, per_sample: NDArray[Any]) -> Any:
        """Return results per row as one array, or as a list for a list of series."""
        if self.is_list:
            return np.split(per_sample, np.cumsum(self.lengths)[:-1])
        if self.positions is None:
            return per_sample
        found = np.empty_like(per_sample)
        found[self.positions] = per_sample
        return found

    def without_feature_axis(self, per_feature: Any) -> Any:
        """Return what was found per feature as it is: rows come with their features."""
        return per_feature

    def training_windows(self) -> tuple[Sequences, Floats | None]:
        """Return the windows to train on, and the weights of all rows."""
        learned = self.windows.are_observed
        if self.left_out is not None:
            learned = learned & ~self.left_out
        return self.windows.select(learned), self.weights

    def latent_windows(self) -> Sequences:
        """Return the window whose latent vector stands for each row: the one ending there."""
        return trailing_windows(self.rows, self.runs, self.window_size)

    def spread(self, n_rows: int) -> "RowSamples":
        """Return so many rows at most, in stretches that are spread evenly over all.

        Each stretch, or part of one in another series or behind a gap, is a series of its own.
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
    """Return how many rows to hold out at the end of series: at least a window, if one is left."""
    n_held_out = np.maximum(window_size, np.round(fraction * lengths).astype(np.intp))
    n_held_out[(lengths - n_held_out < window_size) | (fraction == 0)] = 0
    return n_held_out


def _stacked_weights(weights: Any, lengths: Indices) -> NDArray[Any]:
    weights = list(weights)
    shapes = [np.shape(part) for part in weights]
    if shapes != [(length,) for length in lengths]:
        raise ValueError(
            f"Got sample_weight with {len(shapes)} items of the shapes {shapes[:5]}, but expected "
            f"one array for each series of X, of the lengths {lengths[:5].tolist()}."
        )
    return np.concatenate([np.asarray(part) for part in weights])
