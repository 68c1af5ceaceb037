"""What is in a file: a table of its columns, as text and as JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from skae._cli.order import say_duration, usual_step
from skae._cli.roles import Roles
from skae._cli.series import Series
from skae._cli.table import Column
from skae._cli.text import align, printable

__all__ = ["format_inspection"]

HEADER = ["column", "role", "type", "missing", "first", "why"]


def format_inspection(roles: Roles, series: Series, as_json: bool) -> str:
    """Return what was found in a file: its columns with roles and reasons, and notes.

    Parameters
    ----------
    roles : Roles
        The columns of the file.
    series : Series
        What was made of them.
    as_json : bool
        Whether another program reads it.
    """
    columns = [_describe(column) for column in roles.table.columns]
    index = _describe_index(series)
    if as_json:
        content = {
            "rows": len(series.values),
            "index": index,
            "series": len(series.parts()),
            "columns": columns,
            "notes": series.notes,
        }
        return json.dumps(content, indent=2) + "\n"
    table = [[str(column[name]) for name in HEADER] for column in columns]
    many = f" of {len(series.parts())} series" if series.series_name else ""
    head = (
        f"{len(series.values)} rows{many}, {index['name']} from {index['first']} to {index['last']}"
    )
    step = f" in steps of {index['step']}" if index["step"] else ""
    notes = "\n".join(f"* {printable(note)}" for note in series.notes)
    return f"{printable(head + step)}\n\n{align(HEADER, table)}\n" + (
        f"\n{notes}\n" if notes else ""
    )


def _describe(column: Column) -> dict[str, Any]:
    """Return name, role, type, missing cells, first cell and reason of a column."""
    is_sensor = column.role == "sensor"
    values = column.sensor_values() if is_sensor else None
    missing = column.cells.isna() if values is None else np.isnan(values)
    return {
        "column": column.name,
        "role": column.role or "left out",
        "type": "time" if column.role == "time" and column.times is not None else column.kind,
        "missing": int(missing.sum()),
        "first": f"{values[0]:.15g}" if values is not None else str(column.texts.iloc[0])[:40],
        "why": column.why,
    }


def _describe_index(series: Series) -> dict[str, Any]:
    index = series.index
    usual = usual_step(index.instants, series.parts())
    is_time = index.wall.dtype.kind == "M"
    return {
        "name": index.name,
        "first": index.labels[0],
        "last": index.labels[-1],
        "step": say_duration(usual) if is_time else f"{usual:g}",
    }
