"""Outlier labels in their common encodings, as booleans."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def are_outliers(
    labels: Any, name: str = "labels", *, only_ones: bool | None = None
) -> NDArray[np.bool_]:
    """Return labels as booleans, True for an outlier.

    Parameters
    ----------
    labels : array-like of shape (n_samples,)
        -1 (an outlier) and 1; or 0 and 1 (an outlier); or bool; or only -1, or only 0.
    name : str, default="labels"
        Their name in errors.
    only_ones : bool, optional
        Meaning of labels that are all 1, which is ambiguous: all outliers (True), no outliers
        (False, as ``predict`` returns), or an error (None).

    Raises
    ------
    ValueError
        If there are other labels, or all are 1 and `only_ones` is None.

    Examples
    --------
    >>> are_outliers([1, -1]), are_outliers([1, 0]), are_outliers([1, 1], only_ones=False)
    (array([False,  True]), array([ True, False]), array([False, False]))
    """
    labels = np.asarray(labels)
    found = set(np.unique(labels).tolist())
    if labels.dtype == bool or (found <= {0, 1} and 0 in found):
        flags: NDArray[np.bool_] = labels.astype(bool)
        return flags
    if found <= {-1, 1} and -1 in found:
        return np.asarray(labels == -1)
    if not found or (found == {1} and only_ones is not None):
        return np.full(len(labels), bool(only_ones))
    raise ValueError(
        f"Got {name} with the values {sorted(found)[:10]}, but expected both of 0 and 1 (1 is an "
        "outlier), booleans, or both of -1 and 1 (-1 is an outlier)."
    )
