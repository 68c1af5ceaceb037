"""Cut the text of a CSV file into cells: its delimiter, its header, the line of each row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

__all__ = ["DATE_START", "MISSING_WORDS", "Lines", "open_lines", "parse_number", "parse_timestamp"]

DELIMITERS = ",;\t"
# Enough to tell a delimiter from a comma that happens to stand in a text.
SNIFFED_LINES = 20
# What pandas (nan, nat), C (-nan), R (na), spreadsheets (n/a, #n/a), databases (null) and
# Python (none) write for a missing value, in lower case.
MISSING_WORDS = {"", "nan", "-nan", "na", "n/a", "#n/a", "null", "none", "nat"}
# Without it, Python takes 20240101 for a date, and pandas "now" and a year as well.
DATE_START = r"\d{4}[-/]\d\d[-/]\d\d"


@dataclass
class Lines:
    """The lines of a CSV file, how they are cut into cells, and which of them are the header.

    Attributes
    ----------
    path : str
        The file.
    text : str
        What it holds.
    delimiter : str
        What stands between two cells.
    names : list of str
        The names of the columns.
    n_header : int
        The number of lines up to the end of the header; 0 without one.
    """

    path: str
    text: str
    delimiter: str
    names: list[str]
    n_header: int

    def find(self, row: int) -> tuple[int, list[str]]:
        """Return the number of the line where a row ends, and its cells as they are written."""
        return next(islice(self._rows(), row + bool(self.n_header), None))

    def check_lengths(self, n_rows: int | None) -> None:
        """Raise ValueError if a row has too many or too few cells.

        Parameters
        ----------
        n_rows : int or None
            The number of rows if it is known that none has too many cells: then counting
            delimiters is enough, unless some are quoted.
        """
        if n_rows is not None and '"' not in self.text:
            n_delimiters = (len(self.names) - 1) * (n_rows + bool(self.n_header))
            if self.text.count(self.delimiter) == n_delimiters:
                return
        for line, cells in self._rows():
            if len(cells) != len(self.names):
                raise ValueError(
                    f"line {line} of {self.path} has {len(cells)} cells "
                    f"instead of {len(self.names)}"
                )

    def below_header(self) -> io.BytesIO:
        """Return the text without the header."""
        start = sum(map(len, islice(_split(self.text), self.n_header)))
        return io.BytesIO(self.text[start:].encode())

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        return _cut(self.path, self.text, self.delimiter)


def open_lines(path: str) -> Lines:
    """Read a CSV file and find its delimiter and its header.

    Parameters
    ----------
    path : str
        The file: text in UTF-8.

    Returns
    -------
    lines : Lines
        The lines, of which at least one is not blank.

    Raises
    ------
    ValueError
        If the file is empty or no text, or two columns have the same name.
    OSError
        If the file cannot be opened.
    """
    text = _read_text(path)
    delimiter = _find_delimiter(text)
    # Spreadsheets leave lines of nothing but delimiters behind a table.
    text = re.sub(rf"\n[ \t{delimiter}]+(?=\n|\Z)", "\n", f"\n{text}")[1:]
    line, cells = next(_cut(path, text, delimiter))
    if _is_header(cells):
        # pandas writes its index under an empty name.
        return Lines(path, text, delimiter, _name_columns(cells, first="index"), line)
    return Lines(path, text, delimiter, _name_columns([""] * len(cells), first="column1"), 0)


def parse_number(cell: str) -> float | None:
    """Return the number that is written in one cell, None where it is none."""
    if "_" in cell:  # Python would read 1_000 as a thousand; in a CSV it is a name
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def parse_timestamp(cell: str) -> datetime | None:
    """Return the timestamp that is written in one cell, in UTC; None where it is none."""
    if not re.match(DATE_START, cell):
        return None
    try:
        time = datetime.fromisoformat(cell.replace("/", "-"))
    except ValueError:
        return None
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def _read_text(path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a CSV file in UTF-8 text; save it as one") from error
    if "\0" in text:
        raise ValueError(f"{path} is not a CSV file: it holds binary data")
    if not re.search(rf"[^\s{DELIMITERS}]", text):
        raise ValueError(f"{path} is empty; expected a CSV file with a header")
    return text


def _find_delimiter(text: str) -> str:
    """Return the delimiter that cuts the first lines into most cells, equally many in each."""
    head = list(islice((line for line in _split(text) if line.strip()), SNIFFED_LINES))
    best, most = ",", 1
    for delimiter in DELIMITERS:
        try:
            counts = {len(row) for row in csv.reader(head, delimiter=delimiter)}
        except csv.Error:  # a cell beyond all bounds, which `_cut` refuses with its line
            continue
        if len(counts) == 1 and max(counts) > most:
            best, most = delimiter, max(counts)
    return best if most > 1 else max(DELIMITERS, key=head[0].count)


def _split(text: str) -> Iterator[str]:
    """Yield the lines one by one; ``splitlines`` would copy all, and cut at more than newlines."""
    return (match[0] for match in re.finditer(r"[^\n]*\n|[^\n]+", text))


def _cut(path: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that pandas sees, each as the number of its last line and its cells."""
    reader = csv.reader(_split(text), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file: line {reader.line_num}: {error}") from error


def _is_header(cells: list[str]) -> bool:
    words = [cell for cell in cells if cell.lower() not in MISSING_WORDS]
    return any(parse_number(word) is None and parse_timestamp(word) is None for word in words)


def _name_columns(header: list[str], first: str) -> list[str]:
    names = [name or (f"column{i}" if i > 1 else first) for i, name in enumerate(header, 1)]
    for i, name in enumerate(names):
        if name in names[:i]:
            raise ValueError(f"two columns are named {name!r}; rename one of them")
    return names
