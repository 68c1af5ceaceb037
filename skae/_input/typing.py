"""Types that several parameters share."""

import datetime
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

SeriesLike = ArrayLike | Sequence[ArrayLike]
"""An array, dataframe or nested lists, or a list of these with one item per series or sequence."""

Duration = float | str | datetime.timedelta | np.timedelta64
"""A step of time: a number, or a duration such as "10min"."""

RandomState = int | np.random.RandomState | np.random.Generator | None


class SupportsScoreSamples(Protocol):
    """A fitted outlier detector, or a Pipeline that ends in one."""

    def score_samples(self, X: Any) -> Any:
        """Return scores, higher for more normal samples."""
