"""Read the columns of a CSV file with pandas, and name the line of what cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._command.lines import DATE_START, MISSING_WORDS, Lines, open_lines, parse_number

__all__ = ["Column", "read_columns"]

# pandas compares letter by letter: the usual spellings are for it, the rest for `Column`.
MISSING_SPELLINGS = [*MISSING_WORDS, *map(str.upper, MISSING_WORDS), "NaN", "NaT", "None", "Null"]
# A word costs pandas ten times what a number does: it gets only what begins like one.
NUMBER_START = r"[-+]?(?:\.?\d|[iI]nf)"
DECIMAL_COMMA = r"^([^.,]*),([^.,]*)$"


@dataclass(eq=False)
class Column:
    """One column of a CSV file: its name, its cells as pandas parsed them, and its place."""

    name: str
    cells: Any
    position: int
    lines: Lines

    @cached_property
    def kind(self) -> str:
        """Whether most cells are a "number", a "time" or "text"; "empty" without any."""
        half = np.count_nonzero(~self._missing) / 2
        if not half:
            return "empty"
        if not self._is_parsed and np.count_nonzero(~np.isnat(self._times)) > half:
            return "time"
        return "number" if np.count_nonzero(~np.isnan(self._numbers)) > half else "text"

    def labels(self) -> list[str]:
        """Return the cells as they are written, without spaces around."""
        return self._texts.tolist()

    def numbers(self) -> NDArray[np.float64]:
        """Return the cells as finite numbers, NaN where one is missing."""
        self._refuse_first(~np.isfinite(self._numbers) & ~self._missing, "a number")
        if self.kind == "empty":
            raise ValueError(f"column {self.name!r} holds no value; leave it out with --columns")
        return self._numbers

    def times(self) -> NDArray[np.datetime64]:
        """Return the cells as timestamps, those with a time zone in UTC."""
        self._refuse_first(np.isnat(self._times), "a timestamp")
        return self._times

    @cached_property
    def _is_parsed(self) -> bool:
        return self.cells.dtype.kind in "iuf"

    @cached_property
    def _texts(self) -> Any:
        return self.cells.astype(str).fillna("").str.strip()

    @cached_property
    def _missing(self) -> NDArray[np.bool_]:
        if self._is_parsed:
            return self.cells.isna().to_numpy()
        return self._texts.str.lower().isin(MISSING_WORDS).to_numpy()

    @cached_property
    def _numbers(self) -> NDArray[np.float64]:
        import pandas as pd

        if self._is_parsed:
            return self.cells.to_numpy(dtype=float)
        texts = self._texts
        if self.lines.delimiter != ",":
            texts = texts.str.replace(DECIMAL_COMMA, r"\1.\2", regex=True)
        texts = texts.where(texts.str.match(NUMBER_START))
        return pd.to_numeric(texts, errors="coerce").to_numpy(dtype=float)

    @cached_property
    def _times(self) -> NDArray[np.datetime64]:
        import pandas as pd

        texts = self._texts.where(self._texts.str.match(DATE_START)).str.replace("/", "-")
        times = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
        return times.dt.tz_localize(None).to_numpy().astype("datetime64[us]")

    def _refuse_first(self, bad: NDArray[np.bool_], expected: str) -> None:
        if not bad.any():
            return
        line, cells = self.lines.find(int(bad.argmax()))
        cell = cells[self.position]
        if expected == "a number" and np.isinf(parse_number(cell) or 0):
            expected = "a finite number"
        raise ValueError(f"line {line}, column {self.name!r}: {cell!r} is not {expected}")


def read_columns(path: str, is_index: Callable[[str], bool]) -> list[Column]:
    """Read the columns of a CSV file in UTF-8.

    Parameters
    ----------
    path : str
        The file.
    is_index : callable
        Says of a name whether its cells are needed as they are written.

    Returns
    -------
    columns : list of Column
        The columns, without those that come from delimiters at the ends of the lines.

    Raises
    ------
    ValueError
        If the file is no CSV or pandas is not installed.
    OSError
        If the file cannot be opened.
    """
    lines = open_lines(path)
    frame = _parse(lines, {i for i, name in enumerate(lines.names) if is_index(name)})
    columns = [Column(name, frame[i], i, lines) for i, name in enumerate(lines.names)]
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
        raise ValueError(f"{lines.path} {reason}") from None
    except pd.errors.ParserError as error:
        lines.check_lengths(None)
        raise ValueError(f"{lines.path} is not a CSV file: {error}") from error
    # pandas counts the cells of the first row, and refuses those that have more.
    lines.check_lengths(len(frame) if frame.shape[1] == len(lines.names) else None)
    return frame


def _options(lines: Lines, as_written: set[int]) -> dict[str, Any]:
    others = set(range(len(lines.names))) - as_written
    return {
        "sep": lines.delimiter,
        "header": None,
        "decimal": "," if lines.delimiter != "," and "," in lines.text else ".",
        "dtype": dict.fromkeys(as_written, str),
        "na_values": dict.fromkeys(others, MISSING_SPELLINGS),
        "keep_default_na": False,
        "low_memory": False,  # in parts, a column could be of numbers here and of words there
    }
