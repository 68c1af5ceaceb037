"""Events over a timeline: runs of rows of one series, never from one into the next."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._displays.timeline import Timeline, stack_entries
from skae._scoring.events import Event, are_outliers, find_events


def events_of(
    timeline: Timeline, is_outlier: NDArray[np.bool_], severity: NDArray[Any], **options: int
) -> list[Event]:
    """Return the events of all series, as row numbers counted over all of them."""
    first, found = 0, []
    for flags, worse in zip(timeline.split(is_outlier), timeline.split(severity), strict=True):
        found += [
            Event(*(first + row for row in event)) for event in find_events(flags, worse, **options)
        ]
        first += len(flags)
    return found


def labelled_runs(timeline: Timeline, labels: NDArray[Any] | None) -> list[tuple[int, int]]:
    """Return the first and last rows of labelled events."""
    if labels is None:
        return []
    flags = are_outliers(labels)
    return [(event.start, event.end) for event in events_of(timeline, flags, flags.astype(float))]


def find_offset(estimator: Any, X: Any, scores: NDArray[np.float64]) -> float:
    """Return the score below which a row is an outlier."""
    if hasattr(estimator, "offset_"):
        return float(estimator.offset_)
    # decision_function = score_samples - offset_, so a Pipeline gives its offset away.
    decision = stack_entries(estimator.decision_function(X), [len(scores)], "decision_function")
    return float(np.nanmedian(scores - decision))
