"""What a user says of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Choice"]


@dataclass(frozen=True)
class Choice:
    """What a user says of a file and its columns.

    Parameters
    ----------
    index : str or None, default=None
        The column of times, or several of their parts with commas between. If None, found.
    features : sequence of str or None, default=None
        The sensors. If None, all columns of numbers that are nothing else.
    keep : sequence of str, default=()
        Columns that are sensors, whatever they look like.
    series : str or None, default=None
        The column that says which of several series a row belongs to.
    labels : str or None, default=None
        The column that says which rows are anomalies.
    time_format : str or None, default=None
        How times are written, as ``strptime`` has it.
    missing : sequence of str, default=()
        Words that stand for a missing value.
    decimal : {".", ","} or None, default=None
        What stands before the decimals of a number.
    delimiter, comment, encoding : str or None, default=None
        What stands between cells, at the beginning of lines to leave out; how text is encoded.
    skip_rows : int, default=0
        Lines to leave out at the beginning.
    max_gap : str or None, default=None
        The longest step of time over which a window may reach.
    """

    index: str | None = None
    features: Sequence[str] | None = None
    keep: Sequence[str] = ()
    series: str | None = None
    labels: str | None = None
    time_format: str | None = None
    missing: Sequence[str] = ()
    decimal: str | None = None
    delimiter: str | None = None
    comment: str | None = None
    encoding: str | None = None
    skip_rows: int = 0
    max_gap: str | None = None

    @property
    def index_parts(self) -> list[str]:
        """The names in `index`, where there may be several."""
        return [name.strip() for name in (self.index or "").split(",") if name.strip()]
