"""What parameters may be, where several share it."""

from collections.abc import Sequence
from typing import Any, Protocol

from numpy.typing import ArrayLike

SeriesLike = ArrayLike | Sequence[ArrayLike]
"""An array, a dataframe or nested lists, or a list of such: one for each series or sequence."""


class SupportsScoreSamples(Protocol):
    """A fitted outlier detector, or a Pipeline that ends in one."""

    def score_samples(self, X: Any) -> Any:
        """Return scores, higher for more normal samples."""


class SupportsPredict(Protocol):
    """A fitted outlier detector, or a Pipeline that ends in one."""

    def predict(self, X: Any) -> Any:
        """Return -1 for outliers and +1 for the others."""
