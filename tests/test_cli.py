import csv
import io
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import skae
from skae import cli
from skae._command import outputs as _outputs
from skae._command import report as _report
from skae._command import run as _run
from skae._command.detection import Detection, FoundEvent
from skae._command.progress import Progress
from skae._command.series import Choice, read_series

N_ROWS = 120


class FakeAutoencoder:
    """Scores each row by its largest value, so that a table of runs takes no time."""

    offset_ = -3.0
    made: list = []

    def __init__(self, window_size, **params):
        self.window_size = window_size
        self.params = {"window_size": window_size, **params}
        FakeAutoencoder.made.append(self)

    def fit(self, X):
        self.X_fit = X
        return self

    def score_samples(self, X):
        return -self.explain(X).max(axis=1)

    def explain(self, X):
        return np.abs(np.nan_to_num(X))


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Run in an empty folder with an estimator that needs no TensorFlow."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(vars(skae), "LSTMAutoencoder", FakeAutoencoder)
    monkeypatch.setattr(cli, "_progress_callbacks", lambda: ["progress"])
    monkeypatch.setattr(FakeAutoencoder, "made", [])
    return FakeAutoencoder


@pytest.fixture
def pump(tmp_path):
    """A file with two sensors, an hour between rows, and two events in `flow` and `heat`."""
    rng = np.random.default_rng(0)
    flow, heat = rng.uniform(-1, 1, size=(2, N_ROWS))
    flow[60:63] = [9, 12, 9]
    heat[100] = 10
    times = np.datetime64("2024-01-01T00:00") + np.arange(N_ROWS) * np.timedelta64(1, "h")
    lines = [f"{t},{f:.3f},{h:.3f}" for t, f, h in zip(times, flow, heat, strict=True)]
    return write(tmp_path / "pump.csv", "time,flow,heat\n" + "\n".join(lines) + "\n")


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def read_scores(path="scores.csv"):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sine_csv(n_rows=N_ROWS, header="time,flow", extra=""):
    rows = [f"{i},{np.sin(i):.3f}{extra}" for i in range(n_rows)]
    return "\n".join([header, *rows]) + "\n"


# --- what a run answers ------------------------------------------------------------------


def test_scores_file_has_index_score_label_and_feature_of_each_row(fake, pump, tmp_path):
    assert cli.main(["detect", pump]) == 0
    rows = read_scores()
    assert list(rows[0]) == ["time", "score", "label", "feature"]
    assert [row["time"] for row in rows] == read_series(pump).index_labels
    assert {row["label"] for row in rows} == {"0", "1"}
    assert [i for i, row in enumerate(rows) if row["label"] == "1"] == [60, 61, 62, 100]
    assert rows[61]["feature"] == "flow" and rows[100]["feature"] == "heat"
    assert float(rows[61]["score"]) > float(rows[60]["score"]) > float(rows[59]["score"])
    assert sorted(os.listdir(tmp_path)) == ["pump.csv", "scores.csv"]


def test_table_shows_the_events_in_units_of_the_index(fake, pump, capsys):
    cli.main(["detect", pump])
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"2 events in {N_ROWS} rows (anomaly score above 3)"
    assert re.split(r"  +", out[2]) == ["start", "end", "peak", "score", "feature"]
    first, second = (re.split(r"  +", line) for line in out[3:5])
    assert first[:3] == ["2024-01-03T12:00", "2024-01-03T14:00", "2024-01-03T13:00"]
    assert first[4] == "flow" and second[4] == "heat"
    assert out[-1] == "wrote scores.csv"


def test_table_of_many_events_shows_the_worst(fake, tmp_path, capsys):
    values = np.where(np.arange(3000) % 100 == 50, 10 + np.arange(3000) / 100, 0)
    file = write(tmp_path / "a.csv", "x\n" + "\n".join(map(str, values)))
    cli.main(["detect", file])
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("30 events") and out[0].endswith("the worst 20:")
    starts = [int(line.split()[0]) for line in out[3:23]]
    assert starts == [100 * i + 50 for i in range(10, 30)]


