"""`Scaling` in float64 before float32, and warnings about signals that float32 or a scale loses."""

import warnings
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from skae._input.disk_buffer import Spool, is_mapped
from skae._input.sequences import Floats, Indices

CHUNK = 2**16
"""Rows that are scaled or checked at a time."""

MAX_RANKED = 2**18
"""Most rows, evenly spread, from which quantiles are computed."""

TAIL = 0.01
"""Share of the values on either side that the range of a feature excludes."""

BEYOND = 10.0
"""Distance from that range, in widths, at which values are clipped."""

MAX_ISOLATED, MIN_RECURRING = 12, 0.001
"""Number of runs of values out of range, and their share of rows, above which they are normal."""

Rows = NDArray[np.floating]


@dataclass(frozen=True)
class Scaling:
    """Center and spread of each feature.

    Parameters
    ----------
    center, spread : ndarray of shape (n_features,) or (n_series, n_features), float64
    series : tuple, optional
        Names of the series, if each has a separate center and spread.
    """

    center: NDArray[np.float64]
    spread: NDArray[np.float64]
    series: tuple[Hashable, ...] | None = None

    @classmethod
    def of(cls, rows: Rows, weights: Rows | None, *, robust: bool) -> Self:
        """Return the scaling by mean and standard deviation, as in `StandardScaler`.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
            NaN is ignored.
        weights : ndarray of shape (n_rows,), optional
            Rows of weight 0 are ignored.
        robust : bool
            Whether to clip the few values that lie beyond the 1 % or 99 % quantile by more than ten
            times the distance between these quantiles.
        """
        limits = _edges(rows, weights) if robust else None
        scaler = StandardScaler().set_output(transform="default")
        for part in _chunks(len(rows)):
            chunk, given = rows[part].astype(np.float64), None if weights is None else weights[part]
            if given is not None and not given.any():
                continue
            if limits is not None:
                chunk = np.clip(chunk, *limits)
            # A feature without observations has no mean; overflow is checked below.
            with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
                scaler.partial_fit(chunk, None, given)
        _check_is_finite(scaler.var_, rows)
        return cls(np.nan_to_num(scaler.mean_), np.where(scaler.scale_ > 0, scaler.scale_, 1.0))

    @classmethod
    def of_each(
        cls,
        rows: Rows,
        weights: Rows | None,
        names: Sequence[Hashable],
        lengths: Indices,
        *,
        robust: bool,
    ) -> Self:
        """Return the scaling of each of several series, which follow one another in `rows`.

        A feature without observations in a series gets the scale of all series together.
        """
        together = cls.of(rows, weights, robust=robust)
        centers, spreads = [], []
        for end, length in zip(np.cumsum(lengths), lengths, strict=True):
            part = slice(end - length, end)
            own, given = rows[part], None if weights is None else weights[part]
            seen = ~np.isnan(own if given is None else own[given > 0]).all(axis=0)
            found = cls.of(own, given, robust=robust) if seen.any() else together
            centers.append(np.where(seen, found.center, together.center))
            spreads.append(np.where(seen, found.spread, together.spread))
        return cls(np.array(centers), np.array(spreads), tuple(names))

    def places(self, names: Sequence[Hashable] | None, lengths: Indices) -> Indices | None:
        """Return the position of each row's series in `series`, None if there is one scale for all.

        Parameters
        ----------
        names : sequence or None
            Names of consecutive series.
        lengths : ndarray of shape (n_series,), intp

        Raises
        ------
        ValueError
            If there is no name, or `fit` saw no series of that name.
        """
        if self.series is None:
            return None
        place = {name: i for i, name in enumerate(self.series)}
        unknown = ["no name"] if names is None else [name for name in names if name not in place]
        if names is None or unknown:
            raise ValueError(
                f"Got rows of the series {unknown[:5]}, but expected series that fit saw, such as "
                f"{list(self.series[:5])}, because scale_by_series=True scales each by its rows "
                "in fit."
            )
        return np.repeat([place[name] for name in names], lengths)

    def transform(self, rows: Rows, places: Indices | None = None) -> Floats:
        """Return scaled rows, float32; a memory map becomes another memory map.

        Parameters
        ----------
        rows : ndarray of shape (n_rows, n_features)
        places : ndarray of shape (n_rows,), intp, optional
            As `places` returns them.

        Raises
        ------
        ValueError
            If a scaled value is too large for float32.
        """
        chunks = (
            self._transformed(rows[part], None if places is None else places[part])
            for part in _chunks(len(rows))
        )
        if not is_mapped(rows):
            scaled = np.empty(rows.shape, np.float32)
            for part, chunk in zip(_chunks(len(rows)), chunks, strict=True):
                scaled[part] = chunk
            return scaled
        with Spool() as spool:
            for chunk in chunks:
                spool.add(chunk)
            return spool.mapped()

    def inverse(self, rows: Rows, places: Indices | None = None) -> NDArray[np.float64]:
        """Undo `transform`, in float64."""
        center, spread = self._at(places)
        return rows * spread + center

    def _at(self, places: Indices | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if places is None:
            return self.center, self.spread
        return self.center[places], self.spread[places]

    def _transformed(self, rows: Rows, places: Indices | None) -> Floats:
        center, spread = self._at(places)
        with np.errstate(over="ignore"):
            scaled = ((rows - center) / spread).astype(np.float32)
        if np.isinf(scaled).any():
            row, feature = np.argwhere(np.isinf(scaled))[0]
            usual = np.broadcast_to(spread, rows.shape)[row, feature]
            raise ValueError(
                f"Got X with {rows[row, feature]:g} in feature {feature}, where "
                f"{usual:g} is usual, but expected values that float32 can hold after scaling."
            )
        return scaled

    def to_plain(self) -> dict[str, Any]:
        """Return the arrays and the names of series by name."""
        return dict(vars(self))


FAR_OFF = 10.0
"""Distance from the center, in spreads, at which half of the values have another scale."""


def warn_if_off_scale(rows: Floats, names: Any = None) -> None:
    """Warn about features of scaled rows that an earlier fit has scaled by other values.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features)
    names : array-like of str of shape (n_features,), optional
    """
    some = np.abs(rows[:: -(-len(rows) // MAX_RANKED)])
    for feature in np.flatnonzero(~np.isnan(some).all(axis=0)):
        usual = np.nanmedian(some[:, feature])
        if usual > FAR_OFF:
            warnings.warn(
                f"Got X with half of the values of feature {_label(names, feature)} {usual:.2g} or "
                "more spreads from the center, both of which the first fit determined. Such values "
                "are hardly learned. Fit first on data that resemble all, or call fit without "
                "warm_start.",
                UserWarning,
                stacklevel=2,
            )


def _check_is_finite(variances: NDArray[np.float64], rows: Rows) -> None:
    """Reject values with squares that float64 cannot hold."""
    for feature in np.flatnonzero(~np.isfinite(variances)):
        values = np.abs(rows[:, feature])
        if np.isnan(values).all():
            continue
        largest = np.nanmax(values)
        raise ValueError(
            f"Got X with a value too large in feature {feature}: {largest:g}, but expected at "
            "most 1e+150, whose square float64 can hold."
        )


def _edges(rows: Rows, weights: Rows | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the limits of each feature; NaN if it has none."""
    chosen = slice(None, None, -(-len(rows) // MAX_RANKED))
    ranked = rows[chosen].astype(np.float64)
    if weights is not None:
        ranked = ranked[weights[chosen] > 0]
    low, high = np.full((2, rows.shape[1]), np.nan)
    seen = ~np.isnan(ranked).all(axis=0)
    # Use measured values: with fewer than a hundred, the largest would be interpolated.
    low[seen] = np.nanquantile(ranked[:, seen], TAIL, axis=0, method="higher")
    high[seen] = np.nanquantile(ranked[:, seen], 1 - TAIL, axis=0, method="lower")
    width = high - low
    # For a feature that hardly ever moves, use the range of its rare values.
    width[~(width > 0)] = np.inf
    low, high = low - BEYOND * width, high + BEYOND * width
    recur = _recur((ranked < low) | (ranked > high))
    return np.where(recur, -np.inf, low), np.where(recur, np.inf, high)


def _recur(outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which features often have values outside the range."""
    begins = outside & ~np.roll(outside, 1, axis=0)
    is_often = begins.sum(axis=0) > MAX_ISOLATED
    recur: NDArray[np.bool_] = is_often & (outside.mean(axis=0) > MIN_RECURRING)
    return recur


def _chunks(n_rows: int) -> Iterator[slice]:
    return (slice(start, start + CHUNK) for start in range(0, n_rows, CHUNK))


LOST = 0.01
"""Largest rounding error, relative to a feature's standard deviation, without a warning."""


def warn_if_rounded(rows: Floats, given: Callable[[], NDArray[np.float64]], names: Any) -> None:
    """Warn about features whose signal is lost in float32.

    The float32 number after 1e9 is 64 larger, so smaller variations are lost. A feature that varies
    only by float64 rounding is a constant.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, n_features), float32
    given : callable
        Returns the same rows before the conversion to float32. It is called only for rows that vary
        by few float32 steps, such as constants.
    names : array-like of str of shape (n_features,) or None
        Names of the features; numbers by default.
    """
    if len(_few_steps(np.fmin.reduce(rows), np.fmax.reduce(rows))):
        exact, rounding = given(), Rounding()
        for part in _chunks(len(exact)):
            rounding.add(exact[part])
        rounding.warn_if_lost(names)


class Rounding:
    """Checks rows that are read part by part; see `warn_if_rounded`."""

    def __init__(self) -> None:
        self._values, self._errors = Moments(), Moments()
        self._lowest = self._highest = np.array(np.nan)

    def add(self, rows: NDArray[np.float64]) -> None:
        """Look at rows before their conversion to float32."""
        rows = np.where(np.isfinite(rows), rows, np.nan)
        self._values.add(rows)
        self._errors.add(rows - rows.astype(np.float32))
        self._lowest = np.fmin(self._lowest, np.fmin.reduce(rows))
        self._highest = np.fmax(self._highest, np.fmax.reduce(rows))

    def warn_if_lost(self, names: Any) -> None:
        """Warn about features whose signal is lost in float32."""
        spread, largest = self._values.spread, np.fmax(abs(self._lowest), abs(self._highest))
        is_constant = spread <= 64 * np.spacing(largest)
        is_lost = ~is_constant & (self._errors.spread > LOST * spread)
        lowest, highest = (x.astype(np.float32) for x in (self._lowest, self._highest))
        lost = [str(_label(names, i)) for i in _few_steps(lowest, highest) if is_lost[i]]
        if lost:
            named = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
            warnings.warn(
                f"Got X with a signal that is lost in float32, in feature {named}: it varies too "
                "little relative to its offset. Subtract the offset in float64, as "
                "scale='robust' does.",
                UserWarning,
                stacklevel=2,
            )


class Moments:
    """Standard deviations of columns that are read part by part; NaN does not count.

    After a column of only NaN, ``StandardScaler.partial_fit`` would return NaN forever.

    Examples
    --------
    >>> moments = Moments()
    >>> for part in ([[1.0], [2.0]], [[np.nan], [6.0]]):
    ...     moments.add(np.array(part))
    >>> bool(np.isclose(moments.spread, np.std([1, 2, 6])))
    True
    """

    def __init__(self) -> None:
        self._count = self._mean = self._squares = np.array(0.0)

    def add(self, rows: NDArray[np.float64]) -> None:
        """Add these rows."""
        seen = ~np.isnan(rows)
        count = seen.sum(axis=0)
        mean = np.where(seen, rows, 0).sum(axis=0) / np.maximum(count, 1)
        squares = np.where(seen, rows - mean, 0.0)
        total, apart = np.maximum(self._count + count, 1), mean - self._mean
        added = (squares**2).sum(axis=0) + apart**2 * self._count * count / total
        self._squares = self._squares + added
        self._mean = self._mean + apart * count / total
        self._count = self._count + count

    @property
    def spread(self) -> NDArray[np.float64]:
        """Standard deviation of each column."""
        deviations: NDArray[np.float64] = np.sqrt(self._squares / np.maximum(self._count, 1))
        return deviations


def _few_steps(lowest: Floats, highest: Floats) -> NDArray[np.intp]:
    """Return the features with a range of only a few float32 steps."""
    lowest, highest = lowest.astype(float), highest.astype(float)
    largest = np.maximum(np.abs(lowest), np.abs(highest)).astype(np.float32)
    return np.flatnonzero(highest - lowest < 10 / LOST * np.spacing(largest))


def _label(names: Any, feature: Any) -> Any:
    return feature if names is None else repr(str(names[feature]))
