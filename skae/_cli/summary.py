"""The columns of a file as a table or JSON, and a detection as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from skae._cli.detection import Detection, Drift, FoundEvent, Measures
from skae._cli.order import say_step, usual_step
from skae._cli.outputs import align, printable
from skae._cli.report import describe_event, describe_rows
from skae._cli.roles import Roles
from skae._cli.series import Series
from skae._cli.table import Column

HEADER = ["column", "role", "type", "missing", "first", "why"]


def format_json(
    series: Series,
    detection: Detection,
    measures: Measures | None,
    drifts: list[Drift],
    files: Mapping[str, Path],
) -> str:
    """Return a detection as JSON.

    Names and index values are written as in the file. Rows count from 0, ends are inclusive, and
    undefined values are null.
    """
    missed = [describe_rows(*rows, series) for rows in (measures.missed if measures else [])]
    content = {
        "rows": len(detection.scores),
        "features": detection.feature_names,
        "threshold": detection.threshold,
        "anomalous_rows": int(detection.is_anomaly.sum()),
        "events": [_event(event, detection, series) for event in detection.events],
        "unobserved": [
            describe_rows(first, last, series) | {"first_row": first, "last_row": last}
            for first, last in detection.unobserved_runs(series)
        ],
        "drift": [asdict(drift) for drift in drifts],
        "measures": measures and asdict(measures) | {"missed": missed},
        "notes": series.notes,
        "files": {name: str(path) for name, path in files.items()},
    }
    return json.dumps(_defined(content), indent=2, allow_nan=False) + "\n"


def _event(event: FoundEvent, detection: Detection, series: Series) -> dict[str, Any]:
    rows = {"first_row": event.start, "last_row": event.end, "length": len(event.rows)}
    return describe_event(event, detection, series) | rows


def _defined(value: Any) -> Any:
    """Return a value with None for NaN and infinity, which JSON lacks."""
    if isinstance(value, dict):
        return {name: _defined(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_defined(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# --- columns -------------------------------------------------------------------------------


def format_inspection(roles: Roles, series: Series, as_json: bool) -> str:
    """Return the columns of a file with roles and reasons, and the notes."""
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
    span = f"from {index['first']} to {index['last']} in steps of {index['step']}"
    head = printable(f"{len(series.values)} rows{many}, {index['name']} {span}")
    notes = "\n" * bool(series.notes) + "".join(f"* {printable(note)}\n" for note in series.notes)
    return f"{head}\n\n{align(HEADER, table)}\n{notes}"


def _describe(column: Column) -> dict[str, Any]:
    """Return name, role, type, missing cells, first cell and reason of a column."""
    values = column.sensor_values() if column.role == "sensor" else None
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
    step = say_step(usual_step(index.instants, series.parts()), index.instants)
    return {"name": index.name, "first": index.labels[0], "last": index.labels[-1], "step": step}
