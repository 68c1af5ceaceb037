"""Text of a stranger's file, made harmless for a terminal and for a spreadsheet."""

from __future__ import annotations

__all__ = ["printable", "safe_cell"]

# What makes a spreadsheet take the cell of a CSV file for a formula.
FORMULA_STARTS = ("=", "+", "-", "@")


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
    return f"'{text}" if text.startswith(FORMULA_STARTS) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
