"""The index of a table: a time column, or several columns combined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._cli.outputs import as_float
from skae._cli.table import Column, Table, find_name
from skae._cli.times import MINUTES, Times, read_clocks, read_numeric_times, read_times

# Rising numbers may be a counter sensor, so only the name identifies an index.
# An unnamed first column is called "index" here and "unnamed: 0" in pandas.
INDEX_NAMES = (
    r"(?i)index|unnamed: 0|t|"
    r"(date|time|timestamp|datetime|elapsed|zeit|temps|tiempo|year|jahr|año|année)\W?.{0,6}"
)
PARTS = {
    "year": r"y{1,4}|year|yr|jahr|an|año|ano|année|annee|anno|jaar|rok",
    "month": r"mm?|mon|mo|month|monat|mes|mois|mese|maand",
    "day": r"dd?|day|dy|dom|dayofmonth|tag|dia|día|jour|giorno|dag",
    "hour": r"hh?|hour|hr|hours|stunde|std|hora|heure|ora|uur",
    "minute": r"mi|mn|min|minute|minuto|minuut|mm?",
    "second": r"ss?|sec|second|seconds|sekunde|segundo|seconde",
}
# In fewer rows, numbers may rise by chance.
MIN_ROWS = 20
# Ranges of the parts of dates, for adjacent columns without telling names.
LIMITS = {"year": (1800, 2100), "month": (1, 12), "day": (1, 31), "doy": (1, 366)}
LIMITS |= {"hour": (0, 24), "minute": (0, 59)}
DATES_BY = {
    "doy": r"doy|jday|julian|julianday|dayofyear|yday|ddd",
    "week": r"week|weeknum|weekofyear|isoweek|wk|kw|woche|semaine|semana",
}
CLOCK_NAMES = r"time|hhmm|hourending|he|uhrzeit|zeit|clock|hora|heure|ora|" + PARTS["hour"]


@dataclass
class Index:
    """The times of the rows.

    Parameters
    ----------
    name : str
        The name of the index.
    wall : ndarray of shape (n_rows,)
        Local times as datetime64[us], or numbers.
    instants : ndarray of shape (n_rows,)
        Times in UTC if the file has zones, else `wall`.
    labels : list of str
        The cells as written in the file.
    columns : list of Column
        The columns of the index.
    order : str, default="number"
        The format, see :class:`skae._cli.times.Times`.
    notes : list of str
        Notes on how the index was read.
    """

    name: str
    wall: NDArray[Any]
    instants: NDArray[Any]
    labels: list[str]
    columns: list[Column] = field(default_factory=list)
    order: str = "number"
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.wall.dtype.kind == "M":  # units differ in pandas and Parquet
            self.wall = self.wall.astype("datetime64[us]")
            self.instants = self.instants.astype("datetime64[us]")

    def is_after(self, text: str) -> NDArray[np.bool_]:
        """Return which rows are after this time or number; ValueError if the text is neither."""
        if self.wall.dtype.kind != "M":
            number = as_float(text)
            if number is None or number != number:
                raise ValueError(f"{text!r} is not a number")
            return np.asarray(self.instants > number)
        found = _parse_time(text, self)
        if found is None or np.isnat(found.wall[0]):
            raise ValueError(f"{text!r} is not a timestamp")
        has_zone = found.wall[0] != found.instants[0]
        rows, limit = (self.instants, found.instants) if has_zone else (self.wall, found.wall)
        return np.asarray(rows > limit[0])

    def take(self, rows: NDArray[np.intp]) -> Index:
        """Return the index with rows in this order."""
        labels = [self.labels[row] for row in rows]
        return replace(self, wall=self.wall[rows], instants=self.instants[rows], labels=labels)


def number_rows(n_rows: int) -> Index:
    """Return an index of row numbers."""
    rows = np.arange(n_rows)
    return Index("row", rows, rows, [str(row) for row in rows])


def find_index(table: Table, others: list[Column]) -> Index:
    """Find the index among columns without a role: the finest times, else rising numbers.

    Raises
    ------
    ValueError
        If --index or --time-format does not fit.
    """
    choice = table.choice
    if choice.index is not None:
        return _given(table)
    found = list(_candidates(others))
    if choice.time_format and not any("%" in index.order for index in found):
        raise ValueError(f"--time-format {choice.time_format!r} fits no column of {table.name}")
    if found:
        # Of equally fine times, the first: columns before parts, texts before numbers.
        return _checked(max(found, key=lambda index: len(np.unique(index.instants))))
    if rising := next(filter(_is_rising, others), None):
        return index_of_numbers(rising)
    if even := next(filter(_rises_evenly, others), None):
        return index_of_numbers(even, f"{even.name!r} always rises: used as the index")
    return number_rows(table.n_rows)


def _given(table: Table) -> Index:
    names, named = [column.name for column in table.columns], table.choice.index or ""
    parts = [name.strip() for name in named.split(",") if name.strip()]
    parts = [named] if named in names else parts
    columns = [table.columns[find_name(names, name)] for name in parts]
    if len(columns) > 1:
        index = _joined(columns, [column.texts for column in columns])
        if index is None:
            raise ValueError(f"--index {named!r}: these columns do not form times")
        return _checked(index)
    (column,) = columns
    if column.times is not None:
        return _checked(_of_times(column, column.times))
    if table.choice.time_format:
        column.reject_first(
            np.ones(table.n_rows, dtype=bool), f"in the format {table.choice.time_format!r}"
        )
    if column.kind in ("number", "clock") and not np.isnan(_rising_numbers(column)).any():
        return index_of_numbers(column)
    rows = np.arange(table.n_rows)
    return Index(column.name, rows, rows, column.texts.tolist(), [column])


def _candidates(columns: list[Column]) -> Iterator[Index]:
    """Yield possible indexes, the likelier first."""
    texts = sorted(columns, key=lambda column: column.kind != "time")
    texts = [column for column in texts if column.kind in ("time", "number")]
    timed = {column: times for column in texts if (times := column.times) is not None}
    yield from (_of_times(column, times) for column, times in timed.items())
    words = [column for column in columns if column.kind == "word" and column.n_values > 1]
    zones = [column for column in words if column.texts.isin(MINUTES).all()]
    joined = [_joined([c, zone], [c.texts, zone.texts]) for c in timed for zone in zones]
    for date in (column for column, times in timed.items() if not times.has_clock):
        beside = columns[columns.index(date) + 1 :][:1]
        clocks = [c for c in columns if _is_clock(c) or (c in beside and _is_hour_of(date, c))]
        joined += [_joined([date, c], [date.texts, _clock_texts(c)]) for c in clocks]
    for parts in (_parts(columns), _parts_by_values(columns)):
        if len(parts) > 1:
            years = parts["year"].texts.str.len()
            order = "y-m-d" if (years == 2).all() else "ymd"
            joined.append(_joined(list(parts.values()), [_written(parts)], order))
    yield from (index for index in joined if index is not None)


def _of_times(column: Column, times: Times) -> Index:
    notes = [f"{column.name!r}: {times.note}"] if times.note else []
    labels = column.texts.tolist()
    return Index(column.name, times.wall, times.instants, labels, [column], times.order, notes)


def _joined(columns: list[Column], texts: list[Any], order: str | None = None) -> Index | None:
    """Return the index of combined columns, None if they do not form times."""
    whole = texts[0].str.cat(texts[1:], sep=" ") if len(texts) > 1 else texts[0]
    times = read_times(whole, order)
    if np.isnat(times.wall).mean() > 0.01:
        return None
    name, names = " ".join(c.name for c in columns), [column.name for column in columns]
    notes = [f"{' and '.join(names)} are combined into times", *filter(None, [times.note])]
    return Index(name, times.wall, times.instants, whole.tolist(), columns, times.order, notes)


def _checked(index: Index) -> Index:
    """Return the index; raise ValueError if a row has no time."""
    advice = "set another --index, or ignore lines with --comment or --skip-rows"
    index.columns[0].reject_first(np.isnat(index.instants), "a timestamp", advice)
    first, last = (int(str(time)[:4]) for time in (index.wall.min(), index.wall.max()))
    if first < 1600 or last > 2100:
        index.notes.append(f"the years are {first} to {last}: is this another calendar?")
    return index


def _is_clock(column: Column) -> bool:
    if column.kind != "number":
        return column.kind == "clock"
    values = column.numbers.values
    whole = bool((values % 1 == 0).all()) and values.min() >= 0 and values.max() <= 240000
    return whole and re.fullmatch(CLOCK_NAMES, _plain(column.name)) is not None


def _clock_texts(column: Column) -> Any:
    if column.kind == "clock" or column.numbers.values.max() <= 24:
        return column.texts
    return column.texts.str.zfill(4 if column.numbers.values.max() <= 2400 else 6)


def _plain(name: str) -> str:
    return re.sub(r"\(.*\)|[\W\d_]", "", name).lower()


def _parts(columns: list[Column]) -> dict[str, Column]:
    """Return the columns of year, month, day and so on, found by name."""
    found: dict[str, Column] = {}
    names = [_plain(column.name) for column in columns]
    by = next((by for by in DATES_BY for name in names if re.fullmatch(DATES_BY[by], name)), "")
    for part in ["year", by, "hour", "minute", "second"] if by else PARTS:
        free = (column for column in columns if column not in found.values())
        named = (c for c in free if re.fullmatch((PARTS | DATES_BY)[part], _plain(c.name)))
        if (column := next(named, None)) is None:
            break
        found[part] = column
    return found


def _parts_by_values(columns: list[Column]) -> dict[str, Column]:
    """Return adjacent columns that together rise like the parts of dates."""
    orders = (["year", "month", "day", "hour", "minute"], ["year", "doy", "hour", "minute"])
    for first, order in product(range(len(columns)), orders):
        parts: dict[str, Column] = {}
        key: Any = 0.0
        for part, column in zip(order, columns[first:], strict=False):
            # Weeks are no days.
            if not _is_within(column, *LIMITS[part]) or (part == "doy" and max(column.values) < 54):
                break
            parts[part], key = column, 400 * key + column.values
            if (np.diff(key) > 0).all():
                return parts
    return {}


def _is_within(column: Column, low: int, high: int) -> bool:
    if column.kind != "number":
        return False
    values = column.values
    return bool(((values % 1 == 0) & (values >= low) & (values <= high)).all())


def _is_hour_of(date: Column, column: Column) -> bool:
    """Tell whether a column is the hour: with it, dates always rise."""
    if not _is_within(column, *LIMITS["hour"]) or date.times is None or column.numbers.notes:
        return False
    hours = date.times.wall.astype("M8[h]").astype(float) + column.values
    return bool((np.diff(hours) > 0).all())


def _written(parts: dict[str, Column]) -> Any:
    """Return the parts of dates as texts such as 2024-03-01 12:30."""
    texts = [c.texts.str.removesuffix(".0").str.zfill(2 + (p == "doy")) for p, c in parts.items()]
    n_dates = 3 if "month" in parts else 2
    date = texts[0].str.cat(texts[1:n_dates], sep="-W" if "week" in parts else "-")
    clock = texts[n_dates:]
    return date.str.cat(clock[:1], sep=" ").str.cat(clock[1:], sep=":") if clock else date


def _is_rising(column: Column) -> bool:
    if column.kind not in ("number", "clock") or not re.fullmatch(INDEX_NAMES, column.name):
        return False
    steps = np.diff(_rising_numbers(column))
    begins_anew = column.table.choice.series is not None and len(steps) > 0
    return bool((steps > 0).all() or (steps < 0).all() or begins_anew)


def _rises_evenly(column: Column) -> bool:
    """Tell whether a clock rises, or numbers rise by a constant step other than 1."""
    if column.kind not in ("number", "clock") or column.table.n_rows < MIN_ROWS:
        return False
    steps = np.diff(_rising_numbers(column))
    is_even = column.kind == "clock" or np.allclose(steps, steps[0], rtol=1e-3, atol=0)
    return bool((steps > 0).all() and steps[0] != 1 and is_even)


def _rising_numbers(column: Column) -> NDArray[np.float64]:
    """Return numbers, or seconds of clocks; a fall by half a day begins a new day."""
    if column.kind != "clock":
        return column.numbers.values
    seconds = read_clocks(column.texts)
    return np.asarray(seconds + 86400 * np.cumsum(np.diff(seconds, prepend=0) < -43200))


def index_of_numbers(column: Column, *notes: str) -> Index:
    """Return a column of numbers as the index; ValueError if a cell is not a number."""
    values = _rising_numbers(column)
    column.reject_first(np.isnan(values), "a number")
    if column.kind == "clock" and (values != read_clocks(column.texts)).any():
        notes = (*notes, f"{column.name!r} restarts: a day is added there")
    return Index(column.name, values, values, column.texts.tolist(), [column], notes=list(notes))


def _parse_time(text: str, index: Index) -> Times | None:
    if index.order == "number" and re.fullmatch(r"[\d.]+", text):
        return read_numeric_times(np.array([float(text)]), index.name)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:  # not ISO 8601
        import pandas as pd

        return read_times(pd.Series([text]), index.order if index.order != "number" else None)
    wall = np.array([time.replace(tzinfo=None)], "M8[us]")
    return Times(wall, wall - np.array([time.utcoffset() or 0], "m8[us]"), "ymd")
