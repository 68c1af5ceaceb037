"""`skae detect --save` and `skae score`: fit once, score often."""

import json
import os
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import skae
from skae import cli
from skae._cli.detection import find_drift
from skae._cli.model import Model, load_model

N_ROWS = 160
LEARN = ["--window", "6", "--epochs", "1", "--quiet"]


def pump(n_rows=N_ROWS, start=0):
    """A machine with an event in its flow, and rows half an hour apart."""
    t = np.arange(start, start + n_rows)
    rng = np.random.default_rng(start)
    values = np.column_stack([np.sin(t / 3), np.cos(t / 3)]) + rng.normal(0, 0.05, (n_rows, 2))
    frame = pd.DataFrame(values.round(4), columns=["flow", "heat"])
    frame.insert(0, "time", pd.Timestamp("2024-01-01") + pd.to_timedelta(30 * t, "min"))
    frame["is_anomaly"] = 0
    return frame


def two_machines():
    """Two machines with alternating rows; the second breaks."""
    frames = [pump(80).assign(machine="A"), pump(80, start=500).assign(machine="B")]
    frames[1].loc[60:65, "flow"] = 9.0
    frames[1].loc[60:65, "is_anomaly"] = 1
    both = pd.concat(frames)
    return both.sort_index(kind="stable")


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A folder with a file, the model fitted to it and the scores of `detect`."""
    folder = tmp_path_factory.mktemp("learned")
    pump().to_csv(folder / "pump.csv", index=False)
    args = ["--save", str(folder / "pump.skae"), "--out", str(folder / "detected.csv")]
    assert cli.main(["detect", str(folder / "pump.csv"), *LEARN, *args]) == 0
    return folder


@pytest.fixture
def score(learned, tmp_path, monkeypatch):
    """Score a frame with the model, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(frame, *args):
        frame.to_csv(tmp_path / "new.csv", index=False)
        return cli.main(["score", str(learned / "pump.skae"), "new.csv", *args])

    return run


@pytest.mark.slow
def test_scoring_the_file_learned_from_answers_what_detect_did(learned, score):
    assert score(pump(), "--quiet") == 0
    detected = pd.read_csv(learned / "detected.csv")
    pd.testing.assert_frame_equal(pd.read_csv("scores.csv"), detected, rtol=1e-6)


@pytest.mark.slow
def test_columns_are_found_by_name_whatever_their_order(score):
    assert score(pump(), "--quiet") == 0
    expected = pd.read_csv("scores.csv")
    assert score(pump()[["heat", "time", "flow"]].assign(more=1.0), "--quiet") == 0
    pd.testing.assert_frame_equal(pd.read_csv("scores.csv"), expected)
    assert score(pump().drop(columns="heat")) == 2


@pytest.mark.slow
def test_a_feature_that_left_its_range_or_level_is_noted(score, capsys):
    frame = pump()
    frame["flow"] += 10
    frame["heat"] = np.nan
    assert score(frame) == 0
    err = capsys.readouterr().err
    assert "skae: drift: 100% of 'flow' is outside the" in err
    assert "skae: 'heat' has no values in this file" in err
    assert score(pump(start=2000)) == 0
    assert "drift" not in capsys.readouterr().err


@pytest.mark.slow
def test_json_holds_events_measures_and_drift(score, capsys):
    frame = pump()
    frame.loc[100:105, "flow"] = 9.0
    frame.loc[100:105, "is_anomaly"] = 1
    assert score(frame, "--labels", "is_anomaly", "--json", "--out", "out.csv") == 0
    answer = json.loads(capsys.readouterr().out)
    (event,) = answer["events"]
    assert event["first_row"] <= 105 and event["last_row"] >= 100 and event["feature"] == "flow"
    assert event["start"] == str(frame["time"][event["first_row"]])
    assert answer["rows"] == N_ROWS and answer["features"] == ["flow", "heat"]
    measures = answer["measures"]
    assert (measures["labelled_events"], measures["found_events"]) == (1, 1)
    flagged, wanted = pd.read_csv("out.csv")["label"] == 1, frame["is_anomaly"] == 1
    assert measures["precision"] == (flagged & wanted).sum() / flagged.sum()
    assert measures["recall"] == (flagged & wanted).sum() / 6 and 0.5 < measures["vus_pr"] <= 1
    assert answer["files"] == {"scores": "out.csv"}


