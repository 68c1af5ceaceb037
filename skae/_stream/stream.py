"""`ScoreStream`: scores rows of series as they arrive, one or many at a time."""

import copy
from collections.abc import Hashable, Mapping
from numbers import Integral
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from skae._compiled.inference import StreamedNetwork
from skae._input.runs import firsts_of
from skae._input.sequences import Floats, Indices
from skae._input.time_gaps import Clock, Duration
from skae._stream.reader import RowReader
from skae._stream.scores import FinalScores, OffsetThreshold, ScoresNow
from skae._windows.series import times_of

ANSWERS: dict[str, type[ScoresNow] | type[FinalScores]] = {"now": ScoresNow, "final": FinalScores}

Array = NDArray[np.floating]

Keyed = ArrayLike | Mapping[Any, ArrayLike]
"""Rows or times of one series, or of several by their keys."""


_WITHOUT_TIMES = Mapping, list, tuple, np.ndarray, np.void


class Threshold(Protocol):
    """Turns the scores of one series into labels, a few at a time, in order."""

    def update(self, scores: Array) -> NDArray[Any]:
        """Return -1 for outliers and 1 for inliers, one per score."""


class ScoreStream:
    """Scores rows as they arrive; see `skae.stream`, which creates it.

    Attributes
    ----------
    answer : {"now", "final"}
    delay : int
        Most rows that must follow a row in its series until its score is returned.
    keys : list
        Keys of the series that the stream has seen.
    """

    answer: Literal["now", "final"]
    _usual: int
    _threshold: Threshold | None

    def __init__(
        self,
        estimator: BaseEstimator,
        *,
        answer: Literal["now", "final"] = "now",
        max_gap: Duration | None = None,
        threshold: Threshold | None = None,
        rows_per_update: int = 1,
    ):
        self._reader = RowReader.of(estimator)
        if answer not in ANSWERS:
            raise ValueError(f"Got answer={answer!r}, but expected one of {sorted(ANSWERS)}.")
        if not isinstance(rows_per_update, Integral) or rows_per_update < 1:
            raise ValueError(
                f"Got rows_per_update={rows_per_update!r}, but expected a positive integer."
            )
        self.answer = answer
        self._usual, self._threshold = int(rows_per_update), threshold
        if max_gap is None:
            max_gap = self._reader.windowing.max_gap
        self._clock: Clock | None = None if max_gap is None else Clock(max_gap)
        detector = self._reader.detector
        self._answer: ScoresNow | FinalScores = ANSWERS[answer](
            detector.scorer, detector.windowing, detector.features.n_features
        )
        self._lanes: dict[Hashable, int] = {}
        self._free: list[int] = []
        self._thresholds: dict[Hashable, Threshold] = {}
        self._names: dict[Hashable, Any] = {}
        self._network: StreamedNetwork = self._compiled()

    @property
    def delay(self) -> int:
        """Most rows that must follow a row in its series until its score is returned."""
        return self._answer.delay

    @property
    def keys(self) -> list[Hashable]:
        """Keys of the series that the stream has seen; None for the series without a key."""
        return list(self._lanes)

    def update(self, rows: Keyed, times: Keyed | None = None) -> Any:
        """Add the next rows, and return the scores that are now available.

        Parameters
        ----------
        rows : array-like of shape (n_rows, n_features) or (n_features,), or dict of these
            The next rows of one series, or of several by their keys. A pandas Series is a row of
            several features, with names that are compared, or rows of one feature. A dict of
            numbers is one row by feature names, as in JSON and river. It must contain exactly the
            features that `fit` saw (``x0``, ``x1``, ... without names). None is a missing reading.
            Rows may name their series as in `fit`; those with one key must then belong to one.
        times : array-like of shape (n_rows,) or scalar, or dict of these, optional
            Times of the rows, if the stream has a `max_gap`. By default the index of a dataframe,
            or the name of a pandas Series.

        Returns
        -------
        scores : ndarray of shape (n_scores,), float64, or dict of these
            Higher is more normal; NaN where nothing was observed. With ``answer="now"``, the scores
            of these rows. With "final", the scores that have become final since the last call.

        Raises
        ------
        ValueError
            If the rows do not fit the estimator, or times are missing or go backwards. The stream
            then keeps its previous state.
        TypeError
            If the rows are an iterator.
        """
        is_keyed = isinstance(rows, Mapping) and not self._reader.is_row(rows)
        given: Any = rows if is_keyed else {None: rows}
        keyed = {key: self._reader.named(part) for key, part in given.items()}
        lengths, read, found = self._reader.read(keyed)
        names = {key: name for key, name in zip(keyed, found, strict=True) if name is not None}
        self._check_names(names)
        when = self._times(given, keyed, times if is_keyed else {None: times}, lengths)
        if len(read):
            scores = self._advance(list(keyed), read, lengths, when)
        else:
            scores = dict.fromkeys(keyed, np.zeros(0))
        self._names |= names
        return scores if is_keyed else scores[None]

    def flush(self, key: Hashable = None) -> Any:
        """End one series or all, and return the scores that were waiting for more rows.

        Parameters
        ----------
        key : hashable, optional
            Key of a series. By default all series.

        Returns
        -------
        scores : ndarray of shape (n_scores,), float64, or dict of these
            As in `update`; empty with ``answer="now"``. The next row begins a new series.

        Raises
        ------
        KeyError
            If there is no series with this key.
        """
        if key is None and self._lanes.keys() - {None}:
            return self._end(self.keys)
        if key not in self._lanes:
            if key is None:
                return np.zeros(0)
            raise KeyError(f"Got key={key!r}, but the stream has no such series.")
        return self._end([key])[key]

    def labels(self, scores: Array | Mapping[Any, Array]) -> Any:
        """Return the labels of scores from `update` and `flush`.

        Parameters
        ----------
        scores : ndarray of shape (n_scores,) or dict of these
            An adaptive threshold must get each score once, in order.

        Returns
        -------
        labels : ndarray of shape (n_scores,), int, or dict of these
            -1 for outliers, 1 for inliers.

        Raises
        ------
        ValueError
            If the stream has no threshold and `offset_` belongs to another aggregation.
        """
        if isinstance(scores, Mapping):
            return {key: self._label(key, part) for key, part in scores.items()}
        return self._label(None, scores)

    def _label(self, key: Hashable, scores: Array) -> NDArray[Any]:
        threshold = self._thresholds.pop(key, None) or self._new_threshold()
        if key in self._lanes:
            self._thresholds[key] = threshold
        return threshold.update(scores)

    def _new_threshold(self) -> Threshold:
        if self._threshold is not None:
            return copy.deepcopy(self._threshold)
        aggregation = self._reader.detector.scorer.aggregation
        if self.answer == "now" and aggregation != "last":
            raise ValueError(
                f"Got answer='now' of a detector with aggregation={aggregation!r}, whose offset_ "
                "belongs to other scores, but expected a threshold. Pass one to the stream, or "
                "fit the detector with aggregation='last'."
            )
        return OffsetThreshold(self._reader.detector)

    def _compiled(self) -> StreamedNetwork:
        """Return the compiled network; new functions run once on an artificial series."""
        detector = self._reader.detector
        size = detector.windowing.window_size
        network = StreamedNetwork(detector.network, size, self._usual)
        if not network.is_new:
            return network
        answer = copy.deepcopy(self._answer)
        lane, n_features = np.zeros(1, np.intp), detector.features.n_features
        answer.make_room(1)
        answer.end(lane, network.residuals)
        for n_rows in (1, 1) if self.answer == "now" else (size, 1):
            rows = np.zeros((n_rows, n_features), np.float32)
            answer.advance(lane, rows, np.array([n_rows]), network.residuals)
        answer.end(lane, network.residuals)
        return network

    def __getstate__(self) -> dict[str, Any]:
        """Drop compiled functions."""
        return {name: value for name, value in vars(self).items() if name != "_network"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Compile again, so that the first row does not wait."""
        vars(self).update(state)
        self._network = self._compiled()

    def _times(
        self, given: Mapping[Any, Any], keyed: Mapping[Any, Any], times: Any, lengths: Indices
    ) -> NDArray[Any] | None:
        if self._clock is None:
            return None
        found = []
        for (key, rows), length in zip(keyed.items(), lengths, strict=True):
            when = None if times is None else times.get(key)
            if when is None and not isinstance(given[key], _WITHOUT_TIMES):
                when = times_of(rows, self._reader.windowing.series, 1)
            if when is None:
                raise ValueError(
                    f"Got no times of the rows of {key!r}, but expected them, because max_gap is "
                    "set: pass times, or dataframes with times as their index."
                )
            found.append(self._clock.read(when, length))
        return np.concatenate(found) if found else None

    def _advance(
        self, keys: list[Hashable], rows: Floats, lengths: Indices, times: NDArray[Any] | None
    ) -> dict[Hashable, Array]:
        is_new = np.array([key not in self._lanes for key in keys])
        lanes = self._lanes_of(keys)
        try:
            return self._scored(keys, lanes, is_new, rows, lengths, times)
        except BaseException:
            self._give_up([key for key, new in zip(keys, is_new, strict=True) if new])
            raise

    def _scored(
        self,
        keys: list[Hashable],
        lanes: Indices,
        is_new: NDArray[np.bool_],
        rows: Floats,
        lengths: Indices,
        times: NDArray[Any] | None,
    ) -> dict[Hashable, Array]:
        if self._clock is None or times is None:
            return _by_key(
                keys, *self._answer.advance(lanes, rows, lengths, self._network.residuals)
            )
        some = lengths > 0
        cuts = self._clock.gaps(lanes[some], times, lengths[some], is_new[some])
        if cuts.any():
            found = self._over_gaps(keys, lanes, rows, lengths, cuts)
        else:
            found = _by_key(
                keys, *self._answer.advance(lanes, rows, lengths, self._network.residuals)
            )
        self._clock.set(lanes[some], times, lengths[some])
        return found

    def _over_gaps(
        self,
        keys: list[Hashable],
        lanes: Indices,
        rows: Floats,
        lengths: Indices,
        cuts: NDArray[np.bool_],
    ) -> dict[Hashable, Array]:
        """Return the scores of series that end and begin again at gaps."""
        answer, residuals = copy.deepcopy(self._answer), self._network.residuals
        parts = zip(lanes, _split(rows, lengths), _split(cuts, lengths), strict=True)
        found = [
            _over_gaps(answer, np.array([lane]), part, np.flatnonzero(cut), residuals)
            for lane, part, cut in parts
        ]
        self._answer = answer
        return dict(zip(keys, found, strict=True))

    def _end(self, keys: list[Hashable]) -> dict[Hashable, Array]:
        lanes = np.array([self._lanes[key] for key in keys], dtype=np.intp)
        found = _by_key(keys, *self._answer.end(lanes, self._network.residuals))
        self._give_up(keys)
        return found

    def _lanes_of(self, keys: list[Hashable]) -> Indices:
        """Return the lane of each key, new if needed."""
        for key in [key for key in keys if key not in self._lanes]:
            n_lanes = len(self._lanes) + len(self._free)
            self._lanes[key] = self._free.pop() if self._free else n_lanes
            self._thresholds.pop(key, None)
        n_lanes = len(self._lanes) + len(self._free)
        self._answer.make_room(n_lanes)
        if self._clock is not None:
            self._clock.make_room(n_lanes)
        return np.array([self._lanes[key] for key in keys], dtype=np.intp)

    def _give_up(self, keys: list[Hashable]) -> None:
        self._free += [self._lanes.pop(key) for key in keys]
        for key in keys:
            self._names.pop(key, None)

    def _check_names(self, names: dict[Hashable, Any]) -> None:
        """Reject rows that name another series than the rows before them with the same key."""
        for key, name in names.items():
            before = self._names.get(key, name)
            if before != name:
                raise ValueError(
                    f"Got rows of {name!r} after rows of {before!r}, but expected one series: pass "
                    "several as a dict of the rows of each by its name."
                )


def stream(
    estimator: BaseEstimator,
    *,
    answer: Literal["now", "final"] = "now",
    max_gap: Duration | None = None,
    threshold: Threshold | None = None,
    rows_per_update: int = 1,
) -> ScoreStream:
    """Return a stream that scores rows with a fitted detector, or with a pipeline around one.

    The stream keeps the last rows of each series, so scores do not depend on how the rows are split
    into updates. It can be pickled at any time and continues from there. Later changes of the
    estimator do not affect it.

    Parameters
    ----------
    estimator : LSTMAutoencoder or Pipeline
        With `window_size`. The first steps of a pipeline must transform each row separately, as
        scalers do.
    answer : {"now", "final"}, default="now"
        "now": each row is scored as it arrives, by its error in the window that ends there. This
        equals the last value of ``score_samples`` on the rows so far with ``aggregation="last"``.
        With ``stride=1``, from row `window_size` on, it is also the score in the whole series.
        "final": the scores of ``score_samples`` on the whole series, returned once the rows that
        they depend on have arrived (at most `delay` rows later), or when `flush` ends the series.
        With ``stride=1`` the delay is ``window_size - 1``, plus `window_size` if `aggregation`
        smooths, as the default and "gaussian" do.
    max_gap : float, str, timedelta or numpy.timedelta64, optional
        Longest time between rows of a series, such as "10min", or a number if `times` are numbers.
        After a longer step the series ends, as with `flush`, and another begins. By default the
        detector's `max_gap`.
    threshold : object, optional
        Used by `labels`. Its method ``update(scores)`` returns -1 or 1 for each score of one
        series; each series has a copy. By default labels come from `offset_`, as in `predict`, and
        adapt if the detector has ``threshold="adaptive"``.
    rows_per_update : int, default=1
        Usual number of rows per update, over all series. The stream is compiled for one row and for
        this number; other numbers take longer.

    Returns
    -------
    ScoreStream

    Raises
    ------
    ValueError
        If a parameter is invalid, or the samples of the estimator are sequences.
    TypeError
        If the estimator is not an `LSTMAutoencoder` or a Pipeline that ends in one.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> import skae
    >>> series = np.sin(np.arange(300) / 5)[:, None]
    >>> detector = skae.LSTMAutoencoder(20, units=4, epochs=1, random_state=0).fit(series)
    >>> stream = skae.stream(detector)
    >>> stream.update(series[0]).shape, stream.update(series[1:60]).shape
    ((1,), (59,))
    >>> fleet = skae.stream(detector, answer="final")
    >>> found = fleet.update({"pump": series[:60], "fan": series[100:102]})
    >>> found["pump"].shape, found["fan"].shape, fleet.delay
    ((21,), (0,), 39)
    >>> fleet.flush("fan").shape
    (2,)
    """
    return ScoreStream(
        estimator,
        answer=answer,
        max_gap=max_gap,
        threshold=threshold,
        rows_per_update=rows_per_update,
    )


def _over_gaps(
    answer: ScoresNow | FinalScores, lanes: Indices, rows: Floats, cuts: Indices, residuals: Any
) -> Array:
    """Return the scores of the rows of one lane, which is reset at each cut."""
    found = []
    for i, part in enumerate(np.split(rows, cuts)):
        if i:
            found.append(answer.end(lanes, residuals)[0])
        found.append(answer.advance(lanes, part, np.array([len(part)]), residuals)[0])
    return np.concatenate(found)


def _split(stack: NDArray[Any], lengths: Indices) -> list[NDArray[Any]]:
    return np.split(stack, firsts_of(lengths)[1:])


def _by_key(keys: list[Hashable], stack: Array, lengths: Indices) -> dict[Hashable, Array]:
    return dict(zip(keys, _split(stack, lengths), strict=True))
