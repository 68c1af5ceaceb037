"""Known anomalies: columns of numbers or words as booleans."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skae._cli.table import Column

__all__ = ["read_labels"]

NORMAL = "0 0.0 false no normal ok good healthy benign regular none inlier nominal n f -".split()
ANOMALOUS = (
    "true yes anomaly anomalous abnormal attack fault faulty outlier bad failure fail broken "
    "intrusion error alarm t"
).split()


def read_labels(column: Column) -> NDArray[np.bool_]:
    """Return a column as labels, True for an anomaly.

    Parameters
    ----------
    column : Column
        Of 0 and 1, -1 and 1 as ``predict`` has them, or words one of which is normal.

    Raises
    ------
    ValueError
        If it cannot be told which of its values are anomalies.
    """
    texts = column.texts.str.lower().str.replace(" ", "").str.removesuffix(".0")
    found = set(texts)
    column.refuse_first(texts.eq("").to_numpy(), "a label")
    if found == {"1", "-1"}:
        return (texts == "-1").to_numpy()
    if "1" in found and len(found - {"1"}) <= 1 and not found & {"2", "3"}:
        _refuse_all_ones(found, column)
        return (texts == "1").to_numpy()
    if found & set(NORMAL):
        return ~texts.isin(NORMAL).to_numpy()
    if found & set(ANOMALOUS):
        return texts.isin(ANOMALOUS).to_numpy()
    expected = "0 and 1, -1 and 1, or words such as normal and attack"
    raise ValueError(
        f"the labels in {column.name!r} are {', '.join(sorted(found)[:5])}; expected {expected}"
    )


def _refuse_all_ones(found: set[str], column: Column) -> None:
    if found == {"1"}:
        raise ValueError(f"all labels in {column.name!r} are 1; expected both of 0 and 1")
