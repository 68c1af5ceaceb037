"""Labelled and artificial series for the benchmarks, and scores of their windows.

``--data DIR`` names a folder of collections: ``DIR/<collection>/index.csv`` with the columns
``series, file, train_rows, official_split``; the files are ``.npz`` (`X`, `label`) or ``.csv`` with
the label last. The default is the one labelled series that the aeon package bundles.
``--only GLOB`` takes the series whose names match, such as ``nab/*``.
"""

import argparse
import csv
import fnmatch
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skae import datasets


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
        return window_of(self.train)


class Labelled(NamedTuple):
    """A whole series of a folder; `official` tells whether its own authors split it."""

    name: str
    rows: np.ndarray
    labels: np.ndarray
    n_train: int
    official: bool


def parser(doc, *, needs_data=False):
    """Return a parser with the options ``--data`` and ``--only``."""
    found = argparse.ArgumentParser(description=doc.splitlines()[0])
    found.add_argument("--data", required=needs_data, help="a folder of collections, see series.py")
    found.add_argument("--only", default="*", help="names of series, as a glob")
    return found


def load(data=None, only="*"):
    """Yield the series of a folder that have anomalies, or the one that aeon bundles."""
    for name, rows, labels, n_train, official in folder(data, only) if data else _aeon():
        # As in TSB-AD, only the scored part; its rows before the first anomaly are fitted.
        if official:
            rows, labels = rows[n_train:], labels[n_train:]
        elif name.startswith("nab/"):
            rows, labels = rows[1:], labels[1:]
        if labels.any():
            n_fit = max(500, min(len(rows) // 4, int(np.argmax(labels > 0)) - 100))
            yield Series(name, rows[:n_fit], rows, labels)


def folder(data, only="*"):
    """Yield the whole series of a folder, or nothing without one."""
    for index in sorted(Path(data).glob("*/index.csv")) if data else ():
        with index.open() as file:
            for line in csv.DictReader(file):
                name = f"{index.parent.name}/{line['series']}"
                if line.get("train_rows") and fnmatch.fnmatch(name, only):
                    rows, labels = _read(index.parent / line["file"])
                    official = line["official_split"] == "1"
                    yield Labelled(name, rows, labels, int(line["train_rows"]), official)


def _read(path):
    if path.suffix == ".npz":
        held = np.load(path)
        return held["X"].astype(float), held["label"].astype(int)
    table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    return table[:, :-1], table[:, -1].astype(int)


def _aeon():
    from aeon.datasets import load_kdd_tsad_135

    X, y = load_kdd_tsad_135()[:2]
    rows = np.asarray(X, float).reshape(len(y), -1)
    yield Labelled("aeon/kdd_tsad_135", rows, np.asarray(y, int), 0, False)


def machine():
    """Return the rows of the demo series before its first fault."""
    found = datasets.load_machine()
    return found.data[: found.events[0].start]


def waves(first, end, seed=0):
    """Return four sine waves with noise, from one time to another."""
    steps = np.arange(first, end)[:, None] / [5, 7, 11, 13]
    return np.sin(steps) + np.random.default_rng(seed).normal(scale=0.3, size=steps.shape)


def periodic(n_rows, n_features=5):
    """Return waves of random periods and phases with some noise."""
    rng, t = np.random.default_rng(0), np.arange(n_rows)[:, None]
    periods, phases = rng.uniform(20, 80, n_features), rng.uniform(0, 6, n_features)
    noise = rng.standard_normal((n_rows, n_features))
    return np.sin(2 * np.pi * t / periods + phases) + 0.1 * noise


def window_of(rows):
    """Return 50 for several features; for one its dominant period, from 30 to 100."""
    return 50 if rows.shape[1] > 1 else int(np.clip(dominant_period(rows[:, 0]), 30, 100))


def dominant_period(values, shortest=3, longest=303, otherwise=125):
    """Return the lag with the highest peak of the autocorrelation, the usual buffer of VUS-PR."""
    values = np.asarray(values, float)[:20000]
    values = values - values.mean()
    if not values.any() or len(values) <= longest + 100:
        return otherwise
    spectrum = np.abs(np.fft.rfft(values, 2 * len(values))) ** 2
    correlation = np.fft.irfft(spectrum)[shortest : longest + 98]
    middle = correlation[1:-1]
    peaks = 1 + np.flatnonzero((middle > correlation[:-2]) & (middle > correlation[2:]))
    if not len(peaks):
        return otherwise
    best = peaks[np.argmax(correlation[peaks])]
    return int(best + shortest) if 3 <= best <= longest - shortest else otherwise


def scaled(train, test):
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std < 1e-8, 1, std)
    return (train - mean) / std, (test - mean) / std


def windows(rows, size, at_most=None):
    """Return windows (n, size * n_features), float32, all or evenly spread ones."""
    stride = 1 if at_most is None else -(-(len(rows) - size + 1) // at_most)
    found = np.lib.stride_tricks.sliding_window_view(rows, size, axis=0)[::stride]
    return found.transpose(0, 2, 1).reshape(len(found), -1).astype(np.float32)


def rows_from_windows(scores, size, n_rows):
    """Return the mean over the windows, at stride 1, that cover each row."""
    kernel = np.ones(size)
    counts = np.convolve(np.ones(n_rows - size + 1), kernel)
    return np.convolve(scores, kernel) / counts
