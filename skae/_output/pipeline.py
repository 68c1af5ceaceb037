"""Pipelines: methods of their steps, and the series in a table."""

import contextlib
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._compat.sklearn import frame_container
from skae._input.table import SeriesLike, default_names
from skae._output.frames import framed, names_of
from skae._output.scored_rows import Positions, groups_of, stack_entries

__all__ = ["through"]


def through(
    pipeline: BaseEstimator,
    method: str,
    X: SeriesLike,
    *args: Any,
    step: int | str = -1,
    inverse: bool = False,
    **parameters: Any,
) -> Any:
    """Call a method of a Pipeline's step on X, transformed by the previous steps.

    A Pipeline has only the methods that scikit-learn knows, such as `predict` and `score_samples`,
    but not `explain`, `reconstruct`, `score_timesteps` and `tune_threshold`.

    Parameters
    ----------
    pipeline : Pipeline, fitted
        For a search, such as ``GridSearchCV``, its best estimator is used. An estimator that is not
        a Pipeline counts as the only step.
    method : str
        Name of the method.
    X : array-like or list
        Input of the pipeline.
    *args
        Passed to the method after X, for instance y.
    step : int or str, default=-1
        The step, by position or name; the last one by default.
    inverse : bool, default=False
        Whether to apply the inverse of the previous steps to a reconstruction, which gives it the
        units of X. Only for ``method="reconstruct"``.
    **parameters
        Passed to the method by keyword.

    Returns
    -------
    found : object
        The result of the method; the pipeline if the method returns the step itself.

    Raises
    ------
    ValueError
        If there is no such step, or `inverse` is set for another method or a previous step has no
        ``inverse_transform``.
    AttributeError
        If the step does not have the method.

    See Also
    --------
    find_events : Uses the result of `explain`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skae import LSTMAutoencoder, through
    >>> X = 50 + 10 * np.sin(np.arange(300) / 5)[:, None]
    >>> network = LSTMAutoencoder(window_size=10, units=8, epochs=2, random_state=0)
    >>> detector = make_pipeline(StandardScaler(), network).fit(X)
    >>> through(detector, "explain", X).shape
    (300, 1)
    >>> scaled = through(detector, "reconstruct", X)
    >>> bool(abs(scaled).max() < 5)
    True
    >>> restored = through(detector, "reconstruct", X, inverse=True)
    >>> bool(restored.min() > 30)
    True
    """
    if inverse and method != "reconstruct":
        raise ValueError(
            f"Got inverse=True with method={method!r}, but expected method='reconstruct': only a "
            "reconstruction can be returned in the units of X."
        )
    before, reached, transformed = reach(pipeline, X, step)
    if not callable(getattr(reached, method, None)):
        raise AttributeError(
            f"Got method={method!r}, but expected the name of a method of {type(reached).__name__}."
        )
    if inverse:
        _check_invertible(before)
    found = getattr(reached, method)(transformed, *args, **parameters)
    if found is reached:
        return pipeline
    return _restored(before, reached, found, X) if inverse and before else found


def reach(pipeline: Any, X: Any, step: int | str = -1) -> tuple[Pipeline | None, Any, Any]:
    """Return the steps before a step, that step, and X transformed by the steps before it.

    Raises
    ------
    ValueError
        If there is no such step.
    """
    pipeline = getattr(pipeline, "best_estimator_", pipeline)
    steps = pipeline.steps if isinstance(pipeline, Pipeline) else [("", pipeline)]
    names = [name for name, _ in steps]
    if step in names:
        step = names.index(step)
    if not isinstance(step, int | np.integer) or not -len(steps) <= step < len(steps):
        raise ValueError(f"Got step={step!r}, but expected a position or one of {names}.")
    position = int(step) % len(steps)
    if not position:
        return None, steps[0][1], X
    before = pipeline[:position]
    return before, steps[position][1], before.transform(X)


def errors_of_rows(estimator: Any, X: Any) -> Any:
    """Return the error of each single row from an estimator or a Pipeline's last step, or None."""
    last = last_step(estimator)
    if not hasattr(last, "score_timesteps"):
        return None
    check_is_fitted(last)
    if not getattr(last, "window_size_", None):
        return None
    found = through(estimator, "score_timesteps", X)
    return found["error"].to_numpy() if hasattr(found, "columns") else found


def gap_of(estimator: Any, merge_gap: int | Literal["auto"]) -> int:
    """Return the gap over which events are joined; "auto" is half of the window, or 0.

    Raises
    ------
    ValueError
        If it is neither an integer nor "auto".
    """
    if not isinstance(merge_gap, str):
        return merge_gap
    if merge_gap != "auto":
        raise ValueError(f"Got merge_gap={merge_gap!r}, but expected an integer or 'auto'.")
    return window_of(estimator) // 2


def window_of(estimator: Any) -> int:
    """Return the window size of an estimator or a Pipeline's last step, or 0."""
    return int(getattr(last_step(estimator), "window_size_", None) or 0)


def last_step(estimator: Any) -> Any:
    """Return the last step of a Pipeline, or of a search's best Pipeline, else the estimator."""
    best = getattr(estimator, "best_estimator_", estimator)
    return best.steps[-1][1] if isinstance(best, Pipeline) else best


