"""Dtypes documented in the docstrings of `LSTMAutoencoder`, for every kind of X."""

import numpy as np
import pytest

DTYPES = {
    "score_samples": np.float64,
    "decision_function": np.float64,
    "score_timesteps": np.float64,
    "explain": np.float64,
    "predict": np.intp,
    "transform": np.float32,
    "reconstruct": np.float32,
    "inverse_transform": np.float32,
}
SHARED = {"bidirectional": False, "segment_length": 1, "epochs": 1}
"""Of all kinds, so that few networks serve them."""

KINDS = {
    "rows": (lambda rows: rows, {"window_size": 5}),
    "series": (lambda rows: [rows[:90], rows[90:]], {"window_size": 5, "aggregation": "max"}),
    "latent rows": (lambda rows: rows, {"window_size": 5, "bottleneck": "sequence"}),
    "array": (lambda rows: rows.reshape(20, 10, 2), {}),
    "list": (lambda rows: [rows[i : i + 4 + i % 3] for i in range(0, 60, 5)], {}),
    "latent list": (
        lambda rows: [rows[i : i + 4 + i % 3] for i in range(0, 60, 5)],
        {"bottleneck": "sequence"},
    ),
    "table": (lambda rows: rows[:, 0].reshape(20, 10), {}),
}


@pytest.fixture(scope="module", params=[np.float32, np.float64], ids=["float32", "float64"])
def answers(request, small, series):
    found = {}
    for kind, (make, options) in KINDS.items():
        X = make(series.astype(request.param))
        model = small(**SHARED | options).fit(X)
        found[kind] = {name: getattr(model, name)(X) for name in DTYPES if "inverse" not in name}
        found[kind]["inverse_transform"] = model.inverse_transform(found[kind]["transform"])
    return found


@pytest.mark.parametrize("method", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_of_the_documented_dtype(answers, kind, method):
    found = answers[kind][method]
    parts = found if isinstance(found, list) else [found]
    assert {part.dtype for part in parts} == {np.dtype(DTYPES[method])}
