"""How long does scoring take, compared with `model.predict` plus numpy and with PyTorch?

Run: python benchmarks/bench_score.py [rounds]. Also prints the share of the arithmetic limit, and
the latency of one new row in a stream. PyTorch uses its best batch size.
"""

import sys

import numpy as np
import torch
from peers import sequences, stock_keras
from peers_torch import TorchAutoencoder
from timing import in_turns, report, seconds

from skae import LSTMAutoencoder

UNITS, N_STEPS, N_FEATURES = 64, 30, 5


def keras_scores(model, x):
    return ((model.predict(x, verbose=0) - x) ** 2).mean(axis=(1, 2))


def torch_scores(model, x, batch_size):
    with torch.no_grad():
        return torch.cat([((model(part) - part) ** 2).mean((1, 2)) for part in x.split(batch_size)])


def operations(n):
    """Floating point operations of the forward pass: the products."""
    encoder = 2 * 4 * UNITS * (N_FEATURES + UNITS)
    decoder = 2 * 4 * UNITS * UNITS + 2 * UNITS * N_FEATURES
    return n * N_STEPS * (encoder + decoder)


def product_rate(rounds=20):
    """Operations per second in a large float32 product, all cores."""
    a = np.random.default_rng(0).normal(size=(2048, 2048)).astype(np.float32)
    return 2 * 2048**3 / min(seconds(lambda: a @ a) for _ in range(rounds))


def main(rounds):
    x = sequences(n_steps=N_STEPS, n_features=N_FEATURES)
    ours = LSTMAutoencoder(epochs=1, validation_fraction=0.0, bidirectional=False).fit(x)
    stock, plain = stock_keras(N_STEPS, N_FEATURES), TorchAutoencoder(N_FEATURES)
    tensor = torch.from_numpy(x)
    sizes = (64, 128, 256, 512, 1024, 2048)
    best = min(sizes, key=lambda size: seconds(lambda: torch_scores(plain, tensor, size)))
    ours.score_samples(x), keras_scores(stock, x)
    skae, keras, pytorch = in_turns(
        rounds,
        lambda: ours.score_samples(x),
        lambda: keras_scores(stock, x),
        lambda: torch_scores(plain, tensor, best),
    )
    report(f"score of 8192, torch batch {best}", skae, keras=keras, torch=pytorch)
    share = operations(len(x)) / np.median(skae) / product_rate()
    print(f"share of the arithmetic limit: {share:.0%}")
    for _ in range(600):
        ours.score_samples(x[:1])
    stream = [seconds(lambda i=i: ours.score_samples(x[i : i + 1])) for i in range(1000)]
    print(f"one window of {N_STEPS} in a stream: median {1e3 * np.median(stream):.2f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
