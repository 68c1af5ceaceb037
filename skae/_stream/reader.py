"""From the input of a stream to rows of the detector."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._detector import Detector
from skae._input.checks import as_numbers, with_columns
from skae._input.sequences import Floats, Indices
from skae._input.table import Features, indexed_by_time
from skae._windows.series import without_series
from skae._windows.windows import Windowing

N_TRIED = 12
"""Rows with which the steps before a detector are tried."""


@dataclass(frozen=True)
class RowReader:
    """A detector of rows, with the pipeline steps before it.

    Parameters
    ----------
    first_steps : Pipeline or None
    detector : Detector
        Its windowing has neither `series` nor `max_gap`, because the caller separates series and
        gaps.
    windowing : Windowing
        The windowing that `fit` determined.
    """

    first_steps: Any
    detector: Detector
    windowing: Windowing

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Return the reader of a detector of rows, of a pipeline that ends in one, or of a search.

        Raises
        ------
        TypeError, ValueError
            If the estimator is not a detector of rows.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        """
        estimator = getattr(estimator, "best_estimator_", estimator)
        is_pipeline = isinstance(estimator, Pipeline)
        detector = _detector_of(estimator[-1] if is_pipeline else estimator)
        if detector.windowing.window_size is None:
            raise ValueError(
                "Got a detector of sequences, but expected one of rows. Fit an LSTMAutoencoder "
                "with window_size."
            )
        first_steps = _first_steps(estimator) if is_pipeline else None
        if first_steps is not None:
            _check_takes_rows_alone(first_steps)
        windowing = detector.windowing
        of_any_rows = replace(detector, windowing=windowing._replace(series=None, max_gap=None))
        return cls(first_steps, of_any_rows, windowing)

    def read(self, parts: Mapping[Any, Any]) -> tuple[Indices, Floats, list[Any]]:
        """Return the lengths of the parts, all rows as inputs of the detector, and names.

        Parameters
        ----------
        parts : dict
            The rows of each series by its name.

        Returns
        -------
        lengths : ndarray of shape (n_parts,), intp
        rows : ndarray of shape (n_rows, n_features), float32
        names : list
            The series that the rows of each part name themselves, None if they do not.

        Raises
        ------
        ValueError
            If they do not fit the data seen in `fit`, or a part contains rows of several series.
        """
        width = self._given.n_columns
        tables = [_as_table(part, width) for part in parts.values()]
        lengths = np.array([len(table) for table in tables], dtype=np.intp)
        if not lengths.sum():
            return lengths, np.zeros((0, width), np.float32), [None] * len(parts)
        table = _stacked([table for table in tables if len(table)])
        if self.first_steps is not None:
            table = self.first_steps.transform(table)
        features, labels = self._without_series(table)
        names = [None] * len(parts) if labels is None else _names(labels, lengths)
        known = [key if name is None else name for key, name in zip(parts, names, strict=True)]
        rows = self.detector.read_rows(features, known, lengths)
        if len(rows) != lengths.sum():
            raise ValueError(
                f"Got {len(rows)} rows from the first steps of the pipeline for "
                f"{lengths.sum()} rows, but expected the same number: a stream supports only steps "
                "that transform each row separately."
            )
        return lengths, rows, names

    def of_series(self, name: Any) -> Self:
        """Return the reader of the rows of one series."""
        return replace(self, detector=self.detector.of_series(name))

    def is_row(self, rows: Any) -> bool:
        """Tell whether a dict contains one row by feature names, not series by keys."""
        if not isinstance(rows, Mapping) or not rows:
            return False
        if any(isinstance(value, Mapping) or np.ndim(value) for value in rows.values()):
            return False
        names = [name for name in rows if name != self.windowing.series]
        given = self._given
        return given.n_columns > 1 or given.names is not None and names == [*given.names]

    def named(self, rows: Any) -> Any:
        """Return a row as a frame if it is a dict, a pandas Series or a structured array."""
        if isinstance(rows, Mapping):
            return self._of_dicts([rows])
        if isinstance(rows, list) and rows and isinstance(rows[0], Mapping):
            return self._of_dicts(rows)
        rows = with_columns(np.atleast_1d(rows) if isinstance(rows, np.void) else rows)
        if self.windowing.max_gap is not None:
            rows = indexed_by_time(rows)
        is_row = hasattr(rows, "to_frame") and hasattr(rows, "index") and self._given.n_columns > 1
        return rows.to_frame().T if is_row else rows

    def _of_dicts(self, rows: list[Mapping[str, Any]]) -> Any:
        import pandas as pd

        names: list[Any] = self._given.column_names()
        for row in rows:
            missing = [name for name in names if name not in row]
            others = [name for name in row if name not in [*names, self.windowing.series]]
            if missing or others:
                raise ValueError(
                    f"Got a row as a dict that lacks {missing} and has {others} besides, but "
                    f"expected the features {names[:10]} by their names; None or NaN is a reading "
                    "that is missing."
                )
        if self.first_steps is None and all(self.windowing.series in row for row in rows):
            names.append(self.windowing.series)
        values = [[np.nan if row[name] is None else row[name] for name in names] for row in rows]
        if self._given.names is None:
            return np.array(values, float)
        return pd.DataFrame(values, columns=names)

    @property
    def _given(self) -> Features:
        """The columns that the user passes."""
        if self.first_steps is None:
            return self.detector.features
        n_columns = int(self.first_steps.n_features_in_)
        names = getattr(self.first_steps, "feature_names_in_", None)
        return Features(n_columns, n_columns, names)

    def features(self, table: Any) -> Any:
        """Return a table without the column that names the series, if it has one."""
        return self._without_series(table)[0]

    def _without_series(self, table: Any) -> tuple[Any, Any]:
        """Return the features, and the labels of the series if the table has them."""
        series, levels = self.windowing.series, getattr(getattr(table, "index", None), "names", ())
        has_column = np.ndim(table) == 2 and np.shape(table)[1] > self.detector.features.n_columns
        is_labelled = has_column or series is not None and series in levels
        return without_series(table, series) if is_labelled else (table, None)


