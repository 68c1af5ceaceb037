"""Which files `skae` reads, and how."""

import gzip
import io
import sys
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from commanding import write
from hypothesis import given
from hypothesis import strategies as st

from skae._cli import source
from skae._cli.series import read_series
from skae._cli.table import Choice
from skae._cli.times import read_times


@pytest.mark.parametrize(
    ("text", "values", "index_name", "labels"),
    [
        ("time,x\n1,2.5\n2,-3e1\n", [[2.5], [-30]], "time", ["1", "2"]),
        ("time;x;y\n1;2,5;3\n2;4.5;5\n", [[2.5, 3], [4.5, 5]], "time", ["1", "2"]),
        ("x\ty\n1\t2\n", [[1, 2]], "row", ["0"]),
        ("\ufefftime,x\n1,2\n", [[2]], "time", ["1"]),
        ('time,"a, b"\n1,"2"\n', [[2]], "time", ["1"]),
        ("time,x\r\n1,2\r\n\r\n", [[2]], "time", ["1"]),
        ("time,x,y\n1,,1\n2,5,NA\n", [[np.nan, 1], [5, np.nan]], "time", ["1", "2"]),
        ("x\n1\n2\n", [[1], [2]], "row", ["0", "1"]),
        ("x\n1\n\n2\n", [[1], [2]], "row", ["0", "1"]),
        ("1,2\n3,4\n", [[1, 2], [3, 4]], "row", ["0", "1"]),
        (",x\n0,5\n1,6\n", [[5], [6]], "index", ["0", "1"]),
        ("x,y,\n1,2,\n", [[1, 2]], "row", ["0"]),
        ("time,x\n2,1\n1,3\n", [[3], [1]], "time", ["1", "2"]),
        ("x,when\n5,2024-01-01\n6,2024-01-02\n", [[5], [6]], "when", ["2024-01-01", "2024-01-02"]),
        ("date,x\n2024/01/01 10:00,5\n", [[5]], "date", ["2024/01/01 10:00"]),
        ("word,x\na,5\nb,6\n", [[5], [6]], "row", ["0", "1"]),
        ("id,x\na-1,5\na-2,6\n", [[5], [6]], "row", ["0", "1"]),
        ("t,x\nnow,5\ntoday,6\n", [[5], [6]], "row", ["0", "1"]),
        ("x,y\nTrue,1\n,2\nFalse,3\n", [[1, 1], [np.nan, 2], [0, 3]], "row", ["0", "1", "2"]),
        ("time, x\n 01.50, 2\n 2.0 , nAn \n", [[2], [np.nan]], "time", ["01.50", "2.0"]),
        ('time,"l\n/min"\n1,2\n', [[2]], "time", ["1"]),
        (",,\ntime,x,y\n1,2,3\n,,\n2,3,4\n,,", [[2, 3], [3, 4]], "time", ["1", "2"]),
        ("x\ty\n1,5\t2\n-nan\t1,\n", [[1.5, 2], [np.nan, 1]], "row", ["0", "1"]),
        ('x\n1\n""\n2\n', [[1], [np.nan], [2]], "row", ["0", "1", "2"]),
        (f"x\n{10**30}\n{2**64 - 1}\n-1\n", [[1e30], [2**64], [-1]], "row", ["0", "1", "2"]),
    ],
)
def test_csv_is_read(tmp_path, text, values, index_name, labels):
    series = read_series(write(tmp_path / "a.csv", text))
    np.testing.assert_array_equal(series.values, values)
    assert series.index.name == index_name
    assert labels is None or series.index.labels == labels


