"""What the command line says and writes: progress, table, scores file and picture."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
from numpy.typing import NDArray

from skae._command.detect import Detection, Task
from skae._scoring.events import Event

if TYPE_CHECKING:
    from skae.datasets import Fault

__all__ = ["Progress", "check_outputs", "format_report", "write_outputs"]

# A table of more rows leaves the screen, and a picture of more panels has none to be read.
MAX_EVENTS = 20
MAX_PANELS = 6


class Progress:
    """Prints a line for each epoch; on a terminal, one line that is updated.

    Parameters
    ----------
    stream : text stream
        Where to print.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.updating = stream.isatty()

    def show_epoch(self, epoch: int, n_epochs: int, logs: dict[str, float] | None = None) -> None:
        """Show the losses at the end of an epoch, numbered from 0, of so many."""
        losses = "".join(
            f"  {name} {logs[key]:.4f}"
            for key, name in (("loss", "loss"), ("val_loss", "validation loss"))
            if logs and key in logs
        )
        line = f"epoch {epoch + 1}/{n_epochs}{losses}"
        self.stream.write(f"\r{line}\x1b[K" if self.updating else f"{line}\n")
        self.stream.flush()

    def finish(self) -> None:
        """End the line that is updated."""
        if self.updating:
            self.stream.write("\n")


def format_report(task: Task, detection: Detection) -> str:
    """Return a table of the events, and one of the faults where these are known."""
    report = format_events(detection, task.index_labels)
    if task.faults:
        report += "\n\n" + format_faults(task.faults, detection, task.index_labels)
    return report


def format_events(detection: Detection, labels: Sequence[str]) -> str:
    """Return a table of the events in the order of time, the worst where there are many.

    Parameters
    ----------
    detection : Detection
        The events.
    labels : sequence of str of length n_rows
        The index as the user wrote it.

    Returns
    -------
    table : str
        A line that counts them, and a table of start, end, peak, score and feature.
    """
    events = detection.events
    head = (
        f"{_count(len(events), 'event')} in {len(labels)} rows "
        f"(anomaly score above {detection.threshold:.4g})"
    )
    if not events:
        return head
    worst = sorted(events, key=lambda event: -detection.scores[event.peak])[:MAX_EVENTS]
    if len(worst) < len(events):
        head += f"; the worst {MAX_EVENTS}:"
    rows = [_event_cells(event, detection, labels) for event in sorted(worst)]
    return f"{head}\n\n{_align(['start', 'end', 'peak', 'score', 'feature'], rows)}"


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
    table = _align(["fault", "feature", "start", "end", "found"], rows)
    count = f"found {sum(found)} of {len(faults)} faults, with {_count(false, 'false event')}"
    share = f"{_share_of_false_rows(faults, detection):.1%} of the fault-free rows labelled"
    return f"{table}\n\n{count} and {share}"


# --- files -------------------------------------------------------------------------------


def check_outputs(file: str | None, out: Path, plot: Path | None) -> None:
    """Raise ValueError with the reason if an output cannot be written."""
    check_writable(out)
    if plot:
        check_writable(plot)
        _check_plot_format(plot)
    files = [Path(name).resolve() for name in (file, out, plot) if name]
    if len(set(files)) < len(files):
        raise ValueError("FILE, --out and --plot must be different files")


def check_writable(path: Path) -> None:
    """Raise ValueError with the reason if a file cannot be written at `path`."""
    if path.is_dir():
        raise ValueError(f"{path} is a directory; give the name of a file")
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a regular file")
    if not path.parent.is_dir():
        raise ValueError(f"the folder {path.parent} does not exist")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise ValueError(f"cannot write in {path.parent}: {error.strerror}") from error


def write_outputs(task: Task, detection: Detection, out: Path, plot: Path | None) -> None:
    """Write the scores file and the picture; neither before both are complete."""
    contents = {out: format_scores(task, detection).encode()}
    if plot:
        contents[plot] = draw_picture(task, detection, plot.suffix.removeprefix("."))
    for path, content in contents.items():
        write_atomically(path, content)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    path = path.resolve()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def format_scores(task: Task, detection: Detection) -> str:
    """Return the text of the scores file: index, score, label and worst feature of each row."""
    scores = [f"{score:.9g}" for score in detection.scores.tolist()]
    labels = (detection.scores > detection.threshold).astype(int).tolist()
    worst = np.nan_to_num(detection.errors).argmax(axis=1).tolist()
    features = [detection.feature_names[feature] for feature in worst]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([task.index_name, "score", "label", "feature"])
    writer.writerows(zip(task.index_labels, scores, labels, features, strict=True))
    return text.getvalue()


def draw_picture(task: Task, detection: Detection, file_format: str) -> bytes:
    """Return a picture of the series, scores and events as the bytes of a file."""
    from matplotlib.figure import Figure

    from skae._displays.anomaly_score import AnomalyScoreDisplay, make_axes

    display = AnomalyScoreDisplay(
        values=task.values,
        scores=detection.scores,
        threshold=detection.threshold,
        events=detection.events,
        labels=_mark_faults(task.faults, len(task.values)) if task.faults else None,
        index=task.index,
        feature_names=task.feature_names,
    )
    worst = np.argsort(-np.nan_to_num(detection.errors).max(axis=0), kind="stable")[:MAX_PANELS]
    # A Figure of its own, without pyplot, leaves no state behind in the process.
    axes = make_axes(len(worst), Figure())
    display.plot(axes, features=sorted(worst.tolist()))
    picture = io.BytesIO()
    display.figure_.savefig(picture, format=file_format, dpi=120)
    return picture.getvalue()


def _mark_faults(faults: Sequence[Fault], n_rows: int) -> NDArray[np.bool_]:
    marks = np.zeros(n_rows, dtype=bool)
    for fault in faults:
        marks[fault.start : fault.end + 1] = True
    return marks


def _check_plot_format(path: Path) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ValueError("--plot needs matplotlib; run pip install 'skae[plot]'") from None
    formats = sorted(Figure().canvas.get_supported_filetypes())
    if path.suffix.removeprefix(".").lower() not in formats:
        raise ValueError(
            f"--plot {path}: expected a name that ends in one of {', '.join(formats)}; "
            "a CSV file goes before --plot"
        )


# --- text --------------------------------------------------------------------------------


def _event_cells(event: Event, detection: Detection, labels: Sequence[str]) -> list[str]:
    times = [labels[row] for row in event]
    score = f"{detection.scores[event.peak]:.4g}"
    return [*times, score, detection.worst_feature(event.start, event.end)]


def _share_of_false_rows(faults: Sequence[Fault], detection: Detection) -> float:
    healthy = ~_mark_faults(faults, len(detection.scores))
    return float((detection.scores[healthy] > detection.threshold).mean())


def _overlap(fault: Fault, event: Event) -> bool:
    return fault.start <= event.end and event.start <= fault.end


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _align(header: list[str], rows: list[list[str]]) -> str:
    table = [header, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in table]
    return "\n".join(line.rstrip() for line in lines)
