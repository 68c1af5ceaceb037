"""Tables with times in the header, or a column for each hour or month: one row for each time."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._cli.table import Column, Table, parse
from skae._cli.times import month_of, read_times

SIDE_BY_SIDE = {
    "hour": r"(?i)(h|hr|hour|he|hora|stunde)[ _]?\d\d?|\d\d?:\d\d(:00)?",
    "month": r"(?i)(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*",
}
YEAR = r"1[6-9]\d\d|20\d\d"


def reshape(table: Table) -> Table:
    """Return a table with one row for each time."""
    first = _first_time_of_header(table)
    return _transposed(table, first) if first else _unrolled(table)


def _first_time_of_header(table: Table) -> int:
    """Return the first column whose name is a time, if rows are sensors; else 0."""
    import pandas as pd

    names = pd.Series([column.name for column in table.columns], dtype=object)
    is_time, least = names.str.fullmatch(YEAR).to_numpy(dtype=bool), 1.0
    if not is_time.any() and not names.iloc[1:].str.fullmatch(r"[\d.]+").all():
        is_time, least = ~np.isnat(read_times(names).wall), 0.9
    first = int(is_time.argmax())
    names_rows = all(c.kind != "time" for c in table.columns[:first])
    is_header = len(names) - first >= 10 and is_time[first:].mean() >= least
    return first if is_header and names_rows else 0


def _transposed(table: Table, first: int) -> Table:
    """Return a transposed table: the columns from `first` on become rows."""
    import pandas as pd

    heads = [c for c in table.columns[:first] if c.kind == "word"] or table.columns[:first]
    others = table.columns[first:]
    names = [" ".join(filter(None, words)) for words in zip(*(h.texts for h in heads), strict=True)]
    rows = enumerate(zip(names, _written(table, others), strict=True), 1)
    times = pd.Series([column.name for column in others], dtype=object)
    years = times.str.fullmatch(YEAR).all()
    time = ("year", times.astype(int)) if years else ("time", times)
    note = "the header contains times: transposed, so that each row is a sensor"
    return _made_of(table, note, [time, *((name or f"row{i}", row) for i, (name, row) in rows)])


def _unrolled(table: Table) -> Table:
    """Return a table with a row for each hour or month, if these are columns."""
    said = {*(table.choice.features or ()), *table.choice.keep}
    for part, pattern in SIDE_BY_SIDE.items():
        beside = [column for column in table.columns if re.fullmatch(pattern, column.name)]
        if len(beside) in (12, 24, 25, 48, 96) and said.isdisjoint(c.name for c in beside):
            return _stacked(table, part, beside)
    return table


def _stacked(table: Table, part: str, beside: list[Column]) -> Table:
    """Return a table with the cells of adjacent columns in one column."""
    names = f"{beside[0].name} to {beside[-1].name}"
    note = f"columns {names} are {part}s: each became a row; --keep with a name keeps them"
    others = [column for column in table.columns if column not in beside]
    numbers = [str(month_of(column.name) or column.name) for column in beside]
    times = [re.sub(r"^\D+(\d+)$", r"\1:00", number) for number in numbers]
    cells = [(c.name, c.cells.repeat(len(beside)).reset_index(drop=True)) for c in others]
    cells += [(part, times * table.n_rows), ("value", _written(table, beside).ravel())]
    return _made_of(table, note, cells)


def _written(table: Table, columns: list[Column]) -> NDArray[np.object_]:
    """Return the cells of columns as written in the file."""
    if table.layout is None:
        return np.column_stack([column.cells.astype(object) for column in columns])
    frame = parse(table.layout, [column.position for column in columns], dtype=str)
    return np.asarray(frame.to_numpy(dtype=object))


def _made_of(table: Table, note: str, cells: list[tuple[str, Any]]) -> Table:
    """Return a table of new columns, with a note."""
    import pandas as pd

    made = Table(table.name, table.choice, None, [*table.notes, note])
    for place, (name, cell) in enumerate(cells):
        made.columns.append(Column(name, place, pd.Series(cell), made))
    return made
