"""What a stream is given, as rows of the detector."""

import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skae._compiled.replicas import independent_copy
from skae._sequences.ragged import Floats, Indices
from skae._sequences.reading import read_samples
from skae._sequences.samples import RowSamples


@dataclass(frozen=True)
class RowReader:
    """A detector of rows, with what they go through first.

    Parameters
    ----------
    first_steps : Pipeline or None
    detector : LSTMAutoencoder
        Fitted, and nobody else's.
    """

    first_steps: Any
    detector: Any

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Return the reader of a detector of rows, or of a pipeline that ends in one.

        Raises
        ------
        TypeError, ValueError
            If the estimator is none.
        sklearn.exceptions.NotFittedError
            If it is not fitted.
        """
        is_pipeline = isinstance(estimator, Pipeline)
        detector = estimator[-1] if is_pipeline else estimator
        if not hasattr(detector, "window_size") or not hasattr(detector, "score_samples"):
            raise TypeError(
                f"Got {type(detector).__name__}, but expected an LSTMAutoencoder with "
                "window_size, or a Pipeline that ends in one."
            )
        check_is_fitted(detector)
        if detector._windowing.window_size is None:
            raise ValueError(
                "Got a detector whose samples are sequences, but expected one of rows, which "
                "alone come one after the other. Fit an LSTMAutoencoder with window_size."
            )
        own = copy.copy(detector)
        own.model_ = independent_copy(detector.model_)
        # The copy has no optimizer: Keras pickles it, for which it need not be compiled.
        own._architecture = None
        return cls(estimator[:-1] if is_pipeline and len(estimator) > 1 else None, own)

    def read(self, parts: list[Any]) -> tuple[Indices, Floats]:
        """Return how many rows each part has, and all of them as the detector takes them.

        Raises
        ------
        ValueError
            If they do not fit what `fit` saw.
        """
        width = (self.first_steps or self.detector).n_features_in_
        tables = [_as_table(part, width) for part in parts]
        lengths = np.array([len(table) for table in tables], dtype=np.intp)
        if not lengths.sum():
            return lengths, np.zeros((0, width), np.float32)
        table = _stacked([table for table in tables if len(table)])
        if self.first_steps is not None:
            table = self.first_steps.transform(table)
        samples = read_samples(self.detector, table, self.detector._windowing, reset=False)
        assert isinstance(samples, RowSamples)
        if len(samples) != lengths.sum():
            raise ValueError(
                f"Got {len(samples)} rows from the first steps of the pipeline for "
                f"{lengths.sum()}, but expected one for each: only steps that take each row by "
                "itself can be streamed."
            )
        return lengths, samples.rows


def _as_table(part: Any, n_features: int) -> Any:
    """Return rows as they are; one row, or values of one feature, as an array of rows."""
    if getattr(part, "ndim", 0) == 2:
        return part
    array = np.asarray(part)
    if array.ndim == 1 and len(array):
        return array.reshape(-1, 1) if n_features == 1 else array.reshape(1, -1)
    return array.reshape(0, n_features) if not array.size else array


def _stacked(tables: list[Any]) -> Any:
    if len(tables) == 1:
        return tables[0]
    if all(hasattr(table, "iloc") for table in tables):
        import pandas as pd

        return pd.concat(tables)
    arrays = [np.asarray(table) for table in tables]
    if len({array.shape[1:] for array in arrays}) > 1:
        raise ValueError(
            f"Got rows of the shapes {[array.shape for array in arrays[:5]]}, but expected the "
            "same number of features in each series."
        )
    return np.concatenate(arrays)
