"""Cut the text of a CSV file into cells: its delimiter, its header, the line of each row."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from skae._cli.source import name_source

__all__ = ["MISSING_WORDS", "Lines", "open_lines", "parse_number", "parse_timestamp"]

DELIMITERS = ",;\t"
# Enough to tell a delimiter from a comma that happens to stand in a text.
SNIFFED_LINES = 20
# What pandas (nan, nat), C (-nan), R (na), spreadsheets (n/a, #n/a), databases (null) and
# Python (none) write for a missing value, in lower case.
MISSING_WORDS = {"", "nan", "-nan", "na", "n/a", "#n/a", "null", "none", "nat"}
# Without it, Python takes 20240101 for a date.
YEAR_FIRST = r"\d{4}[-/]\d\d[-/]\d\d"
YEAR_LAST = r"\d{1,2}([-/.])\d{1,2}\1\d{4}\b"


@dataclass
class Lines:
    """The lines of a CSV file, how they are cut into cells, and which of them are the header.

    Attributes
    ----------
    name : str
        What messages call the file.
    content : bytes
        What it holds: text in UTF-8, whose characters are decoded where they are needed.
    delimiter : str
        What stands between two cells.
    names : list of str
        The names of the columns.
    n_header : int
        The number of lines up to the end of the header; 0 without one.
    """

    name: str
    content: bytes
    delimiter: str
    names: list[str]
    n_header: int

    def find(self, row: int) -> tuple[int, list[str]]:
        """Return the number of the line where a row ends, and its cells as they are written."""
        return next(islice(self._rows(), row + bool(self.n_header), None))

    def place(self, row: int, column: int) -> tuple[str, str]:
        """Return the words for the place of a row, and the cell that stands there."""
        line, cells = self.find(row)
        return f"line {line}", cells[column]

    def check_lengths(self, n_rows: int | None) -> None:
        """Raise ValueError if a row has too many or too few cells.

        Parameters
        ----------
        n_rows : int or None
            The number of rows if it is known that none has too many cells: then counting
            delimiters is enough, unless some are quoted.
        """
        if n_rows is not None and b'"' not in self.content:
            n_delimiters = (len(self.names) - 1) * (n_rows + bool(self.n_header))
            if self.content.count(self.delimiter.encode()) == n_delimiters:
                return
        for line, cells in self._rows():
            if len(cells) != len(self.names):
                raise ValueError(
                    f"line {line} of {self.name} has {len(cells)} cells "
                    f"instead of {len(self.names)}"
                )

    def below_header(self) -> io.BytesIO:
        """Return the text, to be read from where the header ends."""
        text = io.BytesIO(self.content)  # which shares the bytes
        for _ in range(self.n_header):
            text.readline()
        return text

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        return _cut(self.name, self.content, self.delimiter)


def open_lines(path: str, content: bytes) -> Lines:
    """Find the delimiter and the header of a CSV file.

    Parameters
    ----------
    path : str
        The file, for messages.
    content : bytes
        What :func:`skae._cli.source.read_source` read of it.

    Returns
    -------
    lines : Lines
        The lines, of which at least one is not blank.

    Raises
    ------
    ValueError
        If the file is empty or no CSV, or two columns have the same name.
    """
    name = name_source(path)
    if not re.search(rb"[^\s%b]" % DELIMITERS.encode(), content):
        raise ValueError(f"{name} is empty; expected a CSV file with a header")
    delimiter = _find_delimiter(content)
    content = _without_blank_rows(content, delimiter.encode())
    line, cells = next(_cut(name, content, delimiter))
    if _is_header(cells):
        # pandas writes its index under an empty name.
        return Lines(name, content, delimiter, _name_columns(cells, first="index"), line)
    return Lines(name, content, delimiter, _name_columns([""] * len(cells), first="column1"), 0)


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
    if not re.match(YEAR_FIRST, cell):
        return None
    try:
        time = datetime.fromisoformat(cell.replace("/", "-"))
    except ValueError:
        return None
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def _without_blank_rows(content: bytes, delimiter: bytes) -> bytes:
    """Empty the lines of nothing but delimiters that spreadsheets leave behind a table."""
    blanks = rb"(?:\A|(?<=\n))[ \t%b]+(?=\n|\Z)" % delimiter
    return re.sub(blanks, b"", content) if re.search(blanks, content) else content


def _find_delimiter(content: bytes) -> str:
    """Return the delimiter that cuts the first lines into most cells, equally many in each."""
    head = list(islice((line for line in _split(content) if line.strip()), SNIFFED_LINES))
    best, most = ",", 1
    for delimiter in DELIMITERS:
        try:
            counts = {len(row) for row in csv.reader(head, delimiter=delimiter)}
        except csv.Error:  # a cell beyond all bounds, which `_cut` refuses with its line
            continue
        if len(counts) == 1 and max(counts) > most:
            best, most = delimiter, max(counts)
    return best if most > 1 else max(DELIMITERS, key=head[0].count)


def _split(content: bytes) -> Iterator[str]:
    """Yield the lines one by one; ``splitlines`` would copy all, and cut at more than newlines."""
    return (line.decode() for line in io.BytesIO(content))


def _cut(name: str, content: bytes, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that pandas sees, each as the number of its last line and its cells."""
    reader = csv.reader(_split(content), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            if cells:
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise ValueError(f"{name} is not a CSV file: line {reader.line_num}: {error}") from error


def _is_header(cells: list[str]) -> bool:
    words = [cell for cell in cells if cell.lower() not in MISSING_WORDS]
    return not all(map(_is_reading, words))


def _is_reading(word: str) -> bool:
    """Return whether a cell may stand below a header: a number or a time."""
    if re.match(YEAR_LAST, word):
        return True
    return parse_number(word) is not None or parse_timestamp(word) is not None


def _name_columns(header: list[str], first: str) -> list[str]:
    names = [name or (f"column{i}" if i > 1 else first) for i, name in enumerate(header, 1)]
    name, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise ValueError(f"two columns are named {name!r}; rename one of them")
    return names