@pytest.mark.slow
def test_series_in_one_file_are_scored_each_by_itself(score):
    both = two_machines()
    assert score(both, "--series", "machine", "--quiet") == 0
    together = pd.read_csv("scores.csv")
    assert together["machine"].tolist() == both["machine"].tolist()
    for machine, rows in together.groupby("machine"):
        alone = both[both["machine"] == machine].drop(columns="machine")
        assert score(alone, "--quiet") == 0
        np.testing.assert_allclose(pd.read_csv("scores.csv")["score"], rows["score"], rtol=1e-6)


@pytest.mark.slow
def test_scores_on_standard_output_and_the_report_on_standard_error(score, capsys, tmp_path):
    assert score(pump(), "--out", "-") == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0] == "time,score,label,feature"
    assert len(captured.out.splitlines()) == N_ROWS + 1
    assert f"in {N_ROWS} rows (anomaly score above" in captured.err
    assert os.listdir(tmp_path) == ["new.csv"]


@pytest.mark.slow
def test_a_model_is_read_bit_by_bit(learned):
    model = load_model(str(learned / "pump.skae"))
    values = np.column_stack([pump()[name] for name in ("flow", "heat")])
    scaled = MinMaxScaler().fit_transform(values)
    np.testing.assert_array_equal(model.scale(SimpleNamespace(values=values)), scaled)
    assert model.feature_names == ["flow", "heat"] and model.window == 6


@pytest.mark.slow
@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_damaged_model_is_one_clear_line(learned, tmp_path, capsys, place):
    content = bytearray((learned / "pump.skae").read_bytes())
    content[int(len(content) * place)] ^= 0xFF
    (tmp_path / "bad.skae").write_bytes(content)
    args = ["--out", str(tmp_path / "out.csv")]
    status = cli.main(["score", str(tmp_path / "bad.skae"), str(learned / "pump.csv"), *args])
    lines = capsys.readouterr().err.splitlines()
    assert status == 2 and lines[-1].startswith("skae: error: ") and "bad.skae is not" in lines[-1]
    assert os.listdir(tmp_path) == ["bad.skae"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no.skae is not a model, or damaged"),
        (b"time,flow\n1,2\n", "no.skae is not a model, or damaged"),
        (None, "no.skae: No such file or directory"),
    ],
)
def test_a_file_that_is_no_model_costs_no_work(tmp_path, monkeypatch, capsys, content, message):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "no.skae").write_bytes(content)
    assert cli.main(["score", "no.skae", "new.csv"]) == 2
    assert message in capsys.readouterr().err


def test_a_model_of_another_format_or_class_is_refused(tmp_path):
    path = str(tmp_path / "a.skae")
    skae.save(MinMaxScaler(), path)
    with pytest.raises(ValueError, match="is not a model, or damaged"):
        load_model(path)
    skae.save(make_pipeline(MinMaxScaler()), path)
    with pytest.raises(ValueError, match="has no scaler with feature names and detector of rows"):
        load_model(path)
    content = (tmp_path / "a.skae").read_bytes()
    (tmp_path / "a.skae").write_bytes(content.replace(b"model 4", b"model 5", 1))
    with pytest.raises(ValueError, match="a.skae was written by a newer skae; upgrade"):
        load_model(path)


class Ranges:
    """A scaler that remembers a range of two features."""

    data_min_, data_max_ = np.array([0.0, 0.0]), np.array([1.0, 1.0])

    scale_, min_ = np.ones(2), np.zeros(2)


class Center:
    """A detector that scales its input."""

    center_, spread_ = np.full(2, 0.5), np.full(2, 0.25)


class Steps:
    """The parts of a Pipeline that drift detection needs."""

    steps = [("range", Ranges()), ("detector", Center())]

    def __getitem__(self, place):
        return self.steps[place][1]


@pytest.mark.parametrize(
    ("values", "share", "shift"),
    [
        ([0.0, 0.5, 1.0, np.nan], None, None),
        ([0.5] * 94 + [1.1] * 6, 0.06, 0.144),
        ([0.5] * 95 + [1.1] * 5, None, None),
        ([1.0, 1.0, 1.0], None, None),
        ([1.05] * 2 + [1.0] * 38, None, 2.01),
    ],
)
def test_drift_is_of_range_or_level(values, share, shift):
    rows = np.column_stack([np.full(len(values), 0.5), values])
    drifts = find_drift(Model(Steps(), ["calm", "moving"]), SimpleNamespace(values=rows))
    if share is None and shift is None:
        assert drifts == []
    else:
        (drift,) = drifts
        assert drift.feature == "moving" and drift.shift == pytest.approx(shift, abs=1e-9)
        assert share is None or drift.share_outside == pytest.approx(share)
