"""Events of scores in Dask collections: partition by partition, joined across their borders."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
from dask.base import is_dask_collection

from skae._output.events import OpenEvent, Stretch, find_events, largest_shares, name_features
from skae._output.scored_rows import ScoredRows, read_scored_rows


@dataclass(frozen=True)
class _Options:
    """How outlying rows become events, and the table of no events."""

    offset: float | None
    min_length: int
    merge_gap: int
    names: list[str]
    n_features: int
    empty: pd.DataFrame


@dataclass(frozen=True)
class _Before:
    """What the rows of a partition follow."""

    open: OpenEvent = OpenEvent()
    n_rows: int = 0
    n_events: int = 0


def lazy_events(collections: dict[str, Any], **options: Any) -> dd.DataFrame:
    """Return the events of scored rows as a frame, in the partitions where they end.

    Parameters
    ----------
    collections : dict of str to dask.array.Array, dask.dataframe.Series or DataFrame
        Those arguments of `find_events` that hold an entry for each row.
    **options
        The others.

    Raises
    ------
    TypeError
        If one of them is no such collection.
    ValueError
        If they are not partitioned alike.
    """
    parts = {name: _parts_of(name, given) for name, given in collections.items()}
    counts = {name: len(found) for name, found in parts.items()}
    if len(set(counts.values())) > 1:
        raise ValueError(
            f"Got collections of {counts} partitions, but expected the same rows in the "
            "partitions of each. Compute them from one X, or call repartition or rechunk."
        )
    settled = _settled(collections, **options)
    n_parts, before, frames = max(counts.values()), dask.delayed(_Before()), []
    for i in range(n_parts):
        inputs = {name: found[i] for name, found in parts.items()}
        found = dask.delayed(_over_partition, nout=2)(before, inputs, settled, i + 1 == n_parts)
        frames.append(found[0])
        before = found[1]
    # Where a frame begins, Dask turns objects, such as lists of names, into strings.
    bare = dd.from_delayed(frames, meta=settled.empty[["length"]], verify_meta=False)
    return bare.map_partitions(_as_it_is, meta=settled.empty, enforce_metadata=False)


def _as_it_is(table: pd.DataFrame) -> pd.DataFrame:
    return table


def _parts_of(name: str, given: Any) -> list[Any]:
    if isinstance(given, dd.DataFrame | dd.Series):
        return given.to_delayed()
    if isinstance(given, da.Array):
        flat = given if given.ndim == 1 else given.rechunk({1: -1})
        return flat.to_delayed().ravel().tolist()
    kind = "another Dask collection" if is_dask_collection(given) else type(given).__name__
    raise TypeError(
        f"Got {name} as {kind}, but expected a dask.array or a dask.dataframe of rows. What is in "
        "memory skae.find_events takes."
    )


def _settled(
    collections: dict[str, Any],
    offset: float | None,
    min_length: int,
    merge_gap: int,
    feature_names: Sequence[str] | None,
    n_features: int,
) -> _Options:
    empty = {name: _without_rows(given) for name, given in collections.items()}
    shares, names = empty.get("contributions"), []
    if shares is not None:
        names = name_features(feature_names, shares, shares.shape[1])
    table = find_events(
        **({"offset": offset} | empty),
        index=next((e.index for e in empty.values() if hasattr(e, "iloc")), pd.RangeIndex(0)),
        min_length=min_length,
        merge_gap=merge_gap,
        n_features=n_features,
    )
    return _Options(offset, min_length, merge_gap, names, n_features, table)


def _without_rows(given: Any) -> Any:
    if isinstance(given, da.Array):
        return np.zeros((0, *given.shape[1:]), given.dtype)
    return given._meta


def _over_partition(
    before: _Before, inputs: dict[str, Any], options: _Options, is_last: bool
) -> tuple[pd.DataFrame, _Before]:
    """Return the events that end in a partition, and what those after it follow."""
    rows = _read(before, inputs, options)
    found, after = before.open.over(rows, options.merge_gap)
    found += after.closed() if is_last else []
    kept = [event for event in found if event.n_rows >= options.min_length]
    table = _table(kept, options) if kept else options.empty.copy()
    n_events = before.n_events + len(kept)
    table.index = pd.RangeIndex(before.n_events, n_events)
    return table, _Before(after, before.n_rows + len(rows.is_outlier), n_events)


def _read(before: _Before, inputs: dict[str, Any], options: _Options) -> ScoredRows:
    scores, labels = inputs.get("scores"), inputs.get("labels")
    index = next((part.index for part in inputs.values() if hasattr(part, "iloc")), None)
    if index is None:
        n_rows = len(next(iter(inputs.values())))
        index = pd.RangeIndex(before.n_rows, before.n_rows + n_rows)
    offset = inputs.get("offset", options.offset)
    others = inputs.get("series"), inputs.get("contributions")
    return read_scored_rows(scores, offset, labels, index, *others)


def _table(kept: list[Stretch], options: _Options) -> pd.DataFrame:
    """Return events as `skae.find_events` does."""
    columns: dict[str, Any] = {}
    if kept[0].series is not None:
        columns["series"] = pd.concat([pd.Series(event.series) for event in kept]).array
    for column, name in {"start": "first", "end": "last", "peak": "peak"}.items():
        parts = [getattr(event, name) for event in kept]
        columns[column] = parts[0].append(parts[1:])
    columns["length"] = [event.n_rows for event in kept]
    columns["score"] = [event.score for event in kept]
    columns["features"] = [
        largest_shares(event.totals, options.names, options.n_features)
        for event in kept
        if event.totals is not None
    ]
    return pd.DataFrame({name: columns[name] for name in options.empty.columns})
