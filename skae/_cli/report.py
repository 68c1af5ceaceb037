"""The report of a detection: tables, the scores file and the picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from skae._cli.detection import Detection, FoundEvent, Measures
from skae._cli.order import say_duration, usual_step
from skae._cli.outputs import align, printable, safe_cell
from skae._cli.series import Series

# A longer table leaves the screen, and more panels are too small to read.
MAX_EVENTS = 20
MAX_PANELS = 6
EVENT_HEADER = ["start", "end", "duration", "peak", "score", "feature"]


def format_report(series: Series, detection: Detection, measures: Measures | None = None) -> str:
    """Return tables of events and outages, and the agreement with labels if there are any."""
    measured = format_measures(measures, series) if measures else ""
    paragraphs = [format_events(series, detection), format_unobserved(series, detection), measured]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def format_events(series: Series, detection: Detection) -> str:
    """Return the number of events and a table of the worst `MAX_EVENTS`, in file order.

    Without events, the table contains the highest scores.
    """
    events = detection.events
    of = "" if series.series_labels is None else f" of {len(series.parts())} series"
    head = f"{_count(len(events), 'event')} in {len(detection.scores)} rows{of}"
    head += f" (anomaly score above {detection.threshold:.4g})"
    if not events:
        return head + _format_highest(series, detection)
    worst = sorted(events, key=lambda event: -detection.scores[event.peak])[:MAX_EVENTS]
    if len(worst) < len(events):
        head += f"; the worst {MAX_EVENTS}:"
    worst.sort(key=lambda event: event.start)
    found = [describe_event(event, detection, series) for event in worst]
    found = [event | {"score": f"{event['score']:.4g}"} for event in found]
    return f"{head}\n\n{_table(EVENT_HEADER, found, series)}"


def format_unobserved(series: Series, detection: Detection) -> str:
    """Return a table of outages (rows without a score), "" if there are none."""
    runs = detection.unobserved_runs(series)
    if not runs:
        return ""
    n_rows = int(detection.is_unobserved.sum())
    head = f"{_count(n_rows, 'row')} without a score, because nothing was observed around them"
    head += f"; the first {MAX_EVENTS} outages:" if len(runs) > MAX_EVENTS else ""
    outages = [describe_rows(*run, series) for run in runs[:MAX_EVENTS]]
    return f"{head}\n\n{_table(['start', 'end'], outages, series)}"


def format_measures(measures: Measures, series: Series) -> str:
    """Return the agreement with labels, and a table of the missed events."""
    found = f"{measures.found_events} of {_count(measures.labelled_events, 'labelled event')}"
    missed = [describe_rows(*rows, series) for rows in measures.missed[:MAX_EVENTS]]
    table = f"\nmissed:\n\n{_table(['start', 'end'], missed, series)}" if missed else ""
    return (
        f"labels in {printable(series.label_name or '')!r}: found {found}, with "
        f"{_count(measures.false_events, 'false event')} and {measures.false_rows:.1%} of the "
        "other rows in events\n"
        f"rows: precision {measures.precision:.3f}, recall {measures.recall:.3f}, "
        f"F1 {measures.f1:.3f}, VUS-PR {measures.vus_pr:.3f}{table}"
    )


def format_scores(series: Series, detection: Detection) -> str:
    """Return the text of the scores file, with one line per row of the input.

    Its columns are the series (if there are several), the index, the score, the label and the
    feature with the largest error. The last three are empty where nothing was observed.
    """
    unobserved = detection.is_unobserved.tolist()
    scores = [f"{score:.9g}" for score in detection.scores.tolist()]
    labels = detection.is_anomaly.astype(int).tolist()
    worst = np.nan_to_num(detection.errors).argmax(axis=1).tolist()
    names = [safe_cell(name) for name in detection.feature_names]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    keyed = {series.index.name: series.index.labels}
    if series.series_labels is not None:
        keyed = {series.series_name or "series": series.series_labels} | keyed
    keys = [[safe_cell(label) for label in column] for column in keyed.values()]
    writer.writerow([*map(safe_cell, keyed), "score", "label", "feature"])
    writer.writerows(
        [*row, "", "", ""] if missing else [*row, score, label, names[feature]]
        for *row, score, label, feature, missing in zip(
            *keys, scores, labels, worst, unobserved, strict=True
        )
    )
    return text.getvalue()


def draw_picture(series: Series, detection: Detection, file_format: str) -> bytes:
    """Return a picture of the series, scores and events in this file format."""
    from matplotlib.figure import Figure

    from skae._plots.axes import make_axes
    from skae._plots.score import AnomalyScoreDisplay

    display = AnomalyScoreDisplay(**_drawn(series, detection))
    worst = np.argsort(-np.nan_to_num(detection.errors).max(axis=0), kind="stable")[:MAX_PANELS]
    # Without pyplot, the figure leaves no global state.
    axes = make_axes(len(worst), Figure())
    display.plot(axes, features=sorted(worst.tolist()))
    if _has_one_clock(series) and (series.index.wall != series.index.instants).any():
        display.ax_.set_xlabel(f"{series.index.name}, in the time zone of the file")
    picture = io.BytesIO()
    display.figure_.savefig(picture, format=file_format, dpi=120)
    return picture.getvalue()


def _drawn(series: Series, detection: Detection) -> dict[str, Any]:
    """Return the arguments of the display; several series are drawn one after the other."""
    order = np.concatenate(series.parts())
    place = np.argsort(order)
    events = [tuple(place[[e.start, e.end, e.peak]].tolist()) for e in detection.events]
    return {
        "values": series.values[order],
        "scores": detection.scores[order],
        "threshold": detection.threshold if detection.limits is None else detection.limits[order],
        "events": events,
        "labels": None if series.labels is None else series.labels[order],
        "index": series.index.wall if _has_one_clock(series) else None,
        "feature_names": [printable(name) for name in series.feature_names],
    }


def _has_one_clock(series: Series) -> bool:
    return series.series_labels is None and series.index.name != "row"


# --- text --------------------------------------------------------------------------------


def describe_event(event: FoundEvent, detection: Detection, series: Series) -> dict[str, Any]:
    """Return the cells of an event by column name."""
    return describe_rows(event.start, event.end, series) | {
        "duration": duration_of(event, series),
        "peak": series.index.labels[event.peak],
        "score": float(detection.scores[event.peak]),
        "feature": event.feature,
    }


def describe_rows(first: int, last: int, series: Series) -> dict[str, Any]:
    """Return the start and end of a run of rows, and its series if there are several."""
    labels, keys = series.index.labels, series.series_labels
    named = {} if keys is None else {"series": keys[first]}
    return named | {"start": labels[first], "end": labels[last]}


def _table(columns: Sequence[str], found: list[dict[str, Any]], series: Series) -> str:
    """Return a table of these columns, after the series if there are several."""
    columns = columns if series.series_labels is None else ["series", *columns]
    header = [(series.series_name or c) if c == "series" else c for c in columns]
    cells = [[row[column] for column in columns] for row in found]
    return align(header, cells)


def duration_of(event: FoundEvent, series: Series) -> str:
    """Return the duration of an event, in rows if these have no times."""
    if series.index.wall.dtype.kind != "M":
        return _count(len(event.rows), "row")
    instants = series.index.instants
    lasted = float((instants[event.end] - instants[event.start]).astype(float))
    rows = next(rows for rows in series.parts() if event.start in rows)
    return say_duration(lasted + usual_step(instants, [rows]))


def _format_highest(series: Series, detection: Detection) -> str:
    scores, limits = detection.scores, detection.limits
    shares = scores / (detection.threshold if limits is None else limits)
    places = [
        describe_rows(row, row, series)
        | {
            "peak": series.index.labels[row],
            "score": f"{scores[row]:.4g}",
            "": f"{shares[row]:.0%} of the threshold",
        }
        for row in detection.highest_places()
    ]
    return f"; the highest scores:\n\n{_table(['peak', 'score', ''], places, series)}"


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