def test_table_without_events(fake, tmp_path, capsys):
    assert cli.main(["detect", write(tmp_path / "a.csv", sine_csv())]) == 0
    assert "no events in 120 rows" in capsys.readouterr().out


def test_a_reading_beyond_all_bounds_is_an_anomaly_and_no_overflow(fake, tmp_path):
    file = write(tmp_path / "a.csv", sine_csv() + "120,1e300\n")
    assert cli.main(["detect", file, "--train-rows", "120"]) == 0
    scores = [float(row["score"]) for row in read_scores()]
    assert np.isfinite(scores).all() and np.argmax(scores) == 120


# --- options -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "name", "value"),
    [
        ([], "window_size", 30),
        (["--window", "12"], "window_size", 12),
        ([], "contamination", "auto"),
        (["--contamination", "auto"], "contamination", "auto"),
        (["--contamination", "0.05"], "contamination", 0.05),
        (["--epochs", "3"], "epochs", 3),
        ([], "random_state", 0),
        (["--seed", "7"], "random_state", 7),
        ([], "callbacks", ["progress"]),
        (["--quiet"], "callbacks", None),
    ],
)
def test_option_reaches_the_estimator(fake, pump, args, name, value):
    assert cli.main(["detect", pump, *args]) == 0
    assert fake.made[0].params[name] == value


@pytest.mark.parametrize(
    ("args", "n_rows"),
    [
        ([], N_ROWS),
        (["--train-rows", "50"], 50),
        (["--train-until", "2024-01-02 01:00"], 26),
        (["--train-until", "2024-01-03"], 49),
        (["--train-until", "2030-01-01"], N_ROWS),
    ],
)
def test_training_rows_are_chosen(fake, pump, args, n_rows):
    assert cli.main(["detect", pump, "--window", "10", *args]) == 0
    rows = fake.made[0].X_fit
    assert len(rows) == n_rows
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(rows.std(axis=0), 1)


def test_train_until_takes_numbers_where_the_index_is_of_numbers(fake, tmp_path):
    file = write(tmp_path / "a.csv", sine_csv())
    assert cli.main(["detect", file, "--train-until", "59.5"]) == 0
    assert len(fake.made[0].X_fit) == 60


@pytest.mark.parametrize(
    ("args", "names"),
    [
        ([], ["flow", "heat"]),
        (["--columns", "heat"], ["heat"]),
        (["--columns", "heat, flow"], ["heat", "flow"]),
    ],
)
def test_columns_are_chosen(fake, pump, args, names, capsys):
    assert cli.main(["detect", pump, *args]) == 0
    assert f"rows of {', '.join(names)}\n" in capsys.readouterr().err
    assert fake.made[0].X_fit.shape[1] == len(names)


def test_index_is_named(fake, tmp_path):
    file = write(tmp_path / "a.csv", sine_csv(header="step,flow"))
    assert cli.main(["detect", file, "--index", "step"]) == 0
    assert fake.made[0].X_fit.shape[1] == 1
    assert list(read_scores()[0])[0] == "step"


@pytest.mark.parametrize(
    ("args", "n_events"),
    [
        ([], 2),
        (["--min-length", "3"], 1),
        (["--min-length", "4"], 0),
        (["--merge-gap", "37"], 1),
        (["--window", "74"], 1),
        (["--window", "74", "--merge-gap", "0"], 2),
    ],
)
def test_events_are_joined_and_short_ones_left_out(fake, pump, args, n_events, capsys):
    assert cli.main(["detect", pump, *args]) == 0
    assert capsys.readouterr().out.startswith(f"{n_events or 'no'} event")


