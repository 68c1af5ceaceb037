"""Split tables in which a column names the series of each row."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skae._output.pipeline import reach
from skae._windows.row_layout import by_series


@dataclass(frozen=True)
class Grouping:
    """The rows of each series in a table.

    Parameters
    ----------
    column : str or None
        Column that names the series; None if an index level does.
    place : str or int
        The parameter `series`; for an array, the position of that column.
    positions : list of ndarray
        The rows of each series, in order of first appearance.
    labels : array-like of shape (n_rows,)
        The series of each row.
    """

    column: Any
    place: Any
    positions: list[NDArray[np.intp]]
    labels: Any

    def frames(self, X: Any) -> Any:
        """Return the table of each series, without the column, as a list."""
        if not hasattr(X, "columns"):
            return self.parts(np.delete(np.asarray(X), self.place, axis=1).astype(np.float64))
        if self.column is None:
            return self.parts(X.droplevel(self.place))
        return self.parts(
            X.drop(columns=self.column) if hasattr(X, "iloc") else X.drop(self.column)
        )

    def parts(self, rows: Any) -> Any:
        """Return entries for the rows of the frame, series by series; None for None."""
        if rows is None:
            return None
        rows = getattr(rows, "iloc", rows if hasattr(rows, "shape") else np.asarray(rows))
        return [rows[chosen] for chosen in self.positions]


def grouping_of(estimator: Any, X: Any) -> Grouping | None:
    """Return how an estimator, or a step of a Pipeline, splits a table; None if it does not.

    Its parameter `series` names the column or index level, or is the position of the column in the
    input of that step.
    """
    steps = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    places = {getattr(step, "series", None) for step in steps} - {None}
    if not places or isinstance(X, list | tuple):
        return None
    found = [name for name in getattr(X, "columns", []) if name in places]
    if found:
        return _grouping(X[found[0]], found[0], found[0])
    levels = [name for name in getattr(getattr(X, "index", None), "names", []) if name in places]
    if levels and X.index.nlevels > 1:
        return _grouping(X.index.get_level_values(levels[0]), None, levels[0])
    return _by_position(estimator, X)


def _by_position(estimator: Any, X: Any) -> Grouping | None:
    """Group by the column at the position `series` in the input of the last step."""
    _, step, arriving = reach(estimator, X)
    place = getattr(step, "series", None)
    if not isinstance(place, int):
        return None
    labels = np.asarray(arriving)[:, place]
    if not hasattr(X, "columns"):
        return _grouping(labels, None, place) if arriving is X else None
    names = [name for name in X.columns if X[name].to_list() == labels.tolist()]
    return _grouping(labels, names[0], place) if names else None


def _grouping(labels: Any, column: Any, place: Any) -> Grouping:
    positions, lengths = by_series(labels)
    return Grouping(column, place, np.split(positions, np.cumsum(lengths)[:-1]), labels)
