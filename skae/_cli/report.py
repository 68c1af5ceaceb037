"""The report of a detection: tables, JSON, the scores file and the picture."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from skae._cli.detection import Detection, Drift
from skae._cli.outputs import align, printable, safe_cell
from skae._cli.roles import Roles
from skae._cli.series import Series, say_duration, say_step, usual_step
from skae._cli.table import Column

# A longer table leaves the screen, and more panels are too small to read.
MAX_EVENTS = 20
MAX_PANELS = 6
EVENT_HEADER = ["start", "end", "duration", "peak", "score", "feature"]


def describe(
    found: Detection,
    measures: Mapping[str, Any] | None,
    drifts: Sequence[Drift] = (),
    files: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """Return a detection by name, as it is written in JSON.

    Names and index values are written as in the file. Rows count from 0, and ends are inclusive.
    """
    series = found.series
    missed = [_span(first, last, series) for first, last in (measures or {"missed": []})["missed"]]
    return {
        "rows": len(found.scores),
        "features": series.feature_names,
        "threshold": found.threshold,
        "anomalous_rows": int(found.is_anomaly.sum()),
        "events": [
            _span(event.start, event.end, series)
            | {
                "duration": duration_of(event.start, event.end, len(event.rows), series),
                "peak": series.index.labels[event.peak],
                "score": float(found.scores[event.peak]),
                "feature": event.feature,
                "first_row": event.start,
                "last_row": event.end,
                "length": len(event.rows),
            }
            for event in found.events
        ],
        "unobserved": [
            _span(first, last, series) | {"first_row": first, "last_row": last}
            for first, last in found.unobserved_runs()
        ],
        "drift": [asdict(drift) for drift in drifts],
        "measures": measures and {**measures, "missed": missed},
        "notes": series.notes,
        "files": {name: str(path) for name, path in (files or {}).items()},
    }


def format_json(content: dict[str, Any]) -> str:
    """Return a content as JSON, with null for NaN and infinity, which JSON lacks."""
    return json.dumps(_defined(content), indent=2, allow_nan=False) + "\n"


def _defined(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _defined(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_defined(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def format_report(content: dict[str, Any], found: Detection) -> str:
    """Return tables of events and outages, and the agreement with labels if there are any."""
    paragraphs = [_format_events(content, found), _format_outages(content, found)]
    if content["measures"]:
        paragraphs.append(_format_measures(content["measures"], found.series))
    return "\n\n".join(filter(None, paragraphs))


def _format_events(content: dict[str, Any], found: Detection) -> str:
    """Return the number of events and a table of the worst `MAX_EVENTS`, in file order.

    Without events, the table contains the highest scores.
    """
    series, events = found.series, content["events"]
    of = "" if series.series_labels is None else f" of {len(series.parts())} series"
    head = f"{_count(len(events), 'event')} in {content['rows']} rows{of}"
    head += f" (anomaly score above {found.threshold:.4g})"
    if not events:
        shares, highest = found.scores / found.limit, found.highest_places()
        places = [_span(row, row, series) for row in highest]
        for place, row in zip(places, highest, strict=True):
            score, share = f"{found.scores[row]:.4g}", f"{shares[row]:.0%} of the threshold"
            place |= {"peak": place["start"], "score": score, "": share}
        return f"{head}; the highest scores:\n\n{_table(['peak', 'score', ''], places, series)}"
    worst = sorted(events, key=lambda event: -event["score"])[:MAX_EVENTS]
    head += f"; the worst {MAX_EVENTS}:" if len(worst) < len(events) else ""
    worst.sort(key=lambda event: event["first_row"])
    rows = [event | {"score": f"{event['score']:.4g}"} for event in worst]
    return f"{head}\n\n{_table(EVENT_HEADER, rows, series)}"


def _format_outages(content: dict[str, Any], found: Detection) -> str:
    """Return a table of outages (rows without a score), "" if there are none."""
    runs = content["unobserved"]
    if not runs:
        return ""
    n_rows = int(np.isnan(found.scores).sum())
    head = f"{_count(n_rows, 'row')} without a score, because nothing was observed around them"
    head += f"; the first {MAX_EVENTS} outages:" if len(runs) > MAX_EVENTS else ""
    return f"{head}\n\n{_table(['start', 'end'], runs[:MAX_EVENTS], found.series)}"


def _format_measures(measures: dict[str, Any], series: Series) -> str:
    """Return the agreement with labels, and a table of the missed events."""
    n_found, of = measures["found_events"], _count(measures["labelled_events"], "labelled event")
    missed = measures["missed"][:MAX_EVENTS]
    table = f"\nmissed:\n\n{_table(['start', 'end'], missed, series)}" if missed else ""
    events = (
        f"labels in {printable(series.label_name or '')!r}: found {n_found} of {of}, with "
        f"{_count(measures['false_events'], 'false event')} and {measures['false_rows']:.1%} of "
        "the other rows in events"
    )
    rows = "precision {precision:.3f}, recall {recall:.3f}, F1 {f1:.3f}, VUS-PR {vus_pr:.3f}"
    return f"{events}\nrows: {rows.format(**measures)}{table}"


def format_scores(found: Detection) -> str:
    """Return the text of the scores file, with one line per row of the input.

    Its columns are the series (if there are several), the index, the score, the label and the
    feature with the largest error. The last three are empty where nothing was observed.
    """
    series = found.series
    keyed = {series.index.name: series.index.labels}
    if series.series_labels is not None:
        keyed = {series.series_name or "series": series.series_labels} | keyed
    names = [safe_cell(name) for name in series.feature_names]
    worst = np.nan_to_num(found.errors).argmax(axis=1).tolist()
    results = [
        ("", "", "") if math.isnan(score) else (f"{score:.9g}", int(label), names[feature])
        for score, label, feature in zip(
            found.scores.tolist(), found.is_anomaly.tolist(), worst, strict=True
        )
    ]
    keys = zip(*(map(safe_cell, column) for column in keyed.values()), strict=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*map(safe_cell, keyed), "score", "label", "feature"])
    writer.writerows((*key, *result) for key, result in zip(keys, results, strict=True))
    return text.getvalue()


def draw_picture(found: Detection, file_format: str) -> bytes:
    """Return a picture of the series, scores and events in this file format.

    Several series are drawn one after the other.
    """
    from matplotlib.figure import Figure

    from skae._plots.axes import make_axes
    from skae._plots.score import AnomalyScoreDisplay

    series, index = found.series, found.series.index
    has_one_clock = series.series_labels is None and index.name != "row"
    order = np.concatenate(series.parts())
    place = np.argsort(order)
    display = AnomalyScoreDisplay(
        values=series.values[order],
        scores=found.scores[order],
        threshold=found.threshold if found.limits is None else found.limits[order],
        events=[tuple(place[[e.start, e.end, e.peak]].tolist()) for e in found.events],
        labels=None if series.labels is None else series.labels[order],
        index=index.wall if has_one_clock else None,
        feature_names=[printable(name) for name in series.feature_names],
    )
    worst = np.argsort(-np.nan_to_num(found.errors).max(axis=0), kind="stable")[:MAX_PANELS]
    # Without pyplot, the figure leaves no global state.
    display.plot(make_axes(len(worst), Figure()), features=sorted(worst.tolist()))
    if has_one_clock and (index.wall != index.instants).any():
        display.ax_.set_xlabel(f"{index.name}, in the time zone of the file")
    picture = io.BytesIO()
    display.figure_.savefig(picture, format=file_format, dpi=120)
    return picture.getvalue()


def _span(first: int, last: int, series: Series) -> dict[str, Any]:
    """Return the start and end of a run of rows, and its series if there are several."""
    labels, keys = series.index.labels, series.series_labels
    named = {} if keys is None else {"series": keys[first]}
    return named | {"start": labels[first], "end": labels[last]}


def _table(columns: Sequence[str], rows: list[dict[str, Any]], series: Series) -> str:
    """Return a table of these columns, after the series if there are several."""
    columns = columns if series.series_labels is None else ["series", *columns]
    header = [(series.series_name or c) if c == "series" else c for c in columns]
    return align(header, [[row[column] for column in columns] for row in rows])


def duration_of(first: int, last: int, n_rows: int, series: Series) -> str:
    """Return the duration of a run of rows, in rows if these have no times."""
    instants = series.index.instants
    if instants.dtype.kind != "M":
        return _count(n_rows, "row")
    lasted = float((instants[last] - instants[first]).astype(float))
    part = next(rows for rows in series.parts() if first in rows)
    return say_duration(lasted + usual_step(instants, [part]))


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


# --- columns -------------------------------------------------------------------------------


def format_inspection(roles: Roles, series: Series, as_json: bool) -> str:
    """Return the columns of a file with roles and reasons, and the notes."""
    columns = [_describe_column(column) for column in roles.table.columns]
    index, n_rows, n_series = series.index, len(series.values), len(series.parts())
    step = say_step(usual_step(index.instants, series.parts()), index.instants)
    span = {"name": index.name, "first": index.labels[0], "last": index.labels[-1], "step": step}
    if as_json:
        content = {"rows": n_rows, "index": span, "series": n_series, "columns": columns}
        return format_json(content | {"notes": series.notes})
    many = f" of {n_series} series" if series.series_name else ""
    head = "{name} from {first} to {last} in steps of {step}".format(**span)
    table = align(list(columns[0]), [[str(cell) for cell in c.values()] for c in columns])
    notes = "\n" * bool(series.notes) + "".join(f"* {printable(note)}\n" for note in series.notes)
    return f"{n_rows} rows{many}, {printable(head)}\n\n{table}\n{notes}"


def _describe_column(column: Column) -> dict[str, Any]:
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
