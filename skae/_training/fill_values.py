"""What stands for a feature of which a window observed nothing."""

import numpy as np
from numpy.typing import NDArray

from skae._input import observed
from skae._input.sequences import Floats
from skae._scoring.readings import without_bad_readings
from skae._windows.samples import RowSamples, Samples, weights_of


def fill_values(samples: Samples) -> Floats:
    """Return the weighted mean of each feature without bad readings; 0 where nothing was observed.

    Parameters
    ----------
    samples : Samples
        What is trained on.

    Returns
    -------
    ndarray of shape (n_features,), float32
    """
    (part,) = without_bad_readings([samples])
    weights, rows = weights_of(part), part.windows.rows
    if (weights == weights[:1]).all():
        return observed.mean_or_zero(rows)
    total, count = np.zeros((2, rows.shape[1]))
    of_rows = _weights_of_rows(part, weights)
    for start in range(0, len(rows), observed.BLOCK):
        block = rows[start : start + observed.BLOCK].astype(np.float64)
        counted = of_rows[start : start + observed.BLOCK, None] * ~np.isnan(block)
        total += (np.nan_to_num(block) * counted).sum(axis=0)
        count += counted.sum(axis=0)
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0).astype(np.float32)


def _weights_of_rows(samples: Samples, weights: Floats) -> NDArray[np.floating]:
    """Return the weight of each row; of one in several sequences, the sum of theirs."""
    if isinstance(samples, RowSamples):
        return weights
    windows = samples.windows
    steps = np.zeros(len(windows.rows) + 1)
    np.add.at(steps, windows.starts, weights)
    np.add.at(steps, windows.starts + windows.lengths, -weights)
    return np.cumsum(steps[:-1])