@pytest.mark.parametrize(
    "options", [{}, {"sep": ";", "decimal": ","}, {"sep": "\t"}, {"quoting": 1}]
)
@pytest.mark.parametrize("index", ["time", None])
def test_what_pandas_writes_is_read(tmp_path, options, index):
    values = np.random.default_rng(0).normal(size=(500, 3)) * [1e-9, 1, 1e9]
    values[3, 1] = values[499, 2] = np.nan
    times = pd.date_range("2024-01-01", periods=500, freq="min", name=index)
    frame = pd.DataFrame(values, times, ["a", "b c", "d, e; f"])
    frame.to_csv(tmp_path / "a.csv", **options)
    series = read_series(str(tmp_path / "a.csv"))
    # pandas 2 is wrong in the last of 17 digits; pandas 3.1 reads them like Python.
    np.testing.assert_allclose(series.values, values, rtol=1e-13)
    np.testing.assert_array_equal(series.index.instants, times.to_numpy())
    assert (series.index.name, series.feature_names) == (index or "index", list(frame))


def test_times_with_a_zone_become_utc(tmp_path):
    text = "t,x\n2024-01-01T01:00:00+01:00,1\n2024-01-01T01:00:00Z,2\n"
    series = read_series(write(tmp_path / "a.csv", text))
    assert (
        series.index.instants.tolist()
        == np.array(["2024-01-01T00", "2024-01-01T01"], "M8[us]").tolist()
    )


def test_an_index_that_goes_backward_is_noted(tmp_path):
    text = "t,x\n2024-01-02,1\n2024-01-01,2\n2024-01-03,3\n"
    (note,) = read_series(write(tmp_path / "a.csv", text)).notes
    assert note == "time goes back at line 3; the rows stay in file order"


def test_a_named_index_of_words_numbers_the_rows(tmp_path):
    file = write(tmp_path / "a.csv", "word,x\na,5\nb,6\n")
    series = read_series(file, Choice(index="word"))
    assert series.index.labels == ["a", "b"] and series.index.instants.tolist() == [0, 1]


# --- kinds of files ----------------------------------------------------------------------

TABLE = "time,x,y\n2024-01-01,1,2.5\n2024-01-02,,3.5\n"


class Standard:
    """Standard input, as bytes."""

    def __init__(self, content):
        self.buffer = io.BufferedReader(io.BytesIO(content))


def as_parquet(text):
    frame = pd.read_csv(io.StringIO(text), parse_dates=["time"])
    content = io.BytesIO()
    frame.set_index("time").to_parquet(content)
    return content.getvalue()


KINDS = {
    "csv": TABLE.encode(),
    "gzip": gzip.compress(TABLE.encode(), mtime=0),
    "parquet": as_parquet(TABLE),
    "parquet in gzip": gzip.compress(as_parquet(TABLE), mtime=0),
    "old macs": TABLE.replace("\n", "\r").encode(),
}


@pytest.mark.parametrize("standard", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_files_are_told_by_their_content(tmp_path, monkeypatch, kind, standard):
    (tmp_path / "file").write_bytes(KINDS[kind])
    monkeypatch.setattr(sys, "stdin", Standard(KINDS[kind]))
    series = read_series("-" if standard else str(tmp_path / "file"))
    np.testing.assert_array_equal(series.values, [[1, 2.5], [np.nan, 3.5]])
    assert (
        series.index.instants.tolist() == np.array(["2024-01-01", "2024-01-02"], "M8[us]").tolist()
    )
    assert (series.index.name, series.feature_names) == ("time", ["x", "y"])


@given(st.text('a,\r\n"é', max_size=40), st.integers(1, 5))
def test_blocks_are_read_as_the_whole(text, size):
    whole = f"x\n{text}".encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "BLOCK", size)
        patch.setattr(sys, "stdin", Standard(whole))
        read, _ = source.decode("a", source.read_source("-"))
    assert read == whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x1f\x8b\x08\0\0\0\0\0\0\3" + b"x" * 40, "standard input is a damaged gzip file"),
        (gzip.compress(TABLE.encode(), mtime=0)[:-9], "standard input is a damaged gzip file"),
        (b"PAR1" + b"x" * 400 + b"PAR1", "standard input cannot be read as Parquet"),
        (as_parquet("time,x\n")[:-30], "cannot be read as Parquet"),
        (as_parquet("time,x\n"), "has no rows"),
        (b"x\n" + b"1," * 60, "a line exceeds"),
        (b"x\n" + b"1\n" * 200, "is larger than"),
        (b"x\n1\n\0", "it contains binary data"),
    ],
)
def test_a_stream_that_is_no_table_is_left_at_once(monkeypatch, content, message):
    for name, value in {"BLOCK": 16, "MAX_LINE": 80, "MAX_BYTES": 300}.items():
        monkeypatch.setattr(source, name, value if b"PAR1" not in content else 2**16)
    monkeypatch.setattr(sys, "stdin", Standard(content))
    with pytest.raises(ValueError, match=message):
        read_series("-")


