"""Results of lists as one table, for ``set_output``."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def stacked(parts: list[NDArray], X: Any) -> Any:
    """Return results per row of several series as one table.

    Parameters
    ----------
    parts : list of ndarray of shape (n_rows_i, n_columns)
    X : list
        The series that they are of.

    Returns
    -------
    ndarray of shape (sum of n_rows_i, n_columns), or pandas.DataFrame
        The latter if all series are such: its index has their positions in the list, and
        their own indexes.
    """
    rows = np.concatenate(parts)
    if not all(hasattr(item, "iloc") for item in X):
        return rows
    import pandas as pd

    index = pd.concat([pd.Series(0, item.index) for item in X], keys=range(len(X))).index
    return pd.DataFrame(rows, index=index)


def flat(sequences: Any, n_steps: int) -> NDArray:
    """Return sequences of unequal length as the rows of a table, step by step.

    Parameters
    ----------
    sequences : ndarray of shape (n, n_steps_i, n_features) or list of such arrays
    n_steps : int
        Steps in a row of the table; NaN after the end of a sequence.

    Raises
    ------
    ValueError
        If a sequence has more steps.
    """
    longest = max(map(len, sequences))
    if longest > n_steps:
        raise ValueError(
            f"Got a sequence of {longest} steps, but expected at most n_steps_={n_steps}, the "
            "longest in fit: the table that set_output asks for has columns for so many."
        )
    table = np.full((len(sequences), n_steps, sequences[0].shape[1]), np.nan, np.float32)
    for row, sequence in zip(table, sequences, strict=True):
        row[: len(sequence)] = sequence
    return table.reshape(len(table), -1)