def test_out_names_the_scores_file_and_replaces_an_old_one(fake, pump, tmp_path, capsys):
    old = write(tmp_path / "old.csv", "old")
    assert cli.main(["detect", pump, "--out", old]) == 0
    assert len(read_scores(old)) == N_ROWS
    assert not (tmp_path / "scores.csv").exists()
    assert f"wrote {old}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "name", "magic"),
    [
        (["--plot"], "scores.png", b"\x89PNG"),
        (["--plot", "a.PDF"], "a.PDF", b"%PDF"),
        (["--plot", "a.svg"], "a.svg", b"<?xml"),
    ],
)
def test_plot_writes_a_picture(fake, pump, tmp_path, args, name, magic, capsys):
    assert cli.main(["detect", pump, *args]) == 0
    assert (tmp_path / name).read_bytes().startswith(magic)
    assert f"wrote scores.csv and {name}" in capsys.readouterr().out


def test_plot_shows_the_features_with_the_largest_errors(fake, tmp_path, monkeypatch):
    from skae._displays.anomaly_score import AnomalyScoreDisplay

    chosen = []
    plot = AnomalyScoreDisplay.plot
    monkeypatch.setattr(
        AnomalyScoreDisplay,
        "plot",
        lambda self, axes, features: chosen.extend(features) or plot(self, axes, features=features),
    )
    values = np.random.default_rng(0).uniform(-1, 1, size=(100, 8))
    values[50, [1, 7]] = 30
    names = [f"s{i}" for i in range(8)]
    lines = [",".join(names), *(",".join(map(str, row)) for row in values)]
    assert cli.main(["detect", write(tmp_path / "a.csv", "\n".join(lines)), "--plot"]) == 0
    assert len(chosen) == 6 and {1, 7} <= set(chosen) and chosen == sorted(chosen)


def test_notes_go_to_stderr_and_quiet_keeps_them(fake, tmp_path, capsys):
    file = write(tmp_path / "a.csv", sine_csv(header="time,flow,fixed,word", extra=",3,on"))
    assert cli.main(["detect", file]) == 0
    loud = capsys.readouterr()
    assert "skae: left out columns that never change: fixed\n" in loud.err
    assert "skae: left out columns without numbers: word\n" in loud.err
    assert cli.main(["detect", file, "--quiet"]) == 0
    quiet = capsys.readouterr()
    assert quiet.err == "" and quiet.out == loud.out


# --- the demo ----------------------------------------------------------------------------


def test_demo_learns_the_fault_free_rows_and_counts_the_faults(fake, tmp_path, capsys):
    assert cli.main(["detect", "--plot"]) == 0
    assert len(fake.made[0].X_fit) == 3024
    captured = capsys.readouterr()
    assert "no FILE given: taking the demo series" in captured.err
    assert re.search(r"found \d of 8 faults, with (no|\d+) false events? and", captured.out)
    assert len(read_scores()) == 6048 and (tmp_path / "scores.png").exists()


def test_demo_takes_columns_but_no_index(fake, capsys):
    assert cli.main(["detect", "--columns", "vibration,load"]) == 0
    assert fake.made[0].X_fit.shape == (3024, 2)
    assert cli.main(["detect", "--columns", "heat"]) == 2
    assert "there is no column 'heat'; the columns are load, temp" in capsys.readouterr().err
    assert cli.main(["detect", "--index", "time"]) == 2
    assert "--index needs a FILE" in capsys.readouterr().err


def event(start, end, feature="p"):
    return FoundEvent(np.arange(start, end + 1), start, feature)


def test_faults_are_found_by_overlap():
    from skae.datasets import Fault

    faults = [Fault(10, 19, "leak", "p"), Fault(40, 49, "wear", "v")]
    events = [event(0, 9), event(19, 25), event(50, 60)]
    scores = np.zeros(99)
    scores[:20] = 1  # ten of these rows, and ten of the others, belong to a fault
    detection = Detection(scores, 0.5, np.ones((99, 1)), ["p"], events)
    lines = _report.format_faults(faults, detection, [str(i) for i in range(99)]).splitlines()
    assert [line.split()[-1] for line in lines[1:3]] == ["yes", "NO"]
    assert lines[-1] == (
        "found 1 of 2 faults, with 2 false events and 12.7% of the fault-free rows labelled"
    )