def test_a_parquet_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    pd.DataFrame({"x": np.zeros(10_000)}).to_parquet(tmp_path / "a.parquet")
    monkeypatch.setattr(source, "MAX_BYTES", 79_999)
    with pytest.raises(ValueError, match="a.parquet cannot be read as Parquet: it is larger"):
        read_series(str(tmp_path / "a.parquet"))


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(as_parquet(TABLE))
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ValueError, match=r"run pip install 'skae\[parquet\]'"):
        read_series(str(tmp_path / "a"))


# --- times -------------------------------------------------------------------------------


def day(text):
    return np.datetime64(text, "us")


@pytest.mark.parametrize(
    ("cells", "times", "order", "noted"),
    [
        (["31/01/2024", "01/02/2024"], ["2024-01-31", "2024-02-01"], "dmy", False),
        (["01/31/2024", "02/01/2024"], ["2024-01-31", "2024-02-01"], "mdy", False),
        (["31-1-2024 8:05", "1-2-2024 18:05"], ["2024-01-31T08:05", "2024-02-01T18:05"], "dmy", 0),
        (["01.02.2024", "02.02.2024"], ["2024-02-01", "2024-02-02"], "dmy", False),
        (["01/02/2024", "02/02/2024"], ["2024-02-01", "2024-02-02"], "dmy", True),
        (["01/02/2024", "01/03/2024", "01/04/2024"], ["2024-01-02", "2024-01-03"], "mdy", True),
        (["1/13/2024 12:05 AM", "1/13/2024 1:05 PM"], ["2024-01-13T00:05"], "mdy", False),
        (["1/13/2024 1:05:09 pm"], ["2024-01-13T13:05:09"], "mdy", False),
        (["2024-1-5", "2024/01/06", "2024.01.07 10:00"], ["2024-01-05", "2024-01-06"], "ymd", 0),
    ],
)
def test_the_order_of_day_and_month_is_found_in_the_column(tmp_path, cells, times, order, noted):
    lines = [f"{cell},{i}" for i, cell in enumerate(cells)]
    series = read_series(write(tmp_path / "a.csv", "\n".join(["t,x", *lines])))
    assert series.index.name == "t" and series.index.order == order
    assert series.index.wall[: len(times)].tolist() == [day(time).item() for time in times]
    assert any("--time-format" in note for note in series.notes) == noted


@given(st.lists(st.datetimes(pd.Timestamp(1970, 1, 1), pd.Timestamp(2100, 1, 1)), min_size=1))
@pytest.mark.slow
def test_times_are_read_as_python_reads_them(times):
    for order, written in {"dmy": "%d/%m/%Y %H:%M:%S", "mdy": "%m-%d-%Y %H:%M:%S"}.items():
        texts = [time.strftime(written) for time in times]
        expected = [datetime.strptime(text, written) for text in texts]
        assert read_times(pd.Series(texts), order).wall.tolist() == expected


def test_a_given_format_has_the_last_word(tmp_path):
    text = "time,x\n01/02/24,1\n02/02/24,2\n"
    file = write(tmp_path / "a.csv", text)
    (note,) = read_series(file).notes
    assert note == "'time': '01/02/24' was read as day/month/year; " + SAY_HOW
    series = read_series(file, Choice(time_format="%m/%d/%y"))
    assert series.notes == []
    assert series.index.instants.tolist() == [day("2024-01-02").item(), day("2024-02-02").item()]
    text = "time,x\n20240131,1\n20240201,2\n"
    series = read_series(write(tmp_path / "a.csv", text), Choice(time_format="%Y%m%d"))
    assert series.index.instants.tolist() == [day("2024-01-31").item(), day("2024-02-01").item()]


