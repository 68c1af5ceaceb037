"""Read the columns of a table with pandas, and name the line of what cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skae._cli.lines import MISSING_WORDS, Lines, open_lines, parse_number
from skae._cli.parquet import read_frame
from skae._cli.source import is_parquet, name_source, read_source
from skae._cli.times import ISO, TimeFormat, ask_for_format, find_time_format

__all__ = ["Column", "read_columns"]

# pandas compares letter by letter: the usual spellings are for it, the rest for `Column`.
MISSING_SPELLINGS = [*MISSING_WORDS, *map(str.upper, MISSING_WORDS), "NaN", "NaT", "None", "Null"]
LABEL_WORDS = {
    **{"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1},
    **{"-1": -1, "-1.0": -1},
}
# A word costs pandas ten times what a number does: it gets only what begins like one.
NUMBER_START = r"[-+]?(?:\.?\d|[iI]nf)"
DECIMAL_COMMA = r"^([^.,]*),([^.,]*)$"


class Origin(Protocol):
    """Where the cells of a table come from."""

    @property
    def delimiter(self) -> str:
        """Return what stands between two cells."""

    def place(self, row: int, column: int) -> tuple[str, str]:
        """Return the words for the place of a row, and the cell that stands there."""


@dataclass(eq=False)
class Column:
    """One column of a table: its name, its cells as pandas parsed them, and its place."""

    name: str
    cells: Any
    position: int
    origin: Origin
    given_format: TimeFormat | None = None

    @cached_property
    def kind(self) -> str:
        """Whether most cells are a "number", a "time" or "text"; "empty" without any."""
        half = np.count_nonzero(~self._missing) / 2
        if not half:
            return "empty"
        if not self._is_parsed and np.count_nonzero(~np.isnat(self._times)) > half:
            return "time"
        return "number" if np.count_nonzero(~np.isnan(self._numbers)) > half else "text"

    @cached_property
    def time_format(self) -> TimeFormat:
        """How the times of the column are written."""
        if self._is_time:
            return ISO
        return self.given_format or find_time_format(self._texts)

    def ask_for_format(self) -> str:
        """Return why cells that look like times cannot be read as such, "" if they do not."""
        return "" if self._is_parsed or self._is_time else ask_for_format(self._texts)

    def labels(self) -> list[str]:
        """Return the cells as they are written, without spaces around."""
        return self._texts.tolist()

    def numbers(self) -> NDArray[np.float64]:
        """Return the cells as finite numbers, NaN where one is missing."""
        self._refuse_first(~np.isfinite(self._numbers) & ~self._missing, "a number")
        return self._numbers

    def is_binary(self) -> bool:
        """Return whether the cells are 0 and 1, or -1 and 1, as labels are."""
        if self.kind != "number":
            return False
        return set(np.unique(self._numbers[~self._missing])) in ({0.0, 1.0}, {-1.0, 1.0})

    def outliers(self) -> NDArray[np.bool_]:
        """Return the cells as labels, True for an anomaly."""
        from skae.metrics import is_outlier

        labels = self._texts.str.lower().map(LABEL_WORDS)
        self._refuse_first(labels.isna().to_numpy(), "a label (0 or 1, -1 or 1, true or false)")
        return is_outlier(labels.to_numpy(dtype=int))

    def times(self) -> NDArray[np.datetime64]:
        """Return the cells as timestamps, those with a time zone in UTC."""
        self._refuse_first(np.isnat(self._times), "a timestamp")
        return self._times

    @cached_property
    def _is_parsed(self) -> bool:
        return self.cells.dtype.kind in "iuf"

    @cached_property
    def _is_time(self) -> bool:
        return self.cells.dtype.kind == "M"

    @cached_property
    def _texts(self) -> Any:
        return self.cells.astype(str).fillna("").str.strip()

    @cached_property
    def _missing(self) -> NDArray[np.bool_]:
        if self._is_parsed or self._is_time:
            return self.cells.isna().to_numpy()
        return self._texts.str.lower().isin(MISSING_WORDS).to_numpy()

    @cached_property
    def _numbers(self) -> NDArray[np.float64]:
        import pandas as pd

        if self._is_parsed:
            return self.cells.to_numpy(dtype=float, na_value=np.nan)
        if self._is_time:
            return np.full(len(self.cells), np.nan)
        texts = self._texts
        if self.origin.delimiter != ",":
            texts = texts.str.replace(DECIMAL_COMMA, r"\1.\2", regex=True)
        texts = texts.where(texts.str.match(NUMBER_START))
        return pd.to_numeric(texts, errors="coerce").to_numpy(dtype=float)

    @cached_property
    def _times(self) -> NDArray[np.datetime64]:
        if not self._is_time:
            return self.time_format.parse(self._texts)
        zone = getattr(self.cells.dtype, "tz", None)
        times = self.cells if zone is None else self.cells.dt.tz_convert(None)
        return times.to_numpy().astype("datetime64[us]")

    def _refuse_first(self, bad: NDArray[np.bool_], expected: str) -> None:
        if not bad.any():
            return
        place, cell = self.origin.place(int(bad.argmax()), self.position)
        if expected == "a number" and np.isinf(parse_number(cell) or 0):
            expected = "a finite number"
        raise ValueError(f"{place}, column {self.name!r}: {cell!r} is not {expected}")


def read_columns(
    path: str, is_written: Callable[[str], bool], time_format: TimeFormat | None = None
) -> list[Column]:
    """Read the columns of a file of CSV or Parquet.

    Parameters
    ----------
    path : str
        The file; "-" is standard input.
    is_written : callable
        Says of a name whether its cells are needed as they are written.
    time_format : TimeFormat or None, default=None
        How times are written. If None, that is found for each column.

    Returns
    -------
    columns : list of Column
        The columns, without those that come from delimiters at the ends of the lines.

    Raises
    ------
    ValueError
        If the file is no table, or what reads it is not installed.
    OSError
        If the file cannot be opened.
    """
    content = read_source(path)
    if is_parquet(content):
        frame, rows = read_frame(name_source(path), content)
        return [
            Column(name, frame.iloc[:, i], i, rows, time_format) for i, name in enumerate(frame)
        ]
    lines = open_lines(path, content)
    frame = _parse(lines, {i for i, name in enumerate(lines.names) if is_written(name)})
    columns = [Column(name, frame[i], i, lines, time_format) for i, name in enumerate(lines.names)]
    return [c for c in columns if c.name != f"column{c.position + 1}" or c.kind != "empty"]


def _parse(lines: Lines, as_written: set[int]) -> Any:
    """Return the rows below the header as a DataFrame, numbers where all cells are numbers."""
    try:
        import pandas as pd
    except ImportError:
        raise ValueError("reading a FILE needs pandas; run pip install 'skae[cli]'") from None
    try:
        frame = pd.read_csv(lines.below_header(), **_options(lines, as_written))
    except pd.errors.EmptyDataError:
        reason = "holds a header only; expected rows of numbers below it"
        raise ValueError(f"{lines.name} {reason}") from None
    except pd.errors.ParserError as error:
        lines.check_lengths(None)
        raise ValueError(f"{lines.name} is not a CSV file: {error}") from error
    # pandas counts the cells of the first row, and refuses those that have more.
    lines.check_lengths(len(frame) if frame.shape[1] == len(lines.names) else None)
    return frame


def _options(lines: Lines, as_written: set[int]) -> dict[str, Any]:
    others = set(range(len(lines.names))) - as_written
    return {
        "sep": lines.delimiter,
        "header": None,
        "decimal": "," if lines.delimiter != "," and b"," in lines.content else ".",
        "dtype": dict.fromkeys(as_written, str),
        "na_values": dict.fromkeys(others, MISSING_SPELLINGS),
        "keep_default_na": False,
        "low_memory": False,  # in parts, a column could be of numbers here and of words there
    }