# --- reading -----------------------------------------------------------------------------


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
        ("time,x\n2,1\n1,1\n", [[2, 1], [1, 1]], "row", None),
        ("x,when\n5,2024-01-01\n6,2024-01-02\n", [[5], [6]], "when", ["2024-01-01", "2024-01-02"]),
        ("date,x\n2024/01/01 10:00,5\n", [[5]], "date", ["2024/01/01 10:00"]),
        ("word,x\na,5\nb,6\n", [[5], [6]], "row", ["0", "1"]),
        ("id,x\na-1,5\na-2,6\n", [[5], [6]], "row", ["0", "1"]),
        ("t,x\nnow,5\ntoday,6\n", [[5], [6]], "row", ["0", "1"]),
        ("x,y\nTrue,1\n,2\nFalse,3\n", [[1], [2], [3]], "row", ["0", "1", "2"]),
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
    assert series.index_name == index_name
    assert labels is None or series.index_labels == labels


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
    # pandas 2 errs in the last digits of 17; pandas 3.1 reads them as Python does.
    np.testing.assert_allclose(series.values, values, rtol=1e-13)
    np.testing.assert_array_equal(series.index, times.to_numpy())
    assert (series.index_name, series.feature_names) == (index or "index", list(frame))


def test_times_with_a_zone_become_utc(tmp_path):
    text = "t,x\n2024-01-01T01:00:00+01:00,1\n2024-01-01T01:00:00Z,2\n"
    series = read_series(write(tmp_path / "a.csv", text))
    assert series.index.tolist() == np.array(["2024-01-01T00", "2024-01-01T01"], "M8[us]").tolist()


def test_an_index_that_goes_backward_is_noted(tmp_path):
    text = "t,x\n2024-01-02,1\n2024-01-01,2\n"
    assert "'t' goes backward at line 3" in read_series(write(tmp_path / "a.csv", text)).notes[0]


def test_a_named_index_of_words_numbers_the_rows(tmp_path):
    file = write(tmp_path / "a.csv", "word,x\na,5\nb,6\n")
    series = read_series(file, Choice(index="word"))
    assert series.index_labels == ["a", "b"] and series.index.tolist() == [0, 1]


# --- bad input ---------------------------------------------------------------------------

