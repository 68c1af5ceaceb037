"""Results of a small, real network on files that mislead a threshold or a scale."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from shared import NETWORK

import skae
from skae import cli


def levels(n_rows=400, seed=0, size=1.0):
    """A wave with noise, and rows an hour apart."""
    t = np.arange(n_rows)
    noise = np.random.default_rng(seed).normal(0, 0.05, n_rows)
    hours = pd.Timestamp("2024-01-01") + pd.to_timedelta(t, "h")
    return pd.DataFrame({"time": hours, "level": size * (3 + np.sin(t / 4) + noise)})


@pytest.fixture
def detect(tmp_path, monkeypatch, capsys):
    """Run `skae detect` on a frame, and return its output."""
    monkeypatch.chdir(tmp_path)
    small = partial(skae.LSTMAutoencoder, **NETWORK)
    monkeypatch.setitem(vars(skae), "LSTMAutoencoder", small)

    def run(frame, *args):
        frame.to_csv("file.csv", index=False)
        assert cli.main(["detect", "file.csv", "--window", "8", "--epochs", "20", *args]) == 0
        return capsys.readouterr().out

    return run


@pytest.mark.slow
def test_without_an_event_the_highest_places_and_their_distance_are_told(detect):
    head, _, names, *places = detect(levels()).splitlines()
    assert head.startswith("no events in 400 rows (anomaly score above ")
    assert head.endswith("; the highest scores:") and names.split() == ["peak", "score"]
    rows = [line.split() for line in places[:3]]
    limit = float(head.split("above ")[1].split(")")[0])
    for _, _, score, share, *words in rows:
        assert words == ["of", "the", "threshold"] and float(score) < limit
        assert float(share.rstrip("%")) == pytest.approx(100 * float(score) / limit, abs=0.6)
    assert sorted(rows, key=lambda row: -float(row[2])) == rows


@pytest.mark.slow
@pytest.mark.parametrize("spike", [0.5, 1e4])
def test_one_spike_of_a_flat_series_is_one_event(detect, spike):
    frame = levels()
    frame["level"] = 20.0
    frame.loc[250, "level"] += spike
    answer = json.loads(detect(frame, "--json", "--quiet"))
    (event,) = answer["events"]
    assert event["first_row"] <= 250 <= event["last_row"] and event["length"] <= 16
    assert answer["anomalous_rows"] <= 24  # windows with the spike, smoothed


@pytest.mark.slow
def test_the_spike_of_a_small_machine_is_found_beside_a_large_one(detect):
    small, large = levels(seed=1, size=0.001), levels(seed=2, size=1000.0)
    small.loc[300:303, "level"] *= 3
    both = pd.concat([small.assign(machine="small"), large.assign(machine="large")])
    answer = json.loads(detect(both.sort_index(kind="stable"), "--json", "--quiet"))
    (event,) = answer["events"]
    assert event["series"] == "small" and event["start"] <= "2024-01-13 12:00:00" <= event["end"]
