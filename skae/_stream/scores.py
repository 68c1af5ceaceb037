"""The answers of a stream: immediate scores, or final scores that later rows do not change.

Both keep few rows of each series. The windows of all series go through the network together, and
their errors are aggregated in whole arrays. A *lane* is the slot of a series.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._detector import Detector
from skae._input import observed
from skae._input.runs import firsts_of, ranges
from skae._input.sequences import Floats, Indices, Sequences
from skae._scoring.scoring_rule import AGGREGATIONS, ScoringRule, smooth
from skae._scoring.thresholds import AdaptiveOffset
from skae._windows.windows import Windowing, reduce_at

Array = NDArray[np.floating]
Residuals = Callable[[Sequences], Floats]


class Tails:
    """The last rows of many series in one array; a *lane* is the slot of a series.

    Parameters
    ----------
    size : int
        Most rows that are kept of a series.
    shape : tuple of int
        Shape of a row.
    dtype : dtype

    Examples
    --------
    >>> import numpy as np
    >>> tails = Tails(2, (), np.float64)
    >>> tails.make_room(2)
    >>> lanes, lengths = np.array([0, 1]), np.array([3, 1])
    >>> stack, lengths = tails.followed_by(lanes, np.array([1.0, 2.0, 3.0, 9.0]), lengths)
    >>> tails.hold(lanes, stack, lengths)
    >>> tails.followed_by(np.array([1, 0]), np.array([8.0, 4.0]), np.array([1, 1]))
    (array([9., 8., 2., 3., 4.]), array([2, 3]))
    """

    def __init__(self, size: int, shape: tuple[int, ...], dtype: type):
        self.size = size
        self._rows: NDArray[Any] = np.zeros((0, size, *shape), dtype)
        self._n_held = np.zeros(0, np.intp)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row."""
        return self._rows.shape[2:]

    def make_room(self, n_lanes: int) -> None:
        """Ensure that there are at least this many lanes."""
        missing = n_lanes - len(self._rows)
        if missing > 0:
            more = np.zeros((missing, *self._rows.shape[1:]), self._rows.dtype)
            self._rows = np.concatenate([self._rows, more])
            self._n_held = np.append(self._n_held, np.zeros(missing, np.intp))

    def empty(self, lanes: Indices) -> None:
        """Forget the rows of these lanes."""
        self._n_held[lanes] = 0

    def n_held(self, lanes: Indices) -> Indices:
        """Return the number of rows kept of each lane."""
        return self._n_held[lanes]

    def followed_by(
        self, lanes: Indices, rows: NDArray[Any], lengths: Indices
    ) -> tuple[NDArray[Any], Indices]:
        """Return the kept rows of each lane, each followed by its new rows, in one stack.

        Parameters
        ----------
        lanes : ndarray of shape (n,), intp
        rows : ndarray of shape (sum of lengths, ...)
            New rows, lane after lane.
        lengths : ndarray of shape (n,), intp

        Returns
        -------
        stack : ndarray of shape (n_stacked, ...)
        lengths : ndarray of shape (n,), intp
            Rows of each lane in the stack.
        """
        held = self._n_held[lanes]
        total = held + lengths
        if len(lanes) == 1:
            # Usually one row arrives at a time; then indices would cost more than the rows.
            return np.concatenate([self._rows[lanes[0], self.size - held[0] :], rows]), total
        firsts = firsts_of(total)
        stack = np.empty((int(total.sum()), *self._rows.shape[2:]), self._rows.dtype)
        is_held = np.arange(self.size) >= self.size - held[:, None]
        stack[ranges(firsts, held)] = self._rows[lanes][is_held]
        stack[ranges(firsts + held, lengths)] = rows
        return stack, total

    def hold(self, lanes: Indices, stack: NDArray[Any], lengths: Indices) -> None:
        """Keep the last rows of each lane of a stack, instead of the previous ones."""
        held = np.minimum(lengths, self.size)
        last = firsts_of(lengths) + lengths - self.size
        # They are aligned to the right; entries to the left of them are never read.
        index = last[:, None] + np.arange(self.size)
        if len(stack):
            self._rows[lanes] = stack[np.maximum(index, 0)]
        self._n_held[lanes] = held


