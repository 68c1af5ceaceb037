"""Frames in which a column says which series a row belongs to, taken apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._sequences.layout import by_series


@dataclass(frozen=True)
class Grouping:
    """The rows of each series in a frame.

    Parameters
    ----------
    column : str
        Names the series.
    positions : list of ndarray
        The rows of each series, in order of first appearance.
    """

    column: str
    positions: list[NDArray[np.intp]]

    def frames(self, X: Any) -> list[Any]:
        """Return the frame of each series, without the column."""
        return self.parts(
            X.drop(columns=self.column) if hasattr(X, "iloc") else X.drop(self.column)
        )

    def parts(self, rows: Any) -> Any:
        """Return what belongs to the rows of the frame, series by series; None for None."""
        if rows is None:
            return None
        rows = getattr(rows, "iloc", rows if hasattr(rows, "shape") else np.asarray(rows))
        return [rows[chosen] for chosen in self.positions]


def grouping_of(estimator: Any, X: Any) -> Grouping | None:
    """Return how an estimator, or a step of a Pipeline, takes a frame apart; None if it does not.

    Its parameter `series` names the column.
    """
    steps = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    names = {getattr(step, "series", None) for step in steps}
    found = [name for name in getattr(X, "columns", []) if name in names]
    if not found:
        return None
    positions, lengths = by_series(X[found[0]])
    return Grouping(found[0], np.split(positions, np.cumsum(lengths)[:-1]))
