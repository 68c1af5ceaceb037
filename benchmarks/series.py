"""Real labelled series for the benchmarks, and scores of their windows.

``--data DIR`` names a folder of collections: ``DIR/<collection>/index.csv`` with the columns
``series, file, train_rows, official_split``; the files are ``.npz`` (`X`, `label`) or ``.csv`` with
the label last. The default is the one labelled series that the aeon package bundles.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from vus import dominant_period, events


@dataclass(frozen=True)
class Series:
    """A series in two parts: rows to fit, and rows to score."""

    name: str
    train: np.ndarray
    test: np.ndarray
    labels: np.ndarray

    @property
    def collection(self):
        return self.name.partition("/")[0]

    @property
    def window(self):
        """Return 50 for several features, or the dominant period of one, from 30 to 100."""
        if self.train.shape[1] > 1:
            return 50
        return int(np.clip(dominant_period(self.train[:, 0]), 30, 100))


def load(data=None):
    """Yield the series of a folder, or the one that aeon bundles."""
    for name, rows, labels, n_train, official in _folder(Path(data)) if data else _aeon():
        # As in TSB-AD, only the scored part; its rows before the first anomaly are fitted.
        if official:
            rows, labels = rows[n_train:], labels[n_train:]
        elif name.startswith("nab/"):
            rows, labels = rows[1:], labels[1:]
        first = events(labels)[0][0] if labels.any() else len(labels)
        n_fit = max(500, min(len(rows) // 4, first - 100))
        yield Series(name, rows[:n_fit], rows, labels)


def _folder(root):
    for index in sorted(root.glob("*/index.csv")):
        with index.open() as file:
            for line in csv.DictReader(file):
                if line.get("train_rows"):
                    rows, labels = _read(index.parent / line["file"])
                    name = f"{index.parent.name}/{line['series']}"
                    yield name, rows, labels, int(line["train_rows"]), line["official_split"] == "1"


def _read(path):
    if path.suffix == ".npz":
        held = np.load(path)
        return held["X"].astype(float), held["label"].astype(int)
    table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    return table[:, :-1], table[:, -1].astype(int)


def _aeon():
    from aeon.datasets import load_kdd_tsad_135

    X, y = load_kdd_tsad_135()[:2]
    yield (
        "aeon/kdd_tsad_135",
        np.asarray(X, float).reshape(len(y), -1),
        np.asarray(y, int),
        0,
        False,
    )


def scaled(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std < 1e-8, 1, std)
    return (train - mean) / std, (test - mean) / std


def windows(rows, size, at_most=None):
    """Return windows (n, size * n_features), float32, and their first rows."""
    stride = 1 if at_most is None else -(-(len(rows) - size + 1) // at_most)
    starts = np.arange(0, len(rows) - size + 1, stride)
    found = np.lib.stride_tricks.sliding_window_view(rows, size, axis=0)[starts]
    return found.transpose(0, 2, 1).reshape(len(starts), -1).astype(np.float32), starts


def rows_from_windows(scores, size, n_rows):
    """Return the mean over the windows, at stride 1, that cover each row."""
    kernel = np.ones(size)
    counts = np.convolve(np.ones(n_rows - size + 1), kernel)
    return np.convolve(scores, kernel) / counts
