"""What the command line tells of a detection: tables, the scores file and the picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skae._cli.detection import Detection, FoundEvent, Measures
from skae._cli.order import say_duration, usual_step
from skae._cli.series import Series
from skae._cli.text import align, printable, safe_cell

if TYPE_CHECKING:
    from skae.datasets import Fault

__all__ = ["draw_picture", "format_report", "format_scores"]

# A table of more rows leaves the screen, and a picture of more panels has none to be read.
MAX_EVENTS = 20
MAX_PANELS = 6
EVENT_HEADER = ["start", "end", "duration", "peak", "score", "feature"]


def format_report(series: Series, detection: Detection, measures: Measures | None = None) -> str:
    """Return a table of the events, and how well they agree with what is known.

    Parameters
    ----------
    series : Series
        The series, and the faults known in them.
    detection : Detection
        The events.
    measures : Measures or None, default=None
        Agreement with labels.

    Returns
    -------
    report : str
        Paragraphs with empty lines between them.
    """
    paragraphs = [format_events(series, detection), format_unobserved(series, detection)]
    if series.faults:
        paragraphs.append(format_faults(series.faults, detection, series.index.labels))
    if measures:
        paragraphs.append(format_measures(measures, series))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def format_events(series: Series, detection: Detection) -> str:
    """Return a table of the events in the order of the file, the worst where there are many.

    Parameters
    ----------
    series : Series
        The series, with the index as the user wrote it.
    detection : Detection
        The events.

    Returns
    -------
    table : str
        A line that counts them, and a table of start, end, peak, score and feature.
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
    rows = [_event_cells(event, detection, series) for event in worst]
    return f"{head}\n\n{align([*_series_name(series), *EVENT_HEADER], rows)}"


def format_unobserved(series: Series, detection: Detection) -> str:
    """Return a table of the outages: rows without a score; "" without any."""
    runs = detection.unobserved_runs(series)
    if not runs:
        return ""
    n_rows = int(detection.is_unobserved.sum())
    head = f"{_count(n_rows, 'row')} without a score, as nothing was observed around them"
    head += f"; the first {MAX_EVENTS} outages:" if len(runs) > MAX_EVENTS else ""
    labels = series.index.labels
    rows = [[*_series_cell(series, i), labels[i], labels[j]] for i, j in runs[:MAX_EVENTS]]
    return f"{head}\n\n{align([*_series_name(series), 'start', 'end'], rows)}"


def format_measures(measures: Measures, series: Series) -> str:
    """Return a line on rows and one on events that compare a detection with labels."""
    found = f"{measures.found_events} of {_count(measures.labelled_events, 'labelled event')}"
    return (
        f"by the labels in {printable(series.label_name or '')!r}: found {found}, with "
        f"{_count(measures.false_events, 'false event')}\n"
        f"rows: precision {measures.precision:.3f}, recall {measures.recall:.3f}, "
        f"F1 {measures.f1:.3f}, VUS-PR {measures.vus_pr:.3f}"
    )


def format_faults(faults: Sequence[Fault], detection: Detection, labels: Sequence[str]) -> str:
    """Return a table of known faults, and how many an event found.

    Parameters
    ----------
    faults : sequence of Fault
        A fault is found where an event overlaps it; an event that overlaps none is false.
    detection : Detection
        The events.
    labels : sequence of str of length n_rows
        The index.

    Returns
    -------
    table : str
        The table and a line that counts.
    """
    events = detection.events
    found = [any(_overlap(fault, event) for event in events) for fault in faults]
    false = sum(not any(_overlap(fault, event) for fault in faults) for event in events)
    rows = [
        [fault.kind, fault.feature, labels[fault.start], labels[fault.end], "yes" if hit else "NO"]
        for fault, hit in zip(faults, found, strict=True)
    ]
    table = align(["fault", "feature", "start", "end", "found"], rows)
    count = f"found {sum(found)} of {len(faults)} faults, with {_count(false, 'false event')}"
    healthy = ~_mark_faults(faults, len(detection.scores))
    share = detection.is_in_event[healthy].mean()
    return f"{table}\n\n{count} and {share:.1%} of the fault-free rows in events"


