"""Values for features that are missing throughout a window."""

import numpy as np

from skae._input import observed
from skae._input.sequences import Floats
from skae._scoring.readings import without_bad_readings
from skae._windows.samples import Samples, weights_of


def fill_values(samples: Samples) -> Floats:
    """Return the weighted mean of each feature without bad readings; 0 if it was never observed.

    Parameters
    ----------
    samples : Samples
        Training samples.

    Returns
    -------
    ndarray of shape (n_features,), float32
    """
    (part,) = without_bad_readings([samples])
    weights, rows = part.row_weights(), part.windows.rows
    if weights is None or (weights_of(part) == weights_of(part)[:1]).all():
        return observed.mean_or_zero(rows)
    total, count = np.zeros((2, rows.shape[1]))
    for start in range(0, len(rows), observed.BLOCK):
        block = rows[start : start + observed.BLOCK].astype(np.float64)
        counted = weights[start : start + observed.BLOCK, None] * ~np.isnan(block)
        total += (np.nan_to_num(block) * counted).sum(axis=0)
        count += counted.sum(axis=0)
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0).astype(np.float32)
