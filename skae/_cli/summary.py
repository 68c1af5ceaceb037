"""What the command line tells another program: one JSON object."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from skae._cli.detection import Detection, FoundEvent, unobserved_runs
from skae._cli.drift import Drift
from skae._cli.measures import Measures
from skae._cli.report import duration_of
from skae._cli.task import Task

__all__ = ["format_json"]


def format_json(
    task: Task,
    detection: Detection,
    measures: Measures | None,
    drifts: list[Drift],
    files: Mapping[str, Path],
) -> str:
    """Return a detection as JSON: rows, threshold, events, outages, and what else is known.

    Names and index values are as they stand in the file, rows are numbered from 0, ends are
    inclusive, and what is not defined is null.
    """
    labels = task.index.labels
    content = {
        "rows": len(detection.scores),
        "features": detection.feature_names,
        "threshold": detection.threshold,
        "anomalous_rows": int(detection.is_anomaly.sum()),
        "events": [_event(event, detection, task) for event in detection.events],
        "unobserved": [_span(start, end, task) for start, end in unobserved_runs(detection, task)],
        "drift": [asdict(drift) for drift in drifts],
        "measures": None if measures is None else _measures(measures, labels),
        "notes": task.notes,
        "files": {name: str(path) for name, path in files.items()},
    }
    return json.dumps(_defined(content), indent=2, allow_nan=False) + "\n"


def _event(event: FoundEvent, detection: Detection, task: Task) -> dict[str, Any]:
    return _span(event.start, event.end, task) | {
        "peak": task.index.labels[event.peak],
        "length": len(event.rows),
        "duration": duration_of(event, task),
        "score": float(detection.scores[event.peak]),
        "feature": event.feature,
    }


def _span(start: int, end: int, task: Task) -> dict[str, Any]:
    series = {} if task.series_labels is None else {"series": task.series_labels[start]}
    labels = {"start": task.index.labels[start], "end": task.index.labels[end]}
    return series | labels | {"first_row": start, "last_row": end}


def _measures(measures: Measures, labels: list[str]) -> dict[str, Any]:
    missed = [{"start": labels[start], "end": labels[end]} for start, end in measures.missed]
    return asdict(measures) | {"missed": missed}


def _defined(value: Any) -> Any:
    """Return a value with None in the place of what JSON has no word for."""
    if isinstance(value, dict):
        return {name: _defined(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_defined(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
