"""Events of a machine, printed as they begin and as they end, while its rows are read.

Run: python examples/stream_events.py. An iterator of rows stands for a queue or a socket; the
stream could be pickled after any row, and would go on from there.
"""

from collections.abc import Iterator

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skae
from skae import LSTMAutoencoder, datasets


def rows_of(machine: np.ndarray) -> Iterator[np.ndarray]:
    """Yield one row after the other, as a service would receive them."""
    yield from machine


def main(n_rows: int = 6048) -> None:
    """Fit on the beginning, then follow the rest row by row."""
    X, _ = datasets.load_machine(return_X_y=True)
    X = np.asarray(X)[:n_rows]
    model = make_pipeline(StandardScaler(), LSTMAutoencoder(30, aggregation="last", random_state=0))
    stream = skae.stream(model.fit(X[:2000]))
    start, worst = None, 0.0
    for number, row in enumerate(rows_of(X[2000:]), start=2000):
        scores = stream.update(row)
        is_outlier = stream.labels(scores)[0] == -1
        if is_outlier and start is None:
            start, worst = number, 0.0
            print(f"row {number}: an event begins, score {scores[0]:.2f}")
        if start is not None and not is_outlier:
            print(f"row {number}: it ends after {number - start} rows, worst score {worst:.2f}")
            start = None
        worst = min(worst, scores[0])


if __name__ == "__main__":
    main()