SAY_HOW = "if this is wrong, set --time-format"


def test_a_format_that_fits_nothing_is_an_error(tmp_path):
    file = write(tmp_path / "a.csv", TABLE)
    with pytest.raises(ValueError, match="--time-format '%d/%m/%y' fits no column"):
        read_series(file, Choice(time_format="%d/%m/%y"))
    with pytest.raises(
        ValueError, match="line 2, column 'time': '2024-01-01' is not in the format '%d/%m/%y'"
    ):
        read_series(file, Choice(index="time", time_format="%d/%m/%y"))


@pytest.mark.parametrize("wrong", ["", "day", "%Q", "%"])
def test_a_format_that_is_none_is_refused(tmp_path, wrong):
    with pytest.raises(ValueError, match=f"--time-format '{wrong}': .*expected directives"):
        read_series(write(tmp_path / "a.csv", TABLE), Choice(time_format=wrong))


def test_days_that_contradict_the_order_are_named(tmp_path):
    rows = [f"{i}/01/2024,1" for i in range(10, 20)]
    file = write(tmp_path / "a.csv", "\n".join(["t,x", *rows, "01/31/2024,2"]))
    with pytest.raises(ValueError, match="line 12, column 't': '01/31/2024' is not a timestamp"):
        read_series(file)


# --- series and labels -------------------------------------------------------------------


def test_rows_of_several_series_may_lie_between_one_another(tmp_path):
    text = "machine,time,x\nb,2,1\na,1,2\nb,3,3\na,2,4\n"
    series = read_series(write(tmp_path / "a.csv", text), Choice(series="machine"))
    assert [rows.tolist() for rows in series.parts()] == [[0, 2], [1, 3]]
    assert series.index.name == "time" and series.feature_names == ["x"] and not series.notes
    series = read_series(
        write(tmp_path / "a.csv", text.replace("a,2", "a,0")), Choice(series="machine")
    )
    assert "time goes back at line 5" in series.notes[0]


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        ("0 1 0", [0, 1, 0]),
        ("1 -1 1", [0, 1, 0]),
        ("False TRUE false", [0, 1, 0]),
        ("0.0 1.0 0", [0, 1, 0]),
        ("0 0 0", [0, 0, 0]),
    ],
)
def test_labels_are_read(tmp_path, words, labels):
    lines = [f"{i},{word}" for i, word in enumerate(words.split())]
    file = write(tmp_path / "a.csv", "\n".join(["x,fault", *lines]))
    series = read_series(file, Choice(labels="fault"))
    assert series.labels.tolist() == labels and series.feature_names == ["x"]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["5", "2"], "the labels in 'fault' are 2, 5; expected 0 and 1, -1 and 1, or words"),
        (["0", ""], "line 3, column 'fault': '' is not a label"),
        (["1", "1"], "expected both 0 and 1"),
    ],
)
def test_what_is_no_label_is_named(tmp_path, cells, message):
    lines = [f"{i},{cell}" for i, cell in enumerate(cells)]
    file = write(tmp_path / "a.csv", "\n".join(["x,fault", *lines]))
    with pytest.raises(ValueError, match=message):
        read_series(file, Choice(labels="fault"))


@pytest.mark.parametrize(
    ("name", "cells", "is_label"),
    [
        ("label", "0 1 0", True),
        ("Is_Anomaly", "1 -1 1", True),
        ("y", "0 1 1", True),
        ("y", "0 1 2", False),
        ("y", "0.5 1 0", False),
        ("valve", "0 1 0", False),
    ],
)
def test_a_column_that_looks_like_labels_is_no_feature(tmp_path, name, cells, is_label):
    lines = [f"{i},{cell}" for i, cell in enumerate(cells.split())]
    file = write(tmp_path / "a.csv", "\n".join([f"x,{name}", *lines]))
    series = read_series(file)
    assert series.feature_names == ["x"] + [name] * (not is_label)
    assert any(f"left out {name}: looks like labels" in n for n in series.notes) == is_label
    assert read_series(file, Choice(features=["x", name])).feature_names == ["x", name]
