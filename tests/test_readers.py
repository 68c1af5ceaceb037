"""Layouts of aeon, sktime and tslearn, built by hand as these packages build them."""

import numpy as np
import pandas as pd
import pytest
from conftest import pad
from hypothesis import given
from strategies import few, random_rows, series_lists

from skae.readers import from_aeon, from_sktime, from_tslearn

RAGGED = [random_rows(n, 2, seed=n, missing=0.1) for n in (4, 7, 5)]
EQUAL = [random_rows(6, 2, seed=n) for n in range(3)]
CUBE = np.stack([item.T for item in EQUAL])
NAMES = ["load", "heat"]


def with_levels(items, names=("instances", "timepoints")):
    frames = {f"unit {i}": pd.DataFrame(item, columns=NAMES) for i, item in enumerate(items)}
    return pd.concat(frames, names=list(names))


def nested(items):
    cells = [[pd.Series(column) for column in item.T] for item in items]
    return pd.DataFrame({name: [row[i] for row in cells] for i, name in enumerate(NAMES)})


def transposed_frames(items):
    return [pd.DataFrame(item.T) for item in items]


def same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.asarray(one), other)


# ------------------------------------------------------------------------ each layout


@pytest.mark.parametrize(
    "collection",
    [
        [item.T for item in RAGGED],
        transposed_frames(RAGGED),
        with_levels(RAGGED, ["case", "timepoint"]),
    ],
    ids=["np-list", "df-list", "pd-multiindex"],
)
def test_collections_of_aeon(collection):
    same(from_aeon(collection), RAGGED)


@pytest.mark.parametrize("panel", [with_levels(RAGGED), nested(RAGGED)], ids=["levels", "nested"])
def test_panels_of_sktime_keep_their_names(panel):
    found = from_sktime(panel)
    same(found, RAGGED)
    assert all(list(item.columns) == NAMES for item in found)


def test_a_list_of_frames_of_sktime():
    frames = [pd.DataFrame(item, columns=NAMES) for item in RAGGED]
    found = from_sktime(frames)
    assert all(one is other for one, other in zip(found, frames, strict=True))


@pytest.mark.parametrize("read", [from_aeon, from_sktime])
def test_an_array_is_read_as_a_view(read):
    found = read(CUBE)
    same(found, EQUAL)
    assert np.shares_memory(found, CUBE)


@pytest.mark.parametrize("table", [CUBE[:, 0], pd.DataFrame(CUBE[:, 0])])
def test_a_table_of_aeon_is_what_it_is(table):
    assert from_aeon(table) is table


@few
@given(series_lists())
def test_a_dataset_of_tslearn_has_an_end_of_each_series(items):
    for item in items:
        item[-1, 0] = 1.0
    found = from_tslearn(pad(items, max(map(len, items)) + 2))
    same(found, items)


def test_times_stay():
    days = pd.date_range("2026-01-01", periods=7, freq="D")
    frames = {name: pd.DataFrame(RAGGED[1], days, NAMES) for name in "ba"}
    found = from_sktime(pd.concat(frames))
    assert len(found) == 2
    assert all((item.index == days).all() for item in found)
    cells = pd.DataFrame({name: [pd.Series(RAGGED[1][:, i], days)] for i, name in enumerate(NAMES)})
    assert (from_sktime(cells)[0].index == days).all()


def test_instances_come_in_the_order_of_their_first_rows():
    panel = pd.concat({"b": pd.DataFrame(EQUAL[0]), "a": pd.DataFrame(EQUAL[1])})
    same(from_sktime(panel), EQUAL[:2])
    alternating = panel.iloc[np.arange(12).reshape(2, 6).T.ravel()]
    same(from_sktime(alternating), EQUAL[:2])


def test_all_levels_but_the_last_name_a_series():
    plants = {plant: with_levels(items) for plant, items in {"x": RAGGED, "y": EQUAL}.items()}
    same(from_sktime(pd.concat(plants)), RAGGED + EQUAL)


@pytest.mark.parametrize(
    "sequences",
    [
        from_aeon([item.T for item in RAGGED]),
        from_aeon(CUBE),
        from_sktime(with_levels(RAGGED)),
        from_sktime(nested(RAGGED)),
        from_tslearn(pad(RAGGED, 9)),
    ],
    ids=["list", "array", "levels", "nested", "dataset"],
)
@pytest.mark.slow
def test_the_estimator_takes_them(small, sequences):
    scores = small(epochs=1).fit(sequences).score_samples(sequences)
    assert scores.shape == (3,) and np.isfinite(scores).all()


# ------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("read", "X", "message"),
    [
        (from_aeon, [], "Got X as list, but expected an array of shape"),
        (from_aeon, [np.ones(3)], "Got X as list, but expected an array of shape"),
        (from_aeon, np.ones(3), r"Got X as ndarray of shape \(3,\), but expected an array of"),
        (from_aeon, nested(RAGGED), r"Got X as DataFrame of shape \(3, 2\), but expected an"),
        (from_aeon, None, "Got X as NoneType, but expected an array of shape"),
        (from_sktime, pd.DataFrame(EQUAL[0]), r"DataFrame of shape \(6, 2\), but expected a panel"),
        (from_sktime, EQUAL[0], r"Got X as ndarray of shape \(6, 2\), but expected a panel"),
        (from_sktime, EQUAL, "Got X as list, but expected a panel"),
        (from_sktime, pd.Series([1.0]), r"Got X as Series of shape \(1,\), but expected a panel"),
        (from_tslearn, EQUAL[0], r"Got X as ndarray of shape \(6, 2\), but expected numbers of"),
        (from_tslearn, np.full((1, 2, 1), "a"), "but expected numbers of shape"),
        (
            from_tslearn,
            np.array([[[1.0]], [[np.nan]]]),
            r"Got X\[1\] with only NaN, but expected an observed value in each series",
        ),
    ],
)
def test_another_layout_is_named(read, X, message):
    with pytest.raises(ValueError, match=message):
        read(X)


def test_variables_of_unequal_length_are_named():
    panel = nested(RAGGED)
    panel.iloc[1, 1] = pd.Series([1.0, 2.0])
    with pytest.raises(ValueError, match=r"Got instance 1 with variables of \[7, 2\] steps, but"):
        from_sktime(panel)
