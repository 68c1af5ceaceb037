"""How good are one-class detection and latents of sets of sequences?

Run: python benchmarks/bench_sequences.py [--data DIR] [--seeds N]. ECG5000 (fitted on normal beats;
only from a folder) and JapaneseVowels (one speaker at a time, unequal lengths): AUC-ROC, compared
with detectors on padded sequences. JapaneseVowels and BasicMotions: accuracy of a linear classifier
on `transform`, compared with a PCA of the same size.
"""

import argparse
from pathlib import Path

import numpy as np
from detectors import PEERS
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import LSTMAutoencoder


def from_file(path):
    held = np.load(path)
    sequences = np.split(held["values"], np.cumsum(held["lengths"])[:-1])
    train = held["train"]
    labels = held["y"].astype(str)
    parts = [([sequences[i] for i in np.flatnonzero(x)], labels[x]) for x in (train, ~train)]
    return *parts[0], *parts[1]


def from_aeon(name):
    from aeon.datasets import load_basic_motions, load_japanese_vowels

    loader = {"JapaneseVowels": load_japanese_vowels, "BasicMotions": load_basic_motions}[name]
    parts = []
    for split in ("train", "test"):
        X, y = loader(split=split)[:2]
        parts += [[np.asarray(x).T for x in X], np.asarray(y, str)]
    return parts


def padded(sequences, longest):
    return np.stack([np.pad(s, [(0, longest - len(s)), (0, 0)]).ravel() for s in sequences])


def one_class(name, data, normal_classes, seeds):
    train, y_train, test, y_test = data
    found = {}
    for normal in normal_classes:
        own = [s for s, label in zip(train, y_train, strict=True) if label == normal]
        rows = np.concatenate(own)
        mean, std = rows.mean(axis=0), rows.std(axis=0)
        own, others = ([(s - mean) / std for s in part] for part in (own, test))
        outlier = y_test != normal
        for seed in range(seeds):
            scores = -LSTMAutoencoder(random_state=seed).fit(own).score_samples(others)
            found.setdefault("skae", []).append(roc_auc_score(outlier, scores))
        longest = max(map(len, own + others))
        known, scored = padded(own, longest), padded(others, longest)
        for peer, make in PEERS.items():
            if peer == "pyod_ae" and len(own) < 64:
                continue  # its loader would drop the only batch, which is not full
            scores = make(known, 0)(scored)
            found.setdefault(peer, []).append(roc_auc_score(outlier, scores))
    print(f"\n{name}: AUC-ROC")
    for detector, values in found.items():
        print(f"  {detector:8} {np.mean(values):.4f}", flush=True)


def latents(name, data, seeds):
    train, y_train, test, y_test = data
    rows = StandardScaler().fit(np.concatenate(train))
    train, test = ([rows.transform(s) for s in part] for part in (train, test))
    found = []
    for seed in range(seeds):
        encoder = LSTMAutoencoder(random_state=seed)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        model.fit(encoder.fit_transform(train), y_train)
        found.append(model.score(encoder.transform(test), y_test))
    longest = max(map(len, train + test))
    model = make_pipeline(PCA(16), StandardScaler(), LogisticRegression(max_iter=2000))
    accuracy = model.fit(padded(train, longest), y_train).score(padded(test, longest), y_test)
    print(f"\n{name}: accuracy of a linear classifier on latents")
    print(f"  skae     {np.mean(found):.3f}\n  PCA      {accuracy:.3f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    names = ["JapaneseVowels", "BasicMotions"]
    if args.data:
        (path,) = Path(args.data).glob("*/ECG5000.npz")
        one_class("ECG5000", from_file(path), ["1"], args.seeds)
        sets = {name: from_file(next(Path(args.data).glob(f"*/{name}.npz"))) for name in names}
    else:
        sets = {name: from_aeon(name) for name in names}
    vowels = sets["JapaneseVowels"]
    one_class("JapaneseVowels", vowels, np.unique(vowels[1]), args.seeds)
    for name in names:
        latents(name, sets[name], args.seeds)


if __name__ == "__main__":
    main()