class _Answer:
    """The shared part: the last rows of each series, and the errors of windows."""

    def __init__(self, rule: ScoringRule, windowing: Windowing, n_features: int):
        assert windowing.window_size is not None
        self._rule, self._way = rule, AGGREGATIONS[rule.aggregation]
        # The error of a row by itself is kept beside that of its windows.
        self._both = (2,) if rule.joins_rows else ()
        self._takes_means = self._way.whole_window and not rule.joins_rows
        self._window_size = windowing.window_size
        self._stride = min(windowing.stride, windowing.window_size)
        self._n_seen = np.zeros(0, np.intp)
        # A whole window, because the last window of a series may reach back that far.
        self._rows = Tails(self._window_size, (n_features,), np.float32)

    @property
    def _tails(self) -> list[Tails]:
        return [self._rows]

    def make_room(self, n_lanes: int) -> None:
        """Ensure that there are at least this many lanes."""
        self._n_seen = np.append(self._n_seen, np.zeros(max(n_lanes - len(self._n_seen), 0), int))
        for tails in self._tails:
            tails.make_room(n_lanes)

    def _forget(self, lanes: Indices) -> None:
        self._n_seen[lanes] = 0
        for tails in self._tails:
            tails.empty(lanes)

    def _errors(self, windows: Sequences, residuals: Residuals) -> Array:
        """Return the errors of windows by step, NaN for windows without observations."""
        shape = (len(windows), self._window_size, *self._both)
        errors = np.full(shape, np.nan)
        filled = windows.are_observed
        if filled.any():
            chosen = windows if filled.all() else windows.select(filled)
            errors[filled] = self._rule.errors_of_windows(residuals(chosen))
        return errors


class ScoresNow(_Answer):
    """The score of each row as it arrives: the error at the row in the window that ends there.

    It equals the last value of ``score_samples`` on the rows so far, with ``aggregation="last"``.
    """

    delay = 0

    def __init__(self, rule: ScoringRule, windowing: Windowing, n_features: int):
        super().__init__(replace(rule, aggregation="last"), windowing, n_features)

    def advance(
        self, lanes: Indices, rows: Floats, lengths: Indices, residuals: Residuals
    ) -> tuple[Array, Indices]:
        """Return the stacked scores of new rows, and the number of rows of each lane."""
        stack, stacked = self._rows.followed_by(lanes, rows, lengths)
        firsts = firsts_of(stacked)
        ends = ranges(firsts + stacked - lengths, lengths) + 1
        starts = np.maximum(np.repeat(firsts, lengths), ends - self._window_size)
        errors = self._errors(Sequences(stack, starts, ends - starts), residuals)
        own = errors[np.arange(len(errors)), ends - starts - 1]
        self._rows.hold(lanes, stack, stacked)
        self._n_seen[lanes] += lengths
        return -np.where(np.isnan(own), observed.mean(errors), own), lengths

    def end(self, lanes: Indices, residuals: Residuals) -> tuple[Array, Indices]:
        """Return no scores, because no row is waiting, and reset the lanes."""
        self._forget(lanes)
        return np.zeros(0), np.zeros(len(lanes), np.intp)


