"""Results as the tables that `set_output` requests, with the index of the input."""

import sys

import naive
import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import pad
from sklearn import config_context
from sklearn.utils._set_output import ADAPTERS_MANAGER
from strategies import random_rows

from skae import SequenceWindower
from skae._input.table import Table
from skae._output.frames import flat, framed


def index_of_list(series):
    return Table.of(series).index(of_rows=True)


SERIES = [random_rows(n, 2, seed=n, dtype=np.float32) for n in (4, 6)]
PANDAS, POLARS = (ADAPTERS_MANAGER.adapters[name] for name in ("pandas", "polars"))
DAYS = pd.date_range("2026-01-01", periods=200, freq="D", tz="Europe/Berlin")
INDEXES = {
    "dates": DAYS,
    "levels": pd.MultiIndex.from_product([["north"], range(200)], names=["site", "row"]),
    "text": pd.Index([f"row {i}" for i in range(200)], name="label"),
}
METHODS = {
    "transform": ["lstmautoencoder0", "lstmautoencoder1"],
    "explain": ["load", "heat"],
    "reconstruct": ["load", "heat"],
    "score_timesteps": ["error"],
}


# ------------------------------------------------------------------------ the tables themselves


def test_rows_of_several_frames_keep_their_place_and_index():
    frames = [pd.DataFrame(item, index=list("abcdef")[: len(item)]) for item in SERIES]
    table = framed(SERIES, index_of_list(frames), ["a", "b"], PANDAS, None)
    np.testing.assert_array_equal(table.to_numpy(), np.concatenate(SERIES))
    expected = [(i, label) for i, frame in enumerate(frames) for label in frame.index]
    assert table.index.tolist() == expected


def test_rows_of_arrays_stand_one_below_the_other():
    table = framed(
        SERIES, index_of_list([pd.DataFrame(SERIES[0]), SERIES[1]]), ["a", "b"], PANDAS, None
    )
    assert table.index.tolist() == list(range(10))
    assert index_of_list(SERIES) is None


def test_a_list_has_no_index_but_a_method_of_that_name():
    assert (
        framed(
            SERIES[0], Table.of(SERIES[0].tolist()).index(of_rows=True), ["a", "b"], PANDAS, None
        ).index[0]
        == 0
    )


def test_columns_that_nobody_named_are_numbered():
    table = framed(SERIES[0], None, ["a", "b", "c"], PANDAS, None)
    assert list(table.columns) == ["x0", "x1"]


def test_polars_gets_no_index():
    frames = [pd.DataFrame(item) for item in SERIES]
    table = framed(SERIES, index_of_list(frames), ["a", "b"], POLARS, None)
    assert isinstance(table, pl.DataFrame) and table.columns == ["a", "b"]
    np.testing.assert_array_equal(table.to_numpy(), np.concatenate(SERIES))


