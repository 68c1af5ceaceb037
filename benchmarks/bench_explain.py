"""Does `explain` rank the feature first into which an anomaly was put?

Run: python benchmarks/bench_explain.py [--data DIR]. 200 cases: a spike, a shift, a flat stretch or
more noise, beginning at a row that counts as normal, in one feature of the demo machine and, with
a folder, of its multivariate series (the parts to train on; features that never move are left out,
for nothing can be hidden there). Sizes are in standard deviations of the rows fitted on.
"""

import argparse
from pathlib import Path

import numpy as np
from series import _folder, scaled

from skae import LSTMAutoencoder, datasets

N_CASES, LENGTH = 200, 20


def spoiled(rows, feature, kind, at, rng):
    rows, part = rows.copy(), slice(at, at + LENGTH)
    if kind == "spike":
        rows[at + LENGTH // 2, feature] += 6
    elif kind == "shift":
        rows[part, feature] += 3
    elif kind == "noise":
        rows[part, feature] += rng.normal(scale=2, size=LENGTH)
    else:
        rows[part, feature] = 2.5
    return rows


def sources(data):
    X, faults = datasets.load_machine(return_X_y=True)
    yield "machine", np.asarray(X)[: int(np.flatnonzero(faults)[0])][:4000]
    for name, rows, labels, n_train, official in _folder(Path(data)) if data else ():
        if rows.shape[1] > 1 and official and not labels[:n_train].any():
            yield name, rows[:n_train][:3000]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data")
    rng = np.random.default_rng(0)
    found = list(sources(parser.parse_args().data))[:10]
    first, total = 0, 0
    for name, rows in found:
        half = len(rows) // 2
        train, test = scaled(rows[:half], rows[half:])
        moving = np.flatnonzero((train.std(axis=0) > 0.5) & (test.std(axis=0) > 0.05))
        detector = LSTMAutoencoder(30, random_state=0).fit(train)
        normal = np.flatnonzero(detector.predict(test) == 1)
        normal = normal[(normal >= 60) & (normal < len(test) - 80)]
        hits = []
        for _ in range(N_CASES // len(found)):
            kind = rng.choice(["spike", "shift", "flat", "noise"])
            feature, at = rng.choice(moving), rng.choice(normal)
            part = spoiled(test, feature, kind, at, rng)[at - 60 : at + 80]
            errors, scores = detector.explain(part), detector.score_samples(part)
            worst = 60 + scores[60 : 60 + LENGTH].argmin()
            hits.append(errors[worst].argmax() == feature)
        first, total = first + sum(hits), total + len(hits)
        print(f"{name:24} {sum(hits)} of {len(hits)} ({len(moving)} features move)", flush=True)
    print(f"ranked first: {first} of {total} ({first / total:.1%})")


if __name__ == "__main__":
    main()
