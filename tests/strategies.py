"""Hypothesis strategies: series with gaps, lists of them, and windows over stacked series."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st


def examples(n):
    """Return settings for `n` examples, of 100 in a run; the nightly profile draws 20
    times as many, see conftest."""
    return settings(max_examples=max(1, n * settings.default.max_examples // 100), deadline=None)


few = examples(100)

dtypes = st.sampled_from([np.float32, np.float64])
paddings = st.sampled_from(["nan", "edge", None])
ways_of_covering = st.sampled_from(["window", "mean", "median", "max", "last"])
ways = ways_of_covering | st.just("gaussian")


def random_rows(n_rows, n_features, seed, missing=0.0, dtype=np.float64):
    """Return normally distributed rows with a share of NaN."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_rows, n_features)).astype(dtype)
    rows[rng.random(rows.shape) < missing] = np.nan
    return rows


@st.composite
def series(draw, *, n_features=None, gaps=True, dtype=None, max_rows=12):
    """Draw one series."""
    return random_rows(
        draw(st.integers(1, max_rows)),
        n_features or draw(st.integers(1, 3)),
        draw(st.integers(0, 999)),
        draw(st.sampled_from([0.0, 0.3, 0.8])) if gaps else 0.0,
        dtype or draw(dtypes),
    )


@st.composite
def series_lists(draw, *, gaps=True, dtype=None):
    """Draw several series of the same features; each contains an observed value."""
    one = series(n_features=draw(st.integers(1, 3)), gaps=gaps, dtype=dtype)
    items = draw(st.lists(one, min_size=1, max_size=4))
    for item in items:
        if np.isnan(item).all():
            item[-1, 0] = 1.0
    return items


@st.composite
def cuts(draw, n):
    """Draw the sizes of blocks that make up `n`."""
    sizes = []
    while sum(sizes) < n:
        sizes.append(draw(st.integers(1, n - sum(sizes))))
    return sizes


def split(values, sizes):
    """Return consecutive blocks of `values`."""
    return np.split(values, np.cumsum(sizes)[:-1])