BAD_FILES = [
    ("", [], "bad.csv is empty; expected a CSV file with a header"),
    ("\n \n", [], "bad.csv is empty"),
    ("time,x\n", [], "bad.csv holds a header only"),
    ("PK\x03\x04\0\0", [], "bad.csv is not a CSV file: it holds binary data"),
    (b"\x89PNG\r\n\xff\xfe", [], "bad.csv is not a CSV file in UTF-8 text"),
    ("Dear all,\nthe pump broke.\nBest\n", [], "line 2 of"),
    ("A word\nand no number\n", [], "there is no column of numbers"),
    ('time,x\n1,"2\n', [], "bad.csv is not a CSV file: line 2"),
    ("time,x\n1,2\n3\n", [], "line 3 of"),
    ("time,x\n1,2,3\n3,4\n", [], "line 2 of"),
    ("time,x\n1,2\n3,4,5\n", [], "line 3 of"),
    ("time,x,y\n1,2,3\n1,2\n1,2,3,4\n", [], "line 3 of"),
    ('time,x,y\n"1,1",2,3\n1,2\n', [], "line 3 of"),
    ('time,x\n1,"2"3\n', [], "bad.csv is not a CSV file: line 2"),
    ("9" * 200_000, [], "bad.csv is not a CSV file: line 1: field larger"),
    ("x,x\n1,2\n", [], "two columns are named 'x'; rename one"),
    ("time,x\n1,2\n2,3\n3,oops\n", [], "line 4, column 'x': 'oops' is not a number"),
    ("time,x\n1,2\n2,3\n3,1_0\n", [], "line 4, column 'x': '1_0' is not a number"),
    ('"time\n(s)",x\n1,2\n\n,\n2,"3"\n3,oops\n', [], "line 7, column 'x': 'oops' is not a number"),
    ("time;x\n1;2,5\n2;1.000,5\n3;4\n", [], "line 3, column 'x': '1.000,5' is not a number"),
    ("t,x\n2024-01-01,1\n2024-01-02,2\n,3\n", [], "line 4, column 't': '' is not a timestamp"),
    ("time,x\n1,2\n2,inf\n", [], "line 3, column 'x': 'inf' is not a finite number"),
    ("time,x\n1,2\n2,3\n3,-1e999\n", [], "'-1e999' is not a finite number"),
    ("time,x\n1,1.7e308\n2,-1.7e308\n", ["--window", "2"], "too large to scale"),
    ("t,x\n2024-01-01,1\n2024-01-02,2\nlater,3\n", [], "line 4, column 't': 'later' is not a time"),
    ("time,x,y\n1,2,\n2,3,nan\n", [], "column 'y' holds no value; leave it out with --columns"),
    ("time,x\n1,2\n2,3\n", [], "2 rows to learn from are fewer than --window 30; take a shorter"),
    (sine_csv(header="time,fix").replace("\n", ",7\n").replace("fix,7", "fix,y"), [], None),
    ("time,x,y\n1,5,6\n2,5,6\n", [], "nothing ever changes in x, y; there is no pattern"),
    (sine_csv(), ["--index", "nope"], "there is no column 'nope'; the columns are time, flow"),
    (sine_csv(), ["--columns", "flow,nope"], "there is no column 'nope'"),
    (sine_csv(header="time,flow,w", extra=",a"), ["--columns", "w"], "line 2, column 'w': 'a' is"),
    (sine_csv(), ["--train-rows", "121"], "--train-rows 121 is more than the 120 rows there are"),
    (sine_csv(), ["--train-rows", "29"], "29 rows to learn from are fewer than --window 30"),
    (sine_csv(), ["--train-until", "-1"], "--train-until -1 is before the first row, 0"),
    (sine_csv(), ["--train-until", "nan"], "'nan' is not a number, as those of 'time' are"),
    (sine_csv(), ["--train-until", "2024-01-01"], "'2024-01-01' is not a number"),
    (
        "time,x,late\n" + "".join(f"{i},{i % 7},\n" for i in range(60)) + "60,1,1\n61,1,2\n",
        ["--train-rows", "50"],
        "column 'late' holds no value in the rows to learn from",
    ),
]


@pytest.mark.parametrize(("content", "args", "message"), BAD_FILES)
def test_bad_file_ends_with_one_line_and_nothing_written(
    fake, tmp_path, capsys, content, args, message
):
    file = tmp_path / "bad.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    if message is None:  # the control: the same table runs a good file
        assert cli.main(["detect", str(file), *args]) == 0
        return
    assert_refused(["detect", str(file), *args], message, capsys)
    assert os.listdir(tmp_path) == ["bad.csv"] and not fake.made


BAD_ARGUMENTS = [
    ([], "no command given; try 'skae detect FILE.csv'"),
    (["nope"], "invalid choice: 'nope'"),
    (["detect", "--nope"], "unrecognized arguments: --nope"),
    (["detect", "a", "b"], "unrecognized arguments: b"),
    (["detect", "nope.csv"], "nope.csv: No such file or directory"),
    (["detect", "."], ".: Is a directory"),
    (["detect", "--window", "1"], "--window: got '1', but expected a whole number of at least 2"),
    (["detect", "--window", "3.5"], "--window: got '3.5'"),
    (["detect", "--window", "x"], "--window: got 'x'"),
    (["detect", "--window"], "--window: expected one argument"),
    (["detect", "--epochs", "0"], "--epochs: got '0'"),
    (["detect", "--seed=-1"], "--seed: got '-1'"),
    (["detect", "--merge-gap=-1"], "--merge-gap: got '-1'"),
    (["detect", "--min-length", "0"], "--min-length: got '0'"),
    (["detect", "--train-rows", "0"], "--train-rows: got '0'"),
    (["detect", "--train-rows", "9", "--train-until", "9"], "not allowed with argument"),
    (["detect", "--contamination", "0"], "got '0', but expected 'auto' or a number above 0"),
    (["detect", "--contamination", "0.51"], "--contamination: got '0.51'"),
    (["detect", "--contamination", "nan"], "--contamination: got 'nan'"),
    (["detect", "--contamination", "few"], "--contamination: got 'few'"),
    (["detect", "--columns", ""], "--columns: got '', but expected different names"),
    (["detect", "--columns", "load,,heat"], "--columns: got 'load,,heat'"),
    (["detect", "--columns", "load,load"], "--columns: got 'load,load'"),
    (["detect", "--out", "."], ". is a directory; give the name of a file"),
    (["detect", "--out", "nope/scores.csv"], "the folder nope does not exist"),
    (["detect", "--out", os.devnull], "null is not a regular file"),
    (["detect", "--plot", "nope/a.png"], "the folder nope does not exist"),
    (["detect", "--plot", "series.csv"], "--plot series.csv: expected a name that ends in one of"),
    (["detect", "--plot", "a.png", "--out", "./a.png"], "must be different files"),
    (["detect", "scores.csv"], "FILE, MODEL, --out, --plot and --save must be different files"),
]


