"""The role of each column: time, series, labels, sensor or left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._cli.table import Column, Table, find_name, join_names
from skae._cli.time_column import MIN_ROWS, find_index, index_of_numbers
from skae._cli.times import UNITS, Times

Floats = NDArray[np.float64]

LABEL_WORDS = (
    "label labels anomaly anomalies anomalous isanomaly outlier outliers attack attacks att fault "
    "faults faulty fail failure truth groundtruth flag flags qc normal abnormal intrusion alarm "
    "changepoint quality validity"
).split()
# Columns with these names are labels only if they have two values.
WEAK_LABEL_WORDS = "y target class cls classification".split()
NORMAL = "0 0.0 false no normal ok good healthy benign regular none inlier nominal n f -".split()
ANOMALOUS = (
    "true|t|yes|(anomal|fault|fail).*|abnormal|attack|outlier|bad|broken|intrusion|error|alarm"
)
SEGMENT_NAMES = "segment|(is)?train|(is)?test|split|fold|subset|partition|(data)?set|traintest"
PARTS_OF_TIME = ("year", "month", "day", "hour", "minute", "day_of_year")
FEW_VALUES = 10
ASK = "; --keep makes it a sensor"
TIMES_PERHAPS = "not numbers; if these are times, set --time-format"
# Hints instead of `ASK`.
HINTS = dict.fromkeys([TIMES_PERHAPS, "another time", "empty", "never changes"], "")
HINTS["not numbers"] = "; --series uses such a column to distinguish several series"


class Roles:
    """The columns of a table by role.

    Parameters
    ----------
    table : Table
        The constructor sets the role of each column, and the reason.

    Attributes
    ----------
    index : Index
        The times of the rows.
    series, labels : Column or None
        The columns that distinguish series and mark known anomalies.
    sensors : list of Column
        The sensor columns.
    notes : list of str
        Notes on the choice of roles.
    """

    def __init__(self, table: Table) -> None:
        self.table, self.choice = table, table.choice
        self.notes: list[str] = []
        self.series = self._find(self.choice.series, "series")
        self.labels = self._find(self.choice.labels, "labels")
        chosen = [*(self.choice.features or ()), *self.choice.keep]
        self.sensors = [column for name in chosen if (column := self._find(name, "sensor"))]
        self.index = find_index(table, self._free())
        self.notes += self.index.notes
        for column in self.index.columns:
            column.role = "time"
        if self.series is None:
            self._look_for_series(self._free())
        if self.choice.features is None:
            self._choose_sensors(self._free())

    @cached_property
    def parts(self) -> list[NDArray[np.intp]]:
        """The rows of each series, in order of first appearance."""
        labels = None if self.series is None else self.series.texts.tolist()
        return rows_of_each(labels, self.table.n_rows)

    def notes_on_numbers(self) -> list[str]:
        """Return notes on how numbers were read in sensors and possible sensors."""
        found: dict[str, list[str]] = {}
        left = [c for c in self.table.columns if c.role == "left out" and c.why not in HINTS]
        numbers = [c for c in left if c.kind == "number" and "labels" not in c.why]
        for column in self.sensors + numbers:
            for note in column.notes():
                found.setdefault(note, []).append(column.name)
        return [f"{join_names(names)}: {note}" for note, names in found.items()]

    def _find(self, name: str | None, role: str) -> Column | None:
        if name is None:
            return None
        column = self.table.columns[find_name([c.name for c in self.table.columns], name)]
        column.role = role
        return column

    def _free(self) -> list[Column]:
        return [column for column in self.table.columns if not column.role]

    def _choose_sensors(self, free: list[Column]) -> None:
        for column in free:
            column.why = self._why_not(column)
            column.role = "left out" if column.why else "sensor"
        if not self.sensors and all(column.why for column in free):
            self._take_doubtful(free)
        self.sensors = [column for column in self.table.columns if column.role == "sensor"]
        left = [column for column in free if column.role == "left out"]
        for why in dict.fromkeys(column.why for column in left):
            names = join_names([column.name for column in left if column.why == why])
            is_known = why == "not numbers" and self.series is not None
            hint = "" if is_known else HINTS.get(why, ASK)
            self.notes.append(f"left out {names}: {why}{hint}")

    def _take_doubtful(self, free: list[Column]) -> None:
        """Use doubtful columns as sensors if there are no others."""
        doubtful = [c for c in free if c.kind in ("number", "clock")]
        doubtful = [c for c in doubtful if "labels" not in c.why] or doubtful
        if not doubtful:
            cells = [f"{c.name!r} contains {c.texts.iloc[0]!r}" for c in self.table.columns[:4]]
            raise ValueError(
                f"there is no column of numbers in {self.table.name}: {'; '.join(cells)}; "
                "check --delimiter, --skip-rows, --comment and --missing"
            )
        for column in doubtful:
            self.notes.append(
                f"{column.name}: {column.why}; used, because there is no other sensor"
            )
            column.role, column.why = "sensor", ""

    def _why_not(self, column: Column) -> str:
        """Return why a column is not a sensor, "" if it is one."""
        if column.kind == "empty":
            return "empty"
        if _looks_like_labels(column):
            return "looks like labels; --labels compares the result with them"
        if column.kind == "clock":
            return "times of day or durations"
        if column.kind == "time" or self._is_near(column.times):
            return "another time"
        if column.kind == "word":
            return TIMES_PERHAPS if _may_be_times(column) else "not numbers"
        plain = re.sub(r"[\W_]", "", column.name).lower()
        if re.fullmatch(SEGMENT_NAMES, plain) and column.n_values <= FEW_VALUES:
            return "marks parts of the file"
        return self._why_no_reading(column.values) if self.table.n_rows >= MIN_ROWS else ""

    def _why_no_reading(self, values: Floats) -> str:
        given = [part[~np.isnan(part)] for part in (values[rows] for rows in self.parts)]
        if not any(len(part) and np.ptp(part) for part in given):
            return "never changes"
        if any(np.ptp(values - part) == 0 for part in self._calendar()):
            return "repeats a part of the time"
        steps = np.concatenate([np.diff(values[rows]) for rows in self.parts])
        forward = steps[steps > 0]
        if not len(forward) or np.isnan(steps).any():
            return ""
        if (steps % 1 == 0).all() and (steps != 0).all() and (steps == 1).mean() > 0.9:
            return "only rises by 1: row numbers?"
        if self._goes_with_time(values):
            return "rises evenly with time: another clock?"
        is_total = (steps >= 0).mean() > 0.99 and len(np.unique(values)) > len(values) / 4
        if is_total and np.ptp(values) > 15 * np.median(forward):
            return "never falls: a running total? use its differences"
        return ""

    def _is_near(self, times: Times | None) -> bool:
        """Tell whether times equal the index within two days."""
        if times is None or self.index.wall.dtype.kind != "M":
            return times is not None
        return bool(np.abs(times.wall - self.index.wall).max() < np.timedelta64(2, "D"))

    def _goes_with_time(self, values: Floats) -> bool:
        """Tell whether values are proportional to time, within rounding."""
        passed = (self.index.instants - self.index.instants[0]).astype(float)
        if not passed[-1]:
            return False
        rate = (values[-1] - values[0]) / passed[-1]
        is_unit = any(np.isclose(rate * length, 1, rtol=1e-3) for length in UNITS.values())
        errors = np.abs(values - values[0] - rate * passed)
        return bool(is_unit and errors.max() < 1e-5 * np.ptp(values))

    def _calendar(self) -> Iterator[Any]:
        """Yield the parts of the time, with each first day of the week."""
        import pandas as pd

        if self.index.wall.dtype.kind == "M":
            times = pd.DatetimeIndex(self.index.wall)
            yield from (getattr(times, part).to_numpy() for part in PARTS_OF_TIME)
            yield from ((times.day_of_week.to_numpy() + first) % 7 for first in range(7))

    def _look_for_series(self, columns: list[Column]) -> None:
        """Find a column that distinguishes series, if time increases only within each."""
        n_rows, instants = self.table.n_rows, self.index.instants
        named = [c for c in columns if c.kind in ("word", "number") and not _looks_like_labels(c)]
        keys = [c for c in named if 1 < c.n_values <= n_rows / 5]
        if n_rows < MIN_ROWS or not keys:
            return
        if self.index.name == "row":
            self._look_for_cycles(keys, columns)
            return
        stays = 1 - _share_forward(instants, np.zeros(n_rows))
        fitting = [c for c in keys if _tells_apart(c.codes, instants, stays)]
        if 0 < stays < 1 and fitting:
            usual = int(np.bincount(np.unique(instants, return_counts=True)[1]).argmax())
            reason = f"each time occurs {usual} times" if usual > 1 else "time restarts"
            self._take_series(min(fitting, key=lambda column: column.n_values), reason)

    def _look_for_cycles(self, keys: list[Column], columns: list[Column]) -> None:
        """Find a counter that restarts with each value of another column."""
        for counter in (column for column in columns if column.kind == "number"):
            steps = np.diff(counter.values)
            begins = steps != 1
            if not 0 < begins.sum() < len(steps) / 5 or (steps[begins] > 0).any():
                continue
            for key in keys:
                if key is not counter and ((np.diff(key.codes) != 0) == begins).all():
                    self._take_series(key, f"{counter.name!r} restarts")
                    counter.role, self.index = "time", index_of_numbers(counter)
                    return

    def _take_series(self, column: Column, reason: str) -> None:
        column.role, self.series = "series", column
        self.notes.append(
            f"{reason}, {column.name} has {column.n_values} values: using --series "
            f"{column.name}; --keep {column.name} makes it a sensor of one series"
        )


def rows_of_each(labels: Sequence[str] | None, n_rows: int) -> list[NDArray[np.intp]]:
    """Return the rows of each series, in order of first appearance."""
    if labels is None:
        return [np.arange(n_rows)]
    rows: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(label, []).append(row)
    return [np.array(part) for part in rows.values()]


def read_labels(column: Column) -> NDArray[np.bool_]:
    """Return a column as labels, True for anomalies.

    Parameters
    ----------
    column : Column
        Contains 0 and 1, -1 and 1 as from ``predict``, or words including a normal one.

    Raises
    ------
    ValueError
        If it is unclear which values are anomalies.
    """
    texts = column.texts.str.lower().str.replace(" ", "").str.removesuffix(".0")
    found = set(texts)
    column.reject_first(texts.eq("").to_numpy(), "a label")
    if found == {"1"}:
        raise ValueError(f"all labels in {column.name!r} are 1; expected both 0 and 1")
    is_anomaly = texts.str.fullmatch(ANOMALOUS)
    if found == {"1", "-1"}:
        is_anomaly = texts == "-1"
    elif "1" in found and len(found) == 2 and not found & {"2", "3"}:
        is_anomaly = texts == "1"
    elif found & set(NORMAL):
        is_anomaly = ~texts.isin(NORMAL)
    elif not is_anomaly.any():
        seen = ", ".join(sorted(found)[:5])
        expected = "0 and 1, -1 and 1, or words such as normal and attack"
        raise ValueError(f"the labels in {column.name!r} are {seen}; expected {expected}")
    return np.asarray(is_anomaly, dtype=bool)


def _looks_like_labels(column: Column) -> bool:
    words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column.name)]
    is_weak = len(words) == 1 and words[0] in WEAK_LABEL_WORDS
    if column.kind not in ("number", "word") or not (is_weak or set(words) & set(LABEL_WORDS)):
        return False
    if is_weak and column.kind == "number":
        return set(column.values[~np.isnan(column.values)]) in ({0.0, 1.0}, {-1.0, 1.0})
    is_whole = column.kind == "word" or bool((column.values % 1 == 0).all())
    return is_whole and column.n_values <= FEW_VALUES


def _may_be_times(column: Column) -> bool:
    """Tell whether words contain numbers like times, and are mostly distinct."""
    holds_numbers = column.texts.str.fullmatch(r"\D*\d+\D+\d+.*").mean()
    return bool(holds_numbers > 0.9) and column.n_values > len(column.cells) / 2


def _share_forward(instants: NDArray[Any], codes: NDArray[Any]) -> float:
    """Return the share of increasing time steps within the rows of each code."""
    order = np.argsort(codes, kind="stable")
    steps, same = np.diff(instants[order]), np.diff(codes[order]) == 0
    return float((steps > np.zeros((), steps.dtype))[same].mean()) if same.any() else 0.0


def _tells_apart(codes: NDArray[np.intp], instants: NDArray[Any], stays: float) -> bool:
    """Tell whether time increases in the rows of each code."""
    is_in_blocks = np.count_nonzero(np.diff(codes)) == codes.max()
    forward, back = _share_forward(instants, codes), _share_forward(instants[::-1], codes[::-1])
    return (stays > 0.2 or bool(is_in_blocks)) and max(forward, back) > 0.99