def format_scores(series: Series, detection: Detection) -> str:
    """Return the text of the scores file: a line for each row of the input.

    Its columns are the series (where there are several), the index, the score, the label and
    the feature with the largest error; the last three are empty where nothing was observed.
    """
    unobserved = detection.is_unobserved.tolist()
    scores = [f"{score:.9g}" for score in detection.scores.tolist()]
    labels = detection.is_anomaly.astype(int).tolist()
    worst = np.nan_to_num(detection.errors).argmax(axis=1).tolist()
    names = [safe_cell(name) for name in detection.feature_names]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    named = [] if series.series_labels is None else [series.series_labels]
    keys = [[safe_cell(label) for label in column] for column in (*named, series.index.labels)]
    header = map(safe_cell, [*_series_name(series), series.index.name])
    writer.writerow([*header, "score", "label", "feature"])
    writer.writerows(
        [*row, "", "", ""] if missing else [*row, score, label, names[feature]]
        for *row, score, label, feature, missing in zip(
            *keys, scores, labels, worst, unobserved, strict=True
        )
    )
    return text.getvalue()


def draw_picture(series: Series, detection: Detection, file_format: str) -> bytes:
    """Return a picture of the series, scores and events as the bytes of a file."""
    from matplotlib.figure import Figure

    from skae._plots.score import AnomalyScoreDisplay, make_axes

    display = AnomalyScoreDisplay(**_drawn(series, detection))
    worst = np.argsort(-np.nan_to_num(detection.errors).max(axis=0), kind="stable")[:MAX_PANELS]
    # A Figure of its own, without pyplot, leaves no state behind in the process.
    axes = make_axes(len(worst), Figure())
    display.plot(axes, features=sorted(worst.tolist()))
    if _has_one_clock(series) and (series.index.wall != series.index.instants).any():
        display.ax_.set_xlabel(f"{series.index.name}, in the time zone of the file")
    picture = io.BytesIO()
    display.figure_.savefig(picture, format=file_format, dpi=120)
    return picture.getvalue()


def _drawn(series: Series, detection: Detection) -> dict[str, Any]:
    """Return what is drawn: several series one after the other, by the numbers of their rows."""
    order = np.concatenate(series.parts())
    place = np.argsort(order)
    events = [tuple(place[[e.start, e.end, e.peak]].tolist()) for e in detection.events]
    labels = _mark_faults(series.faults, len(order)) if series.faults else series.labels
    return {
        "values": series.values[order],
        "scores": detection.scores[order],
        "threshold": detection.threshold if detection.limits is None else detection.limits[order],
        "events": events,
        "labels": None if labels is None else labels[order],
        "index": series.index.wall if _has_one_clock(series) else None,
        "feature_names": [printable(name) for name in series.feature_names],
    }


def _has_one_clock(series: Series) -> bool:
    return series.series_labels is None and series.index.name != "row"


def _mark_faults(faults: Sequence[Fault], n_rows: int) -> NDArray[np.bool_]:
    marks = np.zeros(n_rows, dtype=bool)
    for fault in faults:
        marks[fault.start : fault.end + 1] = True
    return marks


# --- text --------------------------------------------------------------------------------


def _event_cells(event: FoundEvent, detection: Detection, series: Series) -> list[str]:
    start, end, peak = (series.index.labels[row] for row in (event.start, event.end, event.peak))
    score = f"{detection.scores[event.peak]:.4g}"
    duration = duration_of(event, series)
    return [*_series_cell(series, event.start), start, end, duration, peak, score, event.feature]


def duration_of(event: FoundEvent, series: Series) -> str:
    """Return how long an event lasts, as people say it; where rows have no time, their number."""
    if series.index.wall.dtype.kind != "M":
        return _count(len(event.rows), "row")
    instants = series.index.instants
    lasted = float((instants[event.end] - instants[event.start]).astype(float))
    rows = next(rows for rows in series.parts() if event.start in rows)
    return say_duration(lasted + usual_step(instants, [rows]))


def _format_highest(series: Series, detection: Detection) -> str:
    rows = [
        [
            *_series_cell(series, row),
            series.index.labels[row],
            f"{detection.scores[row]:.4g}",
            f"{detection.scores[row] / detection.limit_at(row):.0%} of the threshold",
        ]
        for row in detection.highest_places()
    ]
    header = [*_series_name(series), "peak", "score", ""]
    return f"; the highest places:\n\n{align(header, rows)}"


def _series_cell(series: Series, row: int) -> list[str]:
    return [] if series.series_labels is None else [series.series_labels[row]]


def _series_name(series: Series) -> list[str]:
    return [] if series.series_name is None else [series.series_name]


def _overlap(fault: Fault, event: FoundEvent) -> bool:
    return fault.start <= event.end and event.start <= fault.end


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"