@pytest.mark.parametrize(("args", "message"), BAD_ARGUMENTS)
def test_bad_argument_ends_with_one_line_and_nothing_written(fake, tmp_path, capsys, args, message):
    assert_refused(args, message, capsys)
    assert os.listdir(tmp_path) == [] and not fake.made


def assert_refused(args, message, capsys):
    assert cli.main(args) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if line.startswith("skae: error: ")]
    assert captured.err.splitlines()[-1:] == lines, "one error, and last"
    assert message in lines[0]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX only")
def test_a_folder_that_refuses_files_is_an_error_before_the_work(fake, pump, monkeypatch, capsys):
    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    # Tests may run as root, whom no folder refuses.
    monkeypatch.setattr(_outputs.tempfile, "TemporaryFile", refuse)
    assert_refused(["detect", pump], "cannot write in .: Permission denied", capsys)
    assert not fake.made


def test_plot_without_matplotlib_is_an_error_before_the_work(fake, pump, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert_refused(["detect", pump, "--plot"], "pip install 'skae[plot]'", capsys)
    assert not fake.made


class NoPandas:
    """Finds no pandas; None in `sys.modules` would break scikit-learn, which looks there."""

    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'")


@pytest.fixture
def no_pandas(monkeypatch):
    monkeypatch.delitem(sys.modules, "pandas")
    monkeypatch.setattr(sys, "meta_path", [NoPandas(), *sys.meta_path])


def test_a_file_without_pandas_is_an_error_before_the_work(fake, pump, no_pandas, capsys):
    assert_refused(["detect", pump], "needs pandas; run pip install 'skae[cli]'", capsys)
    assert not fake.made


def test_the_demo_needs_no_pandas(fake, no_pandas, capsys):
    assert cli.main(["detect", "--train-until", "2024-01-15", "--plot"]) == 0
    assert "found" in capsys.readouterr().out
    assert len(fake.made[0].X_fit) == 1585


@pytest.mark.parametrize("step", ["fit", "score_samples", "explain"])
def test_a_refusal_of_the_estimator_is_one_line(fake, pump, monkeypatch, capsys, step, tmp_path):
    def refuse(self, X):
        raise ValueError("Got 20 rows,\nbut expected more.")

    monkeypatch.setattr(FakeAutoencoder, step, refuse)
    assert_refused(["detect", pump], "skae: error: Got 20 rows, but expected more.", capsys)
    assert os.listdir(tmp_path) == ["pump.csv"]


@pytest.mark.parametrize("step", ["fit", "score_samples", "explain"])
def test_an_interrupt_leaves_nothing_and_ends_with_130(
    fake, pump, monkeypatch, capsys, step, tmp_path
):
    def interrupt(self, X):
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeAutoencoder, step, interrupt)
    assert cli.main(["detect", pump, "--quiet"]) == 130
    assert capsys.readouterr().err == "skae: interrupted\n"
    assert os.listdir(tmp_path) == ["pump.csv"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_breaks_off_leaves_the_old_file(
    fake, pump, monkeypatch, capsys, error, tmp_path
):
    def break_off(part, path):
        assert part.stat().st_size > 0
        raise error

    write(tmp_path / "scores.csv", "old")
    monkeypatch.setattr(_outputs.os, "replace", break_off)
    assert cli.main(["detect", pump]) in (2, 130)
    assert (tmp_path / "scores.csv").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["pump.csv", "scores.csv"]


def test_a_picture_that_fails_leaves_no_scores(fake, pump, monkeypatch, tmp_path):
    def fail(*args):
        raise RuntimeError("a bug")

    monkeypatch.setattr(_run, "draw_picture", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main(["detect", pump, "--plot"])
    assert os.listdir(tmp_path) == ["pump.csv"]


# --- progress ----------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (io.StringIO, ""),
        (
            Terminal,
            "\repoch 1/2  loss 0.5000  validation loss 0.2500\x1b[K\repoch 2/2\x1b[K\n",
        ),
    ],
)
def test_progress_is_one_line_on_a_terminal_and_nothing_elsewhere(stream, expected):
    stream = stream()
    progress = Progress(stream)
    progress.show_epoch(0, 2, {"loss": 0.5, "val_loss": 0.25})
    progress.show_epoch(1, 2)
    progress.finish()
    assert stream.getvalue() == expected


