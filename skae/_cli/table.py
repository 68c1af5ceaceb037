"""The columns of a text or Parquet file, each as texts, numbers or times."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._cli.delimited import Layout, find_layout
from skae._cli.numbers import (
    MISSING_WORDS,
    Numbers,
    find_sentinels,
    might_be_thousands,
    read_numbers,
)
from skae._cli.outputs import as_float
from skae._cli.source import decode, is_parquet, name_source, read_frame, read_source
from skae._cli.times import Times, is_clock, read_clocks, read_numeric_times, read_times

# Messages list at most this many names.
MAX_NAMES = 8
# pandas compares exactly, so it finds the usual spellings; `Column` finds the rest.
MISSING_SPELLINGS = [*MISSING_WORDS, *map(str.upper, MISSING_WORDS), "NaN", "NaT", "None", "Null"]


@dataclass(frozen=True)
class Choice:
    """The options that describe a file and its columns.

    Parameters
    ----------
    index : str or None, default=None
        The time column, or columns of its parts separated by commas. If None, detected.
    features : sequence of str or None, default=None
        The sensor columns. If None, all columns of numbers without another role.
    keep : sequence of str, default=()
        Additional sensor columns, used with all their values.
    series : str or None, default=None
        The column that distinguishes several series.
    labels : str or None, default=None
        The column of known anomalies.
    time_format : str or None, default=None
        The format of times, as in ``strptime``.
    missing : sequence of str, default=()
        Words that mean a missing value.
    decimal : {".", ","} or None, default=None
        The decimal mark.
    delimiter, comment, encoding : str or None, default=None
        The mark between cells, the mark before comments, and the text encoding.
    skip_rows : int, default=0
        The number of first lines to ignore.
    max_gap : str or None, default=None
        The longest time step within a window.
    """

    index: str | None = None
    features: Sequence[str] | None = None
    keep: Sequence[str] = ()
    series: str | None = None
    labels: str | None = None
    time_format: str | None = None
    missing: Sequence[str] = ()
    decimal: str | None = None
    delimiter: str | None = None
    comment: str | None = None
    encoding: str | None = None
    skip_rows: int = 0
    max_gap: str | None = None


@dataclass(eq=False)
class Column:
    """One column: its name, its cells as read by pandas, and its role.

    Parameters
    ----------
    name : str
        The name.
    position : int
        The position in the file.
    cells : pandas Series
        The cells.
    table : Table
        The table of the column.
    role : str, default=""
        "time", "series", "labels", "sensor" or "left out".
    why : str, default=""
        The reason for the role.
    """

    name: str
    position: int
    cells: Any
    table: Table
    role: str = ""
    why: str = ""

    @cached_property
    def texts(self) -> Any:
        """The cells as written in the file, stripped."""
        cells = self.cells
        if self.cells.dtype.kind in "iufb" and self.table.layout is not None:
            cells = parse(self.table.layout, [self.position], dtype=str)[self.position]
        return cells.astype(object).where(cells.notna(), "").astype(str).str.strip()

    @cached_property
    def kind(self) -> str:
        """The kind of most cells: "number", "time", "clock", "word" or "empty"."""
        if self.cells.dtype.kind in "iufb":
            return "empty" if self.cells.isna().all() else "number"
        given = self.texts[~self.texts.str.lower().isin(MISSING_WORDS)]
        if not len(given):
            return "empty"
        if given.iloc[:: max(1, len(given) // 50)].map(is_clock).mean() > 0.5:
            return "clock"
        if np.isnat(self._times.wall[given.index]).mean() < 0.5:
            return "time"
        read = np.count_nonzero(~np.isnan(self.values))
        return "number" if 2 * read > len(given) or read and not self.numbers.words else "word"

    @cached_property
    def numbers(self) -> Numbers:
        """The cells as numbers, with notes on words that mean a missing value."""
        choice, layout, values = self.table.choice, self.table.layout, self._plain_numbers()
        if values is not None:
            said = [number for word in choice.missing if (number := as_float(word)) is not None]
            return Numbers(np.where(np.isin(values, said), np.nan, values))
        texts = self.texts.where(~self.texts.isin(choice.missing), "")
        delimiter = layout.delimiter if layout else ","
        found = read_numbers(texts, choice.decimal, self.table.decimal, delimiter)
        missing = found.missing_words()
        if missing:
            counts = ", ".join(f"{word!r} ({_cells(found.words[word])})" for word in missing)
            found.notes.append(f"{counts} treated as missing")
            found.words = {}
        return found

    @property
    def values(self) -> NDArray[np.float64]:
        """The cells as numbers, including `sentinels`."""
        return self.numbers.values

    @property
    def n_values(self) -> int:
        """The number of distinct cells."""
        return int(self.cells.nunique())

    @cached_property
    def codes(self) -> NDArray[np.intp]:
        """The cells as integers, numbered by first appearance."""
        return np.asarray(self.cells.astype(str).factorize()[0])

    def sensor_values(self) -> NDArray[np.float64]:
        """Return the cells as finite numbers, NaN for missing ones; clocks in seconds."""
        if self.kind == "clock":
            return read_clocks(self.texts)
        words, values = self.numbers.words, self.values
        wrong = self.texts.isin(words).to_numpy() if words else np.isinf(values)
        self.reject_first(wrong, "a number" if words else "a finite number")
        return np.where(np.isin(values, list(self.sentinels)), np.nan, values)

    @cached_property
    def sentinels(self) -> dict[float, int]:
        """The numbers that mean a missing value, and their counts."""
        return {} if self.name in self.table.choice.keep else find_sentinels(self.values)

    def notes(self) -> list[str]:
        """Return notes on how the cells were read as numbers."""
        notes = list(self.numbers.notes)
        if self.sentinels:
            counts = ", ".join(f"{v:.15g} ({_cells(n)})" for v, n in self.sentinels.items())
            notes.append(f"{counts} treated as missing; --keep makes it a value")
        return notes

    @cached_property
    def times(self) -> Times | None:
        """The cells as times, None if most are not."""
        if self.kind == "time":
            return self._times
        if self.kind != "number":
            return None
        if self.table.choice.time_format:
            return None if np.isnat(self._times.wall).mean() > 0.5 else self._times
        values = self.values
        is_plain = not (np.isnan(values).any() or self.numbers.notes)
        return read_numeric_times(values, self.name) if is_plain else None

    def reject_first(self, bad: NDArray[np.bool_], expected: str, advice: str = "") -> None:
        """Raise ValueError with the first bad cell, if there is one."""
        if bad.any():
            row = int(bad.argmax())
            cell = self.texts.iloc[row]
            raise ValueError(
                f"{self.table.place(row)}, column {self.name!r}: {cell!r} is not {expected}; "
                + (advice or f"--missing {cell!r} treats it as missing")
            )

    @cached_property
    def _times(self) -> Times:
        return read_times(self.texts, self.table.choice.time_format)

    def _plain_numbers(self) -> NDArray[np.float64] | None:
        """Return the numbers that pandas read, None if the texts must be parsed."""
        if self.cells.dtype.kind not in "iuf":
            return None
        values = self.cells.to_numpy(dtype=float, na_value=np.nan)
        has_text = self.table.layout is not None
        return None if has_text and might_be_thousands(values) else values


@dataclass(eq=False)
class Table:
    """The columns of a file.

    Parameters
    ----------
    name : str
        The name of the file in messages.
    choice : Choice
        The options of the user.
    layout : Layout or None
        The lines of the file, None for Parquet.
    notes : list of str
        Notes on how the file was read.
    """

    name: str
    choice: Choice
    layout: Layout | None = None
    notes: list[str] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self.columns[0].cells)

    def place(self, row: int) -> str:
        """Return the line or row number of a row, in words."""
        return f"row {row + 1}" if self.layout is None else f"line {self._lines[row]}"

    @cached_property
    def decimal(self) -> str:
        """The decimal mark of the columns in which it is certain."""
        if self.layout is None or self.layout.delimiter == ",":
            return "."
        texts = [c.texts for c in self.columns if c.cells.dtype.kind not in "iufb"]
        certain = r"-?(?:[\d.]*\d,(?:\d{1,2}|\d{4,})|(?:0|\d{4,}),\d{3})"
        commas = sum(int(text.str.fullmatch(certain).sum()) for text in texts)
        dates = sum(int(text.str.match(r"\d\d?\.\d\d?\.(\d{4}|\d\d)\b").sum()) for text in texts)
        dots = any(
            c.cells.dtype.kind == "f" and c._plain_numbers() is not None for c in self.columns
        )
        return "," if commas or dates and not dots else "."

    @cached_property
    def _lines(self) -> list[int]:
        assert self.layout is not None
        return [line for line, _ in self.layout.rows()]


def read_table(path: str, choice: Choice) -> Table:
    """Read the columns of a text or Parquet file, without columns that have no name and no cell.

    Raises
    ------
    ValueError
        If the file is not a table, or the packages that read it are not installed.
    OSError
        If the file cannot be opened.
    """
    content, name = read_source(path), name_source(path)
    if is_parquet(content):
        table = Table(name, choice)
        frame = read_frame(name, content)
        cells = [(str(column), i, frame.iloc[:, i]) for i, column in enumerate(frame)]
    else:
        text, notes = decode(name, content, choice.encoding)
        comment = choice.comment or "#"
        layout = find_layout(name, text, choice.delimiter or "", comment, choice.skip_rows)
        _note_short_rows(layout)
        table = Table(name, choice, layout, notes + layout.notes)
        frame = parse(layout, range(len(layout.names)))
        if not len(frame):
            raise ValueError(f"{name} contains only a header; expected rows of numbers below it")
        cells = [(column, i, frame[i]) for i, column in enumerate(layout.names)]
    for name, place, cell in cells:
        column = Column(name, place, cell, table)
        if name not in ("index", f"column{place + 1}") or column.kind != "empty":
            table.columns.append(column)
    if not table.columns:
        raise ValueError(f"there is no column of numbers in {name}")
    return table


def find_name(names: Sequence[str], name: str) -> int:
    """Return the position of a name; ValueError lists the names."""
    if name not in names:
        raise ValueError(f"there is no column {name!r}; the columns are {join_names(names)}")
    return names.index(name)


def join_names(names: Sequence[str]) -> str:
    """Return names separated by commas, at most `MAX_NAMES` of many.

    Examples
    --------
    >>> from skae._cli.table import join_names
    >>> join_names([f"s{i}" for i in range(100)])
    's0, s1, s2, s3, s4, s5, s6, s7 and 92 more'
    """
    if len(names) <= MAX_NAMES + 1:
        return ", ".join(names)
    return f"{', '.join(names[:MAX_NAMES])} and {len(names) - MAX_NAMES} more"


def parse(layout: Layout, columns: Sequence[int], **options: Any) -> Any:
    """Return columns as a dataframe, with numbers if all cells are plain numbers."""
    import pandas as pd

    try:
        return pd.read_csv(
            io.BytesIO(layout.content),
            sep=layout.delimiter,
            header=None,
            names=range(len(layout.names)),
            index_col=False,
            na_values=MISSING_SPELLINGS,
            keep_default_na=False,
            skipinitialspace=True,
            usecols=columns,
            low_memory=False,  # in chunks, a column could have numbers and words
            **options,
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=list(columns))
    except pd.errors.ParserError as error:
        raise ValueError(f"{layout.name} is not a CSV file: {error}") from error


def _note_short_rows(layout: Layout) -> None:
    """Note rows with too few cells; raise ValueError if a row has too many."""
    content, width = layout.content, len(layout.names)
    mark = layout.delimiter.encode()
    counts = Counter(line.count(mark) for line in io.BytesIO(content) if line.strip())
    if b'"' not in content and set(counts) == {width - 1}:
        return
    short: list[int] = []
    behind: set[str] = set()
    for line, cells in layout.rows():
        if layout.delimiter == " " and len(cells) == width + 1 and cells[width].isalpha():
            behind.add(cells[width])
        elif any(cells[width:]):
            raise ValueError(
                f"line {line} of {layout.name} has {len(cells)} cells instead of {width}; "
                "ignore lines with --skip-rows or --comment"
            )
        short += [line] * (len(cells) < width)
    if behind:
        words = rb" (?:%b)$" % "|".join(behind).encode()
        layout.content = re.sub(words, b"", content, flags=re.MULTILINE)
        layout.notes.append(f"left out words after the last column: {', '.join(sorted(behind))}")
    others = f" and {len(short) - 1} others have" if len(short) > 1 else " has"
    if 1 < len(short) == counts.total():
        raise ValueError(
            f"line {short[0]}{others} too few cells for {width} columns in {layout.name}; "
            "set --delimiter, or ignore lines with --skip-rows or --comment"
        )
    if short:
        layout.notes.append(
            f"line {short[0]}{others} too few cells: the last are treated as missing"
        )


def _cells(count: int) -> str:
    return f"{count} cell{'s' if count > 1 else ''}"
