"""What the command line tells another program: one JSON object."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from skae._cli.detection import Detection, FoundEvent, Measures
from skae._cli.drift import Drift
from skae._cli.report import duration_of
from skae._cli.series import Series

__all__ = ["format_json"]


def format_json(
    series: Series,
    detection: Detection,
    measures: Measures | None,
    drifts: list[Drift],
    files: Mapping[str, Path],
) -> str:
    """Return a detection as JSON: rows, threshold, events, outages, and what else is known.

    Names and index values are as they stand in the file, rows are numbered from 0, ends are
    inclusive, and what is not defined is null.
    """
    labels = series.index.labels
    content = {
        "rows": len(detection.scores),
        "features": detection.feature_names,
        "threshold": detection.threshold,
        "anomalous_rows": int(detection.is_anomaly.sum()),
        "events": [_event(event, detection, series) for event in detection.events],
        "unobserved": [_span(*run, series) for run in detection.unobserved_runs(series)],
        "drift": [asdict(drift) for drift in drifts],
        "measures": None if measures is None else _measures(measures, labels),
        "notes": series.notes,
        "files": {name: str(path) for name, path in files.items()},
    }
    return json.dumps(_defined(content), indent=2, allow_nan=False) + "\n"


def _event(event: FoundEvent, detection: Detection, series: Series) -> dict[str, Any]:
    return _span(event.start, event.end, series) | {
        "peak": series.index.labels[event.peak],
        "length": len(event.rows),
        "duration": duration_of(event, series),
        "score": float(detection.scores[event.peak]),
        "feature": event.feature,
    }


def _span(start: int, end: int, series: Series) -> dict[str, Any]:
    named = {} if series.series_labels is None else {"series": series.series_labels[start]}
    labels = {"start": series.index.labels[start], "end": series.index.labels[end]}
    return named | labels | {"first_row": start, "last_row": end}


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