@pytest.mark.parametrize("n_steps", [6, 8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sequences_are_laid_flat_step_by_step(n_steps, dtype):
    table = flat([item.astype(dtype) for item in SERIES], n_steps)
    assert table.dtype == dtype
    np.testing.assert_array_equal(table, naive.pad(SERIES, n_steps).reshape(2, -1).astype(dtype))


def test_a_sequence_longer_than_the_table_is_an_error():
    with pytest.raises(ValueError, match="Got a sequence of 6 steps, but expected at most n_st"):
        flat(SERIES, 5)


# ------------------------------------------------------------------------ rows as samples


@pytest.fixture(scope="module")
def detector(small, series):
    return small(5).fit(pd.DataFrame(series, columns=["load", "heat"]))


@pytest.fixture
def asked(detector):
    """Set the output of the shared detector, and reset it at the end."""
    yield lambda container: detector.set_output(transform=container)
    detector.set_output(transform="default")


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("index", INDEXES.values(), ids=INDEXES)
def test_pandas_keeps_the_index(detector, asked, series, name, index):
    frame = pd.DataFrame(series, columns=["load", "heat"], index=index)
    expected = getattr(detector, name)(frame)
    assert type(expected) is np.ndarray, "the default stays numpy"
    found = getattr(asked("pandas"), name)(frame)
    assert list(found.columns) == METHODS[name]
    assert found.index.equals(index) and found.index.names == index.names
    np.testing.assert_array_equal(found.to_numpy().reshape(expected.shape), expected)


class WithoutPandas:
    """Finds no pandas, as if it were not installed."""

    def find_spec(self, name, *_):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", METHODS)
def test_polars_in_polars_out_without_pandas(detector, asked, series, name, monkeypatch):
    frame = pl.DataFrame(series, schema=["load", "heat"])
    expected = getattr(detector, name)(frame)
    monkeypatch.setattr(pl.DataFrame, "to_pandas", None)
    monkeypatch.delitem(sys.modules, "pandas")
    monkeypatch.setattr(sys, "meta_path", [WithoutPandas(), *sys.meta_path])
    found = getattr(asked("polars"), name)(frame)
    assert isinstance(found, pl.DataFrame) and found.columns == METHODS[name]
    np.testing.assert_array_equal(found.to_numpy().reshape(expected.shape), expected)


@pytest.mark.parametrize("name", METHODS)
def test_several_series_are_one_table(detector, asked, series, name):
    frame = pd.DataFrame(series, columns=["load", "heat"], index=DAYS)
    parts = [frame[:80], frame[80:]]
    expected = np.concatenate(getattr(detector, name)(parts))
    found = getattr(asked("pandas"), name)(parts)
    assert found.index.tolist() == [(int(i >= 80), day) for i, day in enumerate(DAYS)]
    np.testing.assert_array_equal(found.to_numpy().reshape(expected.shape), expected)


def test_the_configuration_of_scikit_learn_counts(detector, series, monkeypatch):
    monkeypatch.delattr(detector, "_sklearn_output_config", raising=False)
    with config_context(transform_output="polars"):
        found = detector.explain(pd.DataFrame(series, columns=["load", "heat"]))
    assert isinstance(found, pl.DataFrame)


# ------------------------------------------------------------------------ sequences as samples


@pytest.fixture(scope="module")
def of_sequences(small, sequences):
    return small().fit(sequences).set_output(transform="pandas")


@pytest.mark.parametrize("lay_out", [list, lambda X: pad(X, 8)], ids=["list", "array"])
@pytest.mark.parametrize("name", ["explain", "reconstruct", "score_timesteps"])
def test_a_sequence_is_a_row(of_sequences, sequences, name, lay_out):
    found = getattr(of_sequences, name)(lay_out(sequences))
    plain = of_sequences.set_output(transform="default")
    expected = getattr(plain, name)(pad(sequences, 8)).reshape(30, -1)
    of_sequences.set_output(transform="pandas")
    np.testing.assert_allclose(found.to_numpy(), expected, rtol=1e-5, atol=1e-6)
    features = ["error"] if name == "score_timesteps" else ["x0", "x1"]
    assert list(found.columns) == [f"{f}_t{step}" for step in range(8) for f in features]


def test_a_longer_sequence_has_no_place_in_the_table(of_sequences):
    with pytest.raises(ValueError, match="Got a sequence of 9 steps"):
        of_sequences.explain([np.zeros((9, 2))])


@pytest.mark.slow
def test_a_table_of_sequences_keeps_its_columns_and_index(small, series):
    columns = [f"hour {i}" for i in range(10)]
    table = pd.DataFrame(series.reshape(-1, 10), columns=columns, index=DAYS[:40])
    model = small().fit(table).set_output(transform="pandas")
    for found in (model.explain(table), model.reconstruct(table)):
        assert list(found.columns) == columns and found.index.equals(DAYS[:40])
    found = model.score_timesteps(table)
    assert found.columns[0] == "error_t0" and found.shape == (40, 10)


@pytest.mark.slow
def test_flat_windows_keep_their_columns_and_index(small, series):
    frame = pd.DataFrame(series, columns=["load", "heat"], index=DAYS)
    windows = SequenceWindower(5).set_output(transform="pandas").fit_transform(frame)
    found = small().fit(windows).set_output(transform="pandas").explain(windows)
    assert list(found.columns) == list(windows.columns) and found.index.equals(DAYS)