# --- the process -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["--version"], 0, f"skae {skae.__version__}"),
        (["--help"], 0, "usage: skae"),
        (["detect", "--help"], 0, "--train-until"),
        (["detect", "--window", "x"], 2, "skae: error: argument --window"),
        (["detect", "nope.csv"], 2, "skae: error: nope.csv: No such file"),
    ],
)
def test_command_without_work_does_not_load_tensorflow(args, status, words, tmp_path):
    code = (
        "import sys\nfrom skae.cli import main\n"
        f"try: status = main({args!r})\nexcept SystemExit as end: status = end.code\n"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n") if status else 0) == (status, status // 2)
    assert words in done.stdout + done.stderr


def test_python_m_skae_runs_the_command():
    command = [sys.executable, "-m", "skae", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"skae {skae.__version__}\n"


def test_lines_of_an_import_are_held_back_unless_it_fails(capfd):
    with cli._hushed_stderr():
        os.write(2, b"noise")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError), cli._hushed_stderr():
        os.write(2, b"reason")
        raise ImportError
    assert capfd.readouterr().err == "reason"
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_hushing_a_closed_stderr_does_nothing(monkeypatch):
    def refuse(descriptor):
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(os, "dup", refuse)
    with cli._hushed_stderr():
        pass


# --- with the true estimator -------------------------------------------------------------


@pytest.mark.slow
def test_detect_end_to_end(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    t = np.arange(600)
    series = np.column_stack([np.sin(t / 3), np.cos(t / 3)])
    series += 0.05 * np.random.default_rng(0).normal(size=series.shape)
    series[450:470, 1] = 0.0
    lines = [f"{i},{a:.4f},{b:.4f}" for i, (a, b) in enumerate(series)]
    file = write(tmp_path / "a.csv", "time,flow,heat\n" + "\n".join(lines))
    args = ["--window", "10", "--epochs", "15", "--train-until", "399", "--plot"]
    assert cli.main(["detect", file, *args]) == 0
    captured = capsys.readouterr()
    assert re.search(r"epoch \d+/15  loss \d\.\d+  validation loss \d\.\d+", captured.err)
    scores = np.array([float(row["score"]) for row in read_scores()])
    assert 450 <= scores.argmax() < 470
    assert read_scores()[scores.argmax()]["feature"] == "heat"
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "scores.csv", "scores.png"]


@pytest.mark.slow
def test_the_same_seed_gives_the_same_scores(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path / "a.csv", sine_csv(200))
    for out in ("one.csv", "two.csv"):
        args = ["--window", "8", "--epochs", "2", "--quiet", "--out", out]
        assert cli.main(["detect", file, *args]) == 0
    assert read_scores("one.csv") == read_scores("two.csv")
    assert capsys.readouterr().err == ""
