"""Text of a stranger's file, made harmless for a terminal and for a spreadsheet."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["align", "as_float", "find_name", "join_names", "printable", "safe_cell"]

# What makes a spreadsheet take the cell of a CSV file for a formula.
FORMULA_STARTS = ("=", "+", "-", "@")
# More names than these are not read by anybody.
MAX_NAMES = 8


def find_name(names: Sequence[str], name: str) -> int:
    """Return the position of a column; ValueError names those that there are."""
    if name not in names:
        raise ValueError(f"there is no column {name!r}; the columns are {join_names(names)}")
    return names.index(name)


def join_names(names: Sequence[str]) -> str:
    """Return names with commas between them, cut where there are many.

    Examples
    --------
    >>> from skae._cli.text import join_names
    >>> join_names([f"s{i}" for i in range(100)])
    's0, s1, s2, s3, s4, s5, s6, s7 and 92 more'
    """
    if len(names) <= MAX_NAMES + 1:
        return ", ".join(names)
    return f"{', '.join(names[:MAX_NAMES])} and {len(names) - MAX_NAMES} more"


def align(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose columns are aligned, safe for a terminal."""
    table = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in table]
    return "\n".join(line.rstrip() for line in lines)


def printable(text: str) -> str:
    r"""Return a text whose control characters are written out, as Python writes them.

    A cell may hold the escape sequences that move a terminal's cursor or rename its window,
    and characters that turn the direction of writing.

    Examples
    --------
    >>> from skae._cli.text import printable
    >>> print(printable("flow\x1b[2J"))
    flow\x1b[2J
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def safe_cell(text: str) -> str:
    """Return a text as a cell that no spreadsheet runs: an apostrophe before a formula's start.

    Examples
    --------
    >>> from skae._cli.text import safe_cell
    >>> safe_cell("=1+2"), safe_cell("-1.5"), safe_cell("2024-01-01")
    ("'=1+2", '-1.5', '2024-01-01')
    """
    text = printable(text)
    return (
        f"'{text}"
        if text.startswith(FORMULA_STARTS) and as_float(text.replace(",", ".")) is None
        else text
    )


def as_float(text: str) -> float | None:
    """Return a number as Python and C write it, None where a text is none."""
    try:
        return float(text)
    except ValueError:
        return None