def _names(labels: Any, lengths: Indices) -> list[Any]:
    """Return the series of each part."""
    parts = np.split(np.asarray(labels), np.cumsum(lengths)[:-1])
    found = [list(dict.fromkeys(part.tolist())) for part in parts]
    several = next((names for names in found if len(names) > 1), None)
    if several is not None:
        raise ValueError(
            f"Got rows of the series {several[:5]} together, but expected those of one: pass "
            "several as a dict of the rows of each by its name."
        )
    return [names[0] if names else None for names in found]


def _first_steps(pipeline: Pipeline) -> Pipeline | None:
    """Return the previous steps that change the data; None if there are none."""
    steps = [step for step in pipeline.steps[:-1] if step[1] not in (None, "passthrough")]
    return Pipeline(steps) if steps else None


def _check_takes_rows_alone(steps: Pipeline) -> None:
    """Reject steps that use neighbouring rows, after trying them on a few artificial rows.

    Raises
    ------
    ValueError
        If they transform single rows differently.
    """
    try:
        rows = _made_up_rows(steps)
        together = np.asarray(steps.transform(rows), dtype=float)
        alone = [steps.transform(rows[i : i + 1]) for i in range(N_TRIED)]
        one_by_one = np.concatenate([np.asarray(row, dtype=float) for row in alone])
    except Exception:  # the steps may not accept artificial rows
        return
    is_same = together.shape == one_by_one.shape and np.allclose(
        together, one_by_one, rtol=1e-4, atol=1e-6, equal_nan=True
    )
    if not is_same:
        raise ValueError(
            f"Got {[name for name, _ in steps.steps]} before the detector, which transform single "
            "rows differently from the same rows together, but expected steps that transform each "
            "row separately, because a stream passes rows one at a time. Apply such steps before "
            "the pipeline."
        )


def _made_up_rows(steps: Pipeline) -> Any:
    rows = np.random.default_rng(0).normal(size=(N_TRIED, steps.n_features_in_))
    names = getattr(steps, "feature_names_in_", None)
    if names is None:
        return rows
    import pandas as pd

    return pd.DataFrame(rows, columns=names)


def _detector_of(estimator: Any) -> Detector:
    if isinstance(estimator, Detector):
        return estimator
    if not hasattr(type(estimator), "detector_"):
        raise TypeError(
            f"Got {type(estimator).__name__}, but expected an LSTMAutoencoder with "
            "window_size, or a Pipeline that ends in one."
        )
    check_is_fitted(estimator)
    detector: Detector = estimator.detector_
    return detector


def _as_table(part: Any, n_features: int) -> Any:
    """Return rows unchanged; one row, or values of one feature, as an array of rows."""
    if isinstance(part, np.ma.MaskedArray):
        part = as_numbers(part)
    if len(getattr(part, "shape", ())) == 2:
        return part
    if isinstance(part, Iterator):
        raise TypeError(
            f"Got a {type(part).__name__}, but expected rows in memory: pass them one by one, as "
            "in `for row in rows: stream.update(row)`."
        )
    array = np.asarray(part)
    if not array.ndim and n_features > 1:
        raise ValueError(f"Got {part!r}, but expected a row of {n_features} features, or several.")
    array = np.atleast_1d(array)
    if array.ndim == 1 and len(array):
        return array.reshape(-1, 1) if n_features == 1 else array.reshape(1, -1)
    return array.reshape(0, n_features) if not array.size else array


def _stacked(tables: list[Any]) -> Any:
    if len(tables) == 1:
        return tables[0]
    if all(hasattr(table, "columns") for table in tables):
        return _stacked_frames(tables)
    arrays = [np.asarray(table) for table in tables]
    if len({array.shape[1:] for array in arrays}) > 1:
        raise ValueError(
            f"Got rows of the shapes {[array.shape for array in arrays[:5]]}, but expected the "
            "same number of features in each series."
        )
    return np.concatenate(arrays)


def _stacked_frames(tables: list[Any]) -> Any:
    columns = [list(table.columns) for table in tables]
    other = next((names for names in columns if set(names) != set(columns[0])), None)
    if other is not None:
        raise ValueError(
            f"Got rows with the columns {other[:10]} and others with {columns[0][:10]}, but "
            "expected the same columns in each series."
        )
    if all(hasattr(table, "iloc") for table in tables):
        import pandas as pd

        return pd.concat(tables)
    import polars as pl

    return pl.concat([pl.DataFrame(table).select(columns[0]) for table in tables])
