"""What each column of a table is: time, series, labels, a sensor, or nothing to learn from."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from skae._cli.index import Index, find_index
from skae._cli.order import UNITS
from skae._cli.table import Column, Table
from skae._cli.text import find_name, join_names

__all__ = ["Roles", "assign_roles"]

Floats = NDArray[np.float64]

LABEL_WORDS = (
    "label labels anomaly anomalies anomalous isanomaly outlier outliers attack attacks att fault "
    "faults faulty fail failure truth groundtruth flag flags qc normal abnormal intrusion alarm"
).split()
# These are labels only where they have two values.
WEAK_LABEL_WORDS = "y target class cls classification".split()
SEGMENT_NAMES = (
    "segment|train|istrain|istest|test|split|fold|subset|partition|set|dataset|traintest"
)
# Of fewer rows, anything rises by chance.
MIN_ROWS = 20
FEW_VALUES = 10
ASK = "--keep takes it as a sensor"


class Roles:
    """The columns of a table by what they are.

    Parameters
    ----------
    table : Table
        Its columns are given a role and a reason.

    Attributes
    ----------
    index : Index
        When each row was read.
    series, labels : Column or None
        What tells series apart, and known anomalies.
    sensors : list of Column
        What is learned from.
    notes : list of str
        What a user ought to know of it.
    """

    def __init__(self, table: Table) -> None:
        self.table, self.choice = table, table.choice
        self.names = [column.name for column in table.columns]
        self.notes: list[str] = []
        self.series = self._find(self.choice.series, "series")
        self.labels = self._find(self.choice.labels, "labels")
        chosen = [*(self.choice.features or ()), *self.choice.keep]
        kept = [self._find(name, "sensor") for name in chosen]
        free = [column for column in table.columns if not column.role]
        self.index = find_index(table, free)
        for column in self.index.columns:
            column.role = "time"
        self.notes += self.index.notes
        free = [column for column in free if not column.role]
        if self.series is None:
            self._look_for_series(free)
        self.sensors = [column for column in kept if column is not None]
        if self.choice.features is None:
            self._choose_sensors([column for column in free if not column.role])

    @property
    def parts(self) -> list[NDArray[np.intp]]:
        """The rows of each series, in the order in which the series begin."""
        return rows_of_each(
            None if self.series is None else self.series.texts.tolist(), self.table.n_rows
        )

    @property
    def numeric(self) -> list[Column]:
        """The sensors, and other columns that only their numbers have made no sensors."""
        left = [c for c in self.table.columns if c.role == "left out" and c.kind == "number"]
        return [*self.sensors, *(column for column in left if "labels" not in column.why)]

    def _find(self, name: str | None, role: str) -> Column | None:
        if name is None:
            return None
        column = self.table.columns[find_name(self.names, name)]
        column.role = role
        return column

    def _choose_sensors(self, free: list[Column]) -> None:
        for column in free:
            column.why = self._why_not(column)
            column.role = "left out" if column.why else "sensor"
        self.sensors = [column for column in self.table.columns if column.role == "sensor"]
        if not self.sensors:
            self._take_doubtful(free)
        for why in dict.fromkeys(column.why for column in free if column.role == "left out"):
            names = [
                column.name for column in free if column.why == why and column.role == "left out"
            ]
            hint = "" if why.startswith(("empty", "without", "never changes")) else f"; {ASK}"
            if why.startswith("without numbers") and self.series is None:
                hint = "; --series takes one that tells several series apart"
            self.notes.append(f"left out {join_names(names)}: {why}{hint}")

    def _take_doubtful(self, free: list[Column]) -> None:
        """Take columns that are hardly sensors, where there are no others."""
        doubtful = [c for c in free if c.kind == "number"]
        doubtful = [c for c in doubtful if "labels" not in c.why] or doubtful
        if not doubtful:
            self._refuse(free)
        for column in doubtful:
            self.notes.append(f"{column.name}: {column.why}; taken, as there is no other sensor")
            column.role, column.why = "sensor", ""
        self.sensors = doubtful

    def _refuse(self, free: list[Column]) -> None:
        seen = "; ".join(f"{c.name!r} holds {c.texts.iloc[0]!r}" for c in self.table.columns[:4])
        raise ValueError(
            f"there is no column of numbers in {self.table.name}: {seen}; --delimiter, "
            "--skip-rows, --comment and --missing say how the file is written"
        )

    def _why_not(self, column: Column) -> str:
        """Return why a column is no sensor, "" if it is one."""
        if column.kind == "empty":
            return "empty"
        if _looks_like_labels(column):
            return "looks like labels; --labels measures by them"
        if column.kind in ("time", "clock") or column.times is not None:
            return "another time"
        if column.kind == "word":
            return "without numbers"
        if re.fullmatch(SEGMENT_NAMES, _plain(column.name)) and _n_values(column) <= FEW_VALUES:
            return "tells parts of the file apart"
        if self.table.n_rows < MIN_ROWS:
            return ""
        with np.errstate(over="ignore", invalid="ignore"):  # numbers may be of any size
            return self._why_no_reading(column.numbers.values)

    def _why_no_reading(self, values: Floats) -> str:
        if not np.ptp(values[~np.isnan(values)]):
            return "never changes"
        if any((values == unit).all() for unit in self._calendar()):
            return "says only what the time says"
        steps = np.concatenate([np.diff(values[rows]) for rows in self.parts])
        forward = steps[steps > 0]
        if not len(forward) or np.isnan(steps).any():
            return ""
        if (steps % 1 == 0).all() and (steps != 0).all() and (steps == 1).mean() > 0.9:
            return "only rises by 1: numbers of rows?"
        if self._goes_with_time(values):
            return "rises with the time alone: another clock?"
        is_total = (steps >= 0).mean() > 0.99 and len(np.unique(values)) > len(values) / 4
        if is_total and np.ptp(values) > 15 * np.median(forward):
            return "never falls: a running total? difference it, so that its changes can be learned"
        return ""

    def _goes_with_time(self, values: Floats) -> bool:
        """Tell whether values are those of a clock that goes evenly, within rounding."""
        index = self.index.instants
        passed = (index - index[0]).astype(float)
        if not passed[-1]:
            return False
        rate = (values[-1] - values[0]) / passed[-1]
        is_unit = any(np.isclose(rate * length, 1, rtol=1e-3) for length in UNITS.values())
        errors = np.abs(values - values[0] - rate * passed)
        is_clock = is_unit or (self.index.name == "row" and rate > 0)
        return bool(is_clock and errors.max() < 1e-5 * np.ptp(values))

    def _calendar(self) -> Iterator[Floats]:
        wall = self.index.wall
        if wall.dtype.kind != "M":
            return
        days, months = wall.astype("M8[D]"), wall.astype("M8[M]")
        yield wall.astype("M8[Y]").astype(int) + 1970.0
        yield months.astype(int) % 12 + 1.0
        yield (days - months).astype(float) + 1
        yield (wall - days) // np.timedelta64(1, "h") + 0.0
        yield (wall - wall.astype("M8[h]")) // np.timedelta64(1, "m") + 0.0
        for first in range(7):
            weekday = (days.astype(int) + first) % 7
            yield weekday + 0.0
            yield weekday + 1.0
        yield (days - wall.astype("M8[Y]").astype("M8[D]")).astype(float) + 1

    # --- several series in one table ---------------------------------------------------------

    def _look_for_series(self, columns: list[Column]) -> None:
        """Find the column that tells series apart, if time goes on only within each."""
        n_rows = self.table.n_rows
        named = [c for c in columns if c.kind in ("word", "number") and not _looks_like_labels(c)]
        keys = [c for c in named if 1 < _n_values(c) <= n_rows / 5]
        if n_rows < MIN_ROWS or not keys:
            return
        if self.index.wall.dtype.kind != "M" and self.index.name == "row":
            self._look_for_cycles(keys, columns)
            return
        instants = self.index.instants
        stays = 1 - _share_forward(instants, None)
        fitting = [c for c in keys if _tells_apart(c, instants, stays)]
        if stays in (0.0, 1.0) or not fitting:
            return
        key = min(fitting, key=_n_values)
        counts = np.bincount(np.unique(instants, return_counts=True)[1])
        usual = int(counts.argmax())
        self._take_series(
            key, f"each time comes {usual} times" if usual > 1 else "time begins anew"
        )

    def _look_for_cycles(self, keys: list[Column], columns: list[Column]) -> None:
        """Find a counter that begins anew for each value of another column."""
        for counter in columns:
            if counter.kind != "number":
                continue
            values = counter.numbers.values
            steps = np.diff(values)
            begins = steps != 1
            if not 0 < begins.sum() < len(steps) / 5 or (steps[begins] > 0).any():
                continue
            fitting = [c for c in keys if c is not counter and _changes_at(c, begins)]
            if fitting:
                self._take_series(fitting[0], f"{counter.name!r} begins anew")
                counter.role, labels = "time", counter.texts.tolist()
                self.index = Index(counter.name, values, values, labels, [counter])
                return

    def _take_series(self, column: Column, reason: str) -> None:
        column.role, self.series = "series", column
        self.notes.append(
            f"{reason}, {column.name} has {_n_values(column)} values: --series {column.name} was "
            f"taken; --keep {column.name} makes it a sensor of one series"
        )


def assign_roles(table: Table) -> Roles:
    """Find out what each column of a table is."""
    return Roles(table)


def rows_of_each(labels: list[str] | None, n_rows: int) -> list[NDArray[np.intp]]:
    """Return the rows of each series, in the order in which the series begin."""
    if labels is None:
        return [np.arange(n_rows)]
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(label, []).append(row)
    return [np.array(part) for part in rows.values()]


def _looks_like_labels(column: Column) -> bool:
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column.name)]
    is_weak = len(words) == 1 and words[0] in WEAK_LABEL_WORDS
    if column.kind not in ("number", "word") or not (is_weak or set(words) & set(LABEL_WORDS)):
        return False
    if column.kind == "word":
        return _n_values(column) <= FEW_VALUES
    values = column.numbers.values
    if is_weak:
        return set(values[~np.isnan(values)]) in ({0.0, 1.0}, {-1.0, 1.0})
    return bool((values % 1 == 0).all()) and _n_values(column) <= FEW_VALUES


def _n_values(column: Column) -> int:
    return int(column.cells.nunique())


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _share_forward(instants: NDArray, column: Column | None) -> float:
    """Return the share of steps that go forward, within the series that a column tells apart."""
    if column is None:
        steps = np.diff(instants)
        return float((steps > np.zeros((), steps.dtype)).mean())
    codes = column.cells.astype(str).factorize()[0]
    order = np.argsort(codes, kind="stable")
    steps, same = np.diff(instants[order]), np.diff(codes[order]) == 0
    return float((steps > np.zeros((), steps.dtype))[same].mean()) if same.any() else 0.0


def _tells_apart(column: Column, instants: NDArray, stays: float) -> bool:
    """Tell whether time goes on in the rows of each value of a column, which takes turns."""
    codes = column.cells.astype(str).factorize()[0]
    is_in_blocks = np.count_nonzero(np.diff(codes)) == codes.max()
    shares = (_share_forward(times, column) for times in (instants, instants[::-1]))
    return (stays > 0.2 or bool(is_in_blocks)) and max(shares) > 0.99


def _changes_at(column: Column, begins: NDArray[np.bool_]) -> bool:
    codes = column.cells.astype(str).factorize()[0]
    return bool(((np.diff(codes) != 0) == begins).all())
