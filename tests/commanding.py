"""Helpers of the command's tests: a fake estimator, files, and checks of errors."""

import csv

import numpy as np

import skae
from skae import cli
from skae._cli.series import read_series
from skae._cli.table import Choice
from skae._scoring.thresholds import adaptive_offsets

N_ROWS = 120


class FakeAutoencoder:
    """Scores each row by its largest value, so that tests need no training."""

    offset_ = -3.0
    made: list = []

    def __init__(self, window_size, **params):
        self.window_size = window_size
        self.params = {"window_size": window_size, **params}
        self.threshold = params["threshold"]
        FakeAutoencoder.made.append(self)

    def fit(self, X):
        self.X_fit = X
        rows = np.concatenate(X) if isinstance(X, list) else X
        self.center_, self.spread_ = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
        self.window_size_ = 25 if self.window_size == "auto" else self.window_size
        return self

    def score_samples(self, X):
        if isinstance(X, list):
            return [self.score_samples(rows) for rows in X]
        return -self.explain(X).max(axis=1)

    def decision_function(self, X):
        assert self.threshold == "adaptive", "only called for an adaptive threshold"
        scores = self.score_samples(X)
        return scores - adaptive_offsets(scores, [len(X)], self.offset_, 10 * self.window_size)

    def score_timesteps(self, X):
        """Return equal errors, because these scores are not smoothed."""
        return [np.ones(len(rows)) for rows in X] if isinstance(X, list) else np.ones(len(X))

    def explain(self, X):
        if isinstance(X, list):
            return [self.explain(rows) for rows in X]
        return np.abs(np.nan_to_num((X - self.center_) / self.spread_))


def use_fake(monkeypatch, folder):
    """Run in a folder with an estimator that needs no TensorFlow."""
    monkeypatch.chdir(folder)
    monkeypatch.setitem(vars(skae), "LSTMAutoencoder", FakeAutoencoder)
    monkeypatch.setattr(cli, "_progress_callbacks", lambda: ["progress"])
    monkeypatch.setattr(FakeAutoencoder, "made", [])
    return FakeAutoencoder


def write_pump(folder):
    """Write two sensors, an hour between rows, and two events in `flow` and `heat`."""
    rng = np.random.default_rng(0)
    flow, heat = rng.uniform(0.6, 1, (2, N_ROWS)) * rng.choice([-1, 1], (2, N_ROWS))
    flow[60:63] = [9, 12, 9]
    heat[100] = 10
    times = np.datetime64("2024-01-01T00:00") + np.arange(N_ROWS) * np.timedelta64(1, "h")
    lines = [f"{t},{f:.3f},{h:.3f}" for t, f, h in zip(times, flow, heat, strict=True)]
    return write(folder / "pump.csv", "time,flow,heat\n" + "\n".join(lines) + "\n")


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


def read_scores(path="scores.csv"):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def sine_csv(n_rows=N_ROWS, header="time,flow", extra=""):
    rows = [f"{i},{np.sin(i):.3f}{extra}" for i in range(n_rows)]
    return "\n".join([header, *rows]) + "\n"


def assert_refused(args, message, capsys):
    assert cli.main(args) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = [line for line in captured.err.splitlines() if line.startswith("skae: error: ")]
    assert captured.err.splitlines()[-1:] == lines, "one error, and last"
    assert message in lines[0]


# --- files of one wave in different spellings

N = 60
FLOW = [f"{20 + 5 * np.sin(i / 4) + 0.3 * (i % 7):.2f}" for i in range(N)]
HOURS = [f"2023-05-{1 + i // 24:02} {i % 24:02}:00" for i in range(N)]
DAYS = [str(np.datetime64("2023-05-01") + np.timedelta64(i, "D")) for i in range(N)]


def column(written):
    """Cells that `written` makes from row numbers."""
    return [written(i) for i in range(N)]


def spoiled(cells, every, word):
    """The same cells, with a word in some."""
    return [word if i % every == every - 1 else cell for i, cell in enumerate(cells)]


def text_of(header, *columns, sep=","):
    """The text of a file; None means no header."""
    lines = [] if header is None else [header]
    return "\n".join([*lines, *(sep.join(row) for row in zip(*columns, strict=True))]) + "\n"


def moments(written, step="h", start="2023-05-01"):
    """Times in steps of a unit, as text from a function of datetime."""
    begin = np.datetime64(start, "s")
    return column(lambda i: written((begin + i * np.timedelta64(1, step)).astype(object)))


def read(tmp_path, content, **said):
    """Read a file with this text or these bytes."""
    path = tmp_path / "file.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_series(str(path), Choice(**said))


def assert_noted(series, words):
    """Assert that there is a note with these words, or no note."""
    notes = [note for note in series.notes if words is None or words in note]
    assert notes == [] if words is None else len(notes) == 1, series.notes