class FinalScores(_Answer):
    """The scores of the whole series, returned once the rows that they depend on have arrived.

    A window goes through the network once, when its last row has arrived. Its errors are kept until
    the errors of its rows are complete, and these are kept until they are smoothed.
    """

    def __init__(self, rule: ScoringRule, windowing: Windowing, n_features: int):
        super().__init__(rule, windowing, n_features)
        n_steps = 1 if self._takes_means else self._window_size
        n_windows = -(-self._window_size // self._stride)
        self._windows = Tails(n_windows, (n_steps, *self._both), np.float64)
        self._unsmoothed = Tails(2 * self._window_size, self._both, np.float64)

    @property
    def delay(self) -> int:
        """Most rows that must follow a row until its score is final."""
        covered = self._window_size - (self._stride == 1)
        delay: int = covered + self._window_size * self._way.smooths
        return delay

    @property
    def _tails(self) -> list[Tails]:
        return [self._rows, self._windows, self._unsmoothed]

    def advance(
        self, lanes: Indices, rows: Floats, lengths: Indices, residuals: Residuals
    ) -> tuple[Array, Indices]:
        """Return the stacked scores that are now final, and their number for each lane."""
        return self._advance(lanes, rows, lengths, residuals, ended=False)

    def end(self, lanes: Indices, residuals: Residuals) -> tuple[Array, Indices]:
        """Return the scores of the waiting rows, and reset the lanes."""
        none = np.zeros((0, self._rows.shape[0]), np.float32)
        nothing = np.zeros(len(lanes), np.intp)
        found = self._advance(lanes, none, nothing, residuals, ended=True)
        self._forget(lanes)
        return found

    def _advance(
        self, lanes: Indices, rows: Floats, lengths: Indices, residuals: Residuals, *, ended: bool
    ) -> tuple[Array, Indices]:
        before = self._n_seen[lanes]
        n_rows = before + lengths
        stack, stacked = self._rows.followed_by(lanes, rows, lengths)
        n_new = self._n_windows(n_rows, ended) - self._n_windows(before)
        values = self._values(stack, stacked, n_rows, ranges(self._n_windows(before), n_new),
                              n_new, residuals)  # fmt: skip
        windows, n_held = self._windows.followed_by(lanes, values, n_new)
        first, until = self._n_covered(before), self._n_covered(n_rows, ended)
        errors = self._reduced(n_rows, windows, n_held, first, until - first, ended)
        tails, n_unsmoothed = self._unsmoothed.followed_by(lanes, errors, until - first)
        self._rows.hold(lanes, stack, stacked)
        self._windows.hold(lanes, windows, n_held)
        self._unsmoothed.hold(lanes, tails, n_unsmoothed)
        self._n_seen[lanes] = n_rows
        if not self._way.smooths:
            return -errors, until - first
        return self._smoothed(tails, n_unsmoothed, first, until, n_rows if ended else None)

    def _n_windows(self, n_rows: Indices, ended: bool = False) -> Indices:
        """Return the number of windows of series with this many rows so far."""
        beyond = n_rows - self._window_size
        complete = np.where(beyond >= 0, beyond // self._stride + 1, 0)
        if not ended:
            return complete
        # As in a batch, the last window ends at the last row, and a short series is one window.
        n_windows: Indices = complete + (n_rows > 0) * ((beyond < 0) | (beyond % self._stride > 0))
        return n_windows

    def _n_covered(self, n_rows: Indices, ended: bool = False) -> Indices:
        """Return the number of rows that no future window covers."""
        beyond = n_rows - self._window_size
        covered: Indices = n_rows if ended else np.maximum(beyond + (beyond % self._stride == 0), 0)
        return covered

    def _starts(self, numbers: Indices, n_rows: Indices) -> Indices:
        """Return the first rows of windows, by their numbers in series of these lengths."""
        starts: Indices = np.minimum(
            numbers * self._stride, np.maximum(n_rows - self._window_size, 0)
        )
        return starts

    def _values(
        self,
        stack: Floats,
        stacked: Indices,
        n_rows: Indices,
        numbers: Indices,
        n_new: Indices,
        residuals: Residuals,
    ) -> Array:
        """Return the errors of the steps of new windows, or their mean."""
        n_rows_of_each = np.repeat(n_rows, n_new)
        first_in_stack = np.repeat(firsts_of(stacked) - (n_rows - stacked), n_new)
        starts = first_in_stack + self._starts(numbers, n_rows_of_each)
        window_lengths = np.minimum(n_rows_of_each, self._window_size)
        errors = self._errors(Sequences(stack, starts, window_lengths), residuals)
        return observed.mean(errors)[:, None] if self._takes_means else errors

    def _reduced(
        self,
        n_rows: Indices,
        values: Array,
        n_held: Indices,
        first: Indices,
        n_done: Indices,
        ended: bool,
    ) -> Array:
        """Return the errors of rows of which all windows are known."""
        # Each series has a separate range of positions.
        base = firsts_of(n_rows)
        numbers = ranges(self._n_windows(n_rows, ended) - n_held, n_held)
        of_each = np.repeat(n_rows, n_held)
        starts = np.repeat(base, n_held) + self._starts(numbers, of_each)
        windows = Sequences(values, starts, np.minimum(of_each, self._window_size))
        rows = ranges(base + first, n_done)
        if not len(rows):
            return np.zeros((0, *self._both))
        return reduce_at(windows, values, rows, self._rule.reduction(), self._takes_means)

    def _smoothed(
        self, errors: Array, lengths: Indices, first: Indices, until: Indices, end: Indices | None
    ) -> tuple[Array, Indices]:
        """Return the scores of rows for which all neighbours that the filter needs are known."""
        begin = np.maximum(first - self._window_size, 0)
        n_done = (np.maximum(until - self._window_size, 0) if end is None else end) - begin
        found = np.empty(errors.shape)
        firsts = firsts_of(lengths)
        for length in np.unique(lengths[n_done > 0]):
            alike = firsts[lengths == length] + np.arange(length)[:, None]
            found[alike] = smooth(errors[alike], np.array([length]), self._window_size)
        done = ranges(firsts + begin - (until - lengths), n_done)
        if not self._both:
            return -found[done], n_done
        found[:, 1] = errors[:, 1]
        return -self._rule.larger(found[done]), n_done


class OffsetThreshold:
    """Labels scores below the offset of `fit`; it adapts as with ``threshold="adaptive"``.

    Parameters
    ----------
    detector : Detector
        Its rows are the samples.
    """

    def __init__(self, detector: Detector):
        policy, self._offset = detector.scorer.offset_policy, detector.offset
        memory = policy.memory(detector.windowing.window_size)
        self._adaptive = AdaptiveOffset(self._offset, memory) if policy.adapts else None

    def update(self, scores: Array) -> NDArray[np.intp]:
        """Return -1 for outliers and 1 for inliers, and remember the scores."""
        offsets = self._offset if self._adaptive is None else self._adaptive.update(scores)
        return np.where(np.asarray(scores) < offsets, -1, 1)
