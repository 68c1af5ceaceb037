"""From a table to an array of rows, in which NaN is allowed and infinity is not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from skae._compat.sklearn import FeatureRecord, too_large_is_named
from skae._input.checks import as_numbers
from skae._input.missing import NAN_ALLOWED


def dtype_to_read(is_scaled: bool) -> Any:
    """Return the dtype for `check_array`, depending on whether values will be scaled."""
    return [np.float64, np.float32] if is_scaled else np.float32


def read_rows(
    record: FeatureRecord, X: Any, *, reset: bool, dtype: Any = np.float32
) -> NDArray[Any]:
    """Return the rows of a table, of any series.

    Raises
    ------
    ValueError
        As in `read_samples`.
    """
    options: dict[str, Any] = {**NAN_ALLOWED, "order": "C"}
    X = as_numbers(X)
    with too_large_is_named(X):
        rows: NDArray[Any] = validate_data(record, X, dtype=dtype, reset=reset, **options)
        return rows