def names_arriving(estimator: Any, X: Any) -> list[str] | None:
    """Return the names of the features that arrive at the last step, None if X has no names.

    A prefix that a ColumnTransformer puts before the name of a column is left out.
    """
    pipeline, names = getattr(estimator, "best_estimator_", estimator), names_of(X)
    if names is not None and isinstance(pipeline, Pipeline) and len(pipeline) > 1:
        with contextlib.suppress(AttributeError, TypeError, ValueError):
            found = pipeline[:-1].get_feature_names_out(np.array(names, dtype=object))
            bare = [str(name).partition("__")[2] for name in found]
            names = [
                one if one in names else str(name) for one, name in zip(bare, found, strict=True)
            ]
    series = getattr(last_step(estimator), "series", None)
    if names is not None and isinstance(series, Integral):
        series = names[int(series)]
    return None if names is None else [name for name in names if name != series]


def _check_invertible(before: Pipeline | None) -> None:
    for name, transformer in before.steps if before else []:
        if transformer != "passthrough" and not hasattr(transformer, "inverse_transform"):
            raise ValueError(
                f"Got inverse=True, but step {name!r} ({type(transformer).__name__}) has no "
                "inverse_transform. Leave inverse out; the result is in the units after that step."
            )


def _restored(before: Pipeline, step: Any, found: Any, X: Any) -> Any:
    """Return a reconstruction in the units of X, as a frame if the step returns one."""
    rows = before.inverse_transform(np.asarray(found) if hasattr(found, "columns") else found)
    container = frame_container(step)
    if container is None or isinstance(rows, list) or rows.ndim != 2:
        return rows
    names = list(X.columns) if hasattr(X, "columns") else default_names(rows.shape[1])
    return framed(rows, getattr(X, "index", None), names, container, None)


def find_offset(estimator: Any, X: Any, scores: NDArray[np.float64]) -> Any:
    """Return the score below which a row is an outlier, or one score per row if they differ."""
    if hasattr(estimator, "offset_") and getattr(estimator, "threshold", None) != "adaptive":
        return float(estimator.offset_)
    # decision_function = score_samples - offset, so their difference is the offset of a Pipeline,
    # or of each row if a detector adapts.
    decision = stack_entries(estimator.decision_function(X), [len(scores)], "decision_function")
    offsets = scores - decision
    typical = float(np.nanmedian(offsets))
    return typical if np.nanmax(np.abs(offsets - typical)) <= 1e-6 * abs(typical) else offsets


@dataclass(frozen=True)
class Grouping:
    """How an estimator splits the rows of a table into series.

    Parameters
    ----------
    labels : array-like of shape (n_rows,) or None
        The series of each row; None if the rows are not split.
    column : str or None
        Column that names the series; None if an index level does.
    place : str, int or None
        The parameter `series`; for an array, the position of that column. None if a step before
        makes the column, so that the input does not have it.
    """

    labels: Any = None
    column: Any = None
    place: Any = None

    @cached_property
    def positions(self) -> list[Positions]:
        """The rows of each series, in order of first appearance."""
        return groups_of(self.labels)

    def frames(self, X: Any) -> Any:
        """Return the table of each series, without the column, as a list; X if it is not split."""
        if self.place is None:
            return self.parts(X)
        if not hasattr(X, "columns"):
            return self.parts(np.delete(np.asarray(X), self.place, axis=1).astype(np.float64))
        if self.column is not None:
            is_pandas = hasattr(X, "iloc")
            return self.parts(X.drop(columns=self.column) if is_pandas else X.drop(self.column))
        is_level = X.index.nlevels > 1
        return self.parts(X.droplevel(self.place) if is_level else X.reset_index(drop=True))

    def parts(self, rows: Any) -> Any:
        """Return entries for the rows of the table, series by series; None or a number as it is."""
        if self.labels is None or np.ndim(rows) == 0:
            return rows
        rows = getattr(rows, "iloc", rows if hasattr(rows, "shape") else np.asarray(rows))
        return [rows[chosen] for chosen in self.positions]


def grouping_of(estimator: Any, X: Any) -> Grouping:
    """Return how an estimator, or a step of a Pipeline, splits a table.

    Its parameter `series` is the name of the column or index level, or the position of the column
    in the input of that step.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    steps = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    places = {getattr(step, "series", None) for step in steps} - {None}
    if not places or isinstance(X, list | tuple):
        return Grouping()
    for name in getattr(X, "columns", []):
        if name in places:
            return Grouping(X[name], name, name)
    for name in getattr(getattr(X, "index", None), "names", []):
        if name in places:
            return Grouping(X.index.get_level_values(name), None, name)
    return _by_position(estimator, X)


def _by_position(estimator: Any, X: Any) -> Grouping:
    """Group by the column at the position `series` in the input of the last step."""
    _, step, arriving = reach(estimator, X)
    place = getattr(step, "series", None)
    if not isinstance(place, Integral):
        return Grouping()
    table = np.asarray(arriving)
    labels, place = table[:, place], int(place) % table.shape[1]
    if not hasattr(X, "columns"):
        return Grouping(labels, None, place if arriving is X else None)
    columns = {name: X[name].to_list() for name in X.columns}
    found = labels.tolist()
    names = [name for name, values in columns.items() if values == found]
    if not names and len(set(found)) > 1:
        names = [name for name, values in columns.items() if _split_alike(values, found)]
    return Grouping(X[names[0]], names[0], place) if names else Grouping(labels)


def _split_alike(labels: list[Any], others: list[Any]) -> bool:
    """Tell whether labels separate rows as others do, which an encoder may have made of them."""
    n_pairs = len(set(zip(labels, others, strict=True)))
    return len(set(labels)) == n_pairs == len(set(others))
