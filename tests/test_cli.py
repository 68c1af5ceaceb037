import io
import os
import re

import numpy as np
import pytest
from commanding import (
    N_ROWS,
    read_scores,
    sine_csv,
    use_fake,
    write,
    write_pump,
)

from skae import cli
from skae._cli.detection import Detection, FoundEvent, measure
from skae._cli.outputs import Progress
from skae._cli.report import describe, duration_of, format_report
from skae._cli.series import Series, read_series
from skae._cli.time_column import Index, number_rows


@pytest.fixture
def fake(monkeypatch, tmp_path):
    return use_fake(monkeypatch, tmp_path)


@pytest.fixture
def pump(tmp_path):
    return write_pump(tmp_path)


# --- results -----------------------------------------------------------------------------


def test_scores_file_has_index_score_label_and_feature_of_each_row(fake, pump, tmp_path):
    assert cli.main(["detect", pump]) == 0
    rows = read_scores()
    assert list(rows[0]) == ["time", "score", "label", "feature"]
    assert [row["time"] for row in rows] == read_series(pump).index.labels
    assert {row["label"] for row in rows} == {"0", "1"}
    assert [i for i, row in enumerate(rows) if row["label"] == "1"] == [60, 61, 62, 100]
    assert rows[61]["feature"] == "flow" and rows[100]["feature"] == "heat"
    assert float(rows[61]["score"]) > float(rows[60]["score"]) > float(rows[59]["score"])
    assert sorted(os.listdir(tmp_path)) == ["pump.csv", "scores.csv"]


def test_table_shows_the_events_in_units_of_the_index(fake, pump, capsys):
    cli.main(["detect", pump])
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"2 events in {N_ROWS} rows (anomaly score above ")
    assert re.split(r"  +", out[2]) == ["start", "end", "duration", "peak", "score", "feature"]
    first, second = (re.split(r"  +", line) for line in out[3:5])
    assert first[:4] == ["2024-01-03T12:00", "2024-01-03T14:00", "3 h", "2024-01-03T13:00"]
    assert first[5] == "flow" and second[5] == "heat" and second[2] == "1 h"
    assert out[-1] == "wrote scores.csv"


def test_a_lasting_change_is_forgiven_if_asked(fake, tmp_path):
    values = np.concatenate([np.sin(np.arange(100) / 3), 40 + np.sin(np.arange(200) / 3)])
    path = write(tmp_path / "change.csv", "x\n" + "\n".join(map(str, values)) + "\n")
    cli.main(["detect", path, "--window", "10", "--train-rows", "100", "--threshold", "adaptive"])
    flagged = np.array([row["label"] == "1" for row in read_scores()])
    assert flagged[101:108].all() and not flagged[185:].any()


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
        (["--window", "auto"], "window_size", "auto"),
        ([], "contamination", "auto"),
        (["--contamination", "auto"], "contamination", "auto"),
        (["--contamination", "0.05"], "contamination", 0.05),
        ([], "threshold", "sensitive"),
        (["--contamination", "0.05"], "threshold", "robust"),
        (["--threshold", "robust"], "threshold", "robust"),
        (["--threshold", "adaptive"], "threshold", "adaptive"),
        ([], "drop_discords", True),
        (["--train-rows", "100"], "drop_discords", False),
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


def test_the_window_that_was_found_is_said(fake, pump, capsys):
    assert cli.main(["detect", pump, "--window", "auto"]) == 0
    assert "windows of 25 rows, from the period" in capsys.readouterr().err


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
    np.testing.assert_allclose(rows.min(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(rows.max(axis=0), 1)


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
@pytest.mark.slow
def test_plot_writes_a_picture(fake, pump, tmp_path, args, name, magic, capsys):
    assert cli.main(["detect", pump, *args]) == 0
    assert (tmp_path / name).read_bytes().startswith(magic)
    assert f"wrote scores.csv and {name}" in capsys.readouterr().out


@pytest.mark.slow
def test_plot_shows_the_features_with_the_largest_errors(fake, tmp_path, monkeypatch):
    from skae._plots.score import AnomalyScoreDisplay

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
    assert "skae: left out fixed: never changes\n" in loud.err
    assert "skae: left out word: not numbers; --series uses" in loud.err
    assert cli.main(["detect", file, "--quiet"]) == 0
    quiet = capsys.readouterr()
    assert quiet.err == "" and quiet.out == loud.out


# --- the demo ----------------------------------------------------------------------------


def test_demo_learns_the_fault_free_rows_and_counts_the_faults(fake, tmp_path, capsys):
    assert cli.main(["detect", "--plot"]) == 0
    assert len(fake.made[0].X_fit) == 3024
    captured = capsys.readouterr()
    assert "no FILE given: using the demo series" in captured.err
    assert re.search(r"found \d of 8 labelled events, with (no|\d+) false event", captured.out)
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


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_duration_does_not_depend_on_the_unit_of_times(unit):
    times = (np.datetime64("2024-01-01") + np.arange(9) * np.timedelta64(1, "h")).astype(
        f"datetime64[{unit}]"
    )
    index = Index("time", times, times, [str(time) for time in times])
    series = Series(np.zeros((9, 1)), ["p"], index, np.ones(9, bool))
    assert duration_of(2, 4, 3, series) == "3 h"


def test_labelled_events_are_found_by_overlap():
    labels = np.zeros(99, bool)
    labels[10:20] = labels[40:50] = True
    index = number_rows(99)
    series = Series(np.zeros((99, 1)), ["p"], index, ~labels, label_name="leak", labels=labels)
    events = [event(0, 9), event(19, 25), event(50, 60)]
    found = Detection(series, np.zeros(99), 0.5, np.ones((99, 1)), events=events)
    report = format_report(describe(found, measure(found)), found)
    lines = report.split("\n\n", 2)[2].splitlines()
    assert lines[0] == (
        "labels in 'leak': found 1 of 2 labelled events, with 2 false events and 34.2% of "
        "the other rows in events"
    )
    assert [line.split() for line in lines[-2:]] == [["start", "end"], ["40", "49"]]


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


# --- with the real estimator -------------------------------------------------------------


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
    assert captured.err == "skae: training on 400 rows of flow, heat\n"  # and no line per epoch
    scores = np.array([float(row["score"]) for row in read_scores()])
    assert 450 <= scores.argmax() < 470
    assert read_scores()[scores.argmax()]["feature"] == "heat"
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "scores.csv", "scores.png"]


@pytest.mark.nightly
@pytest.mark.slow
def test_the_same_seed_gives_the_same_scores(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    file = write(tmp_path / "a.csv", sine_csv(200))
    for out in ("one.csv", "two.csv"):
        args = ["--window", "8", "--epochs", "2", "--quiet", "--out", out]
        assert cli.main(["detect", file, *args]) == 0
    assert read_scores("one.csv") == read_scores("two.csv")
    assert capsys.readouterr().err == ""
