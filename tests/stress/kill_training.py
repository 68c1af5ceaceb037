"""Kill one training repeatedly, and compare its result with an undisturbed training.

    python tests/stress/kill_training.py [--kills 50] [--epochs 5000]

Each life of the training is a separate process, killed by SIGKILL at a random moment after it
has written its checkpoint; the last one may end. Prints one line per kill, and exits with 1
unless weights, history, threshold and scores equal those of an undisturbed training.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIFE = """
import sys, numpy as np
from skae import LSTMAutoencoder
from skae._training import checkpoint as checkpoints
checkpoints.INTERVAL = 0.1
epochs, checkpoint, result = int(sys.argv[1]), sys.argv[2] or None, sys.argv[3]
time = np.arange(300)
noise = np.random.default_rng(0).normal(scale=0.1, size=(300, 2))
X = np.stack([np.sin(time / 4), np.cos(time / 4)], axis=1) + noise
network = {"units": 4, "latent_dim": 2, "dropout": 0.1, "random_state": 0}
estimator = LSTMAutoencoder(
    10, epochs=epochs, checkpoint=checkpoint, **network
).fit(X)
np.savez(
    result, *estimator.model_.get_weights(), loss=estimator.history_["loss"],
    offset=estimator.offset_, scores=estimator.score_samples(X),
)
"""


def live(epochs: int, checkpoint: Path | str, result: Path) -> subprocess.Popen:
    """Start a life of the training."""
    code = [sys.executable, "-W", "ignore", "-c", LIFE, str(epochs), str(checkpoint), str(result)]
    return subprocess.Popen(code, stderr=subprocess.DEVNULL)


def kill(life: subprocess.Popen, checkpoint: Path, delay: float) -> bool:
    """Kill a life some seconds after its first write; tell whether it was still running."""
    before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
    while life.poll() is None:
        if checkpoint.exists() and checkpoint.stat().st_mtime_ns != before:
            time.sleep(delay)
            life.kill()
            return life.wait() != 0
        time.sleep(0.005)
    return False


def same(one: Path, other: Path) -> bool:
    """Tell whether two results are equal to the last bit."""
    import numpy as np

    with np.load(one) as a, np.load(other) as b:
        return a.files == b.files and all(np.array_equal(a[name], b[name]) for name in a.files)


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, killed, undisturbed = (Path(folder, n) for n in ("state", "a.npz", "b.npz"))
        kills = 0
        while kills < arguments.kills:
            if not kill(
                live(arguments.epochs, checkpoint, killed), checkpoint, rng.uniform(0, 0.6)
            ):
                print(f"the training ended after {kills} kills: ask for more epochs")
                return 1
            kills += 1
            print(f"kill {kills}: {sorted(p.name for p in Path(folder).iterdir())}", flush=True)
        live(arguments.epochs, checkpoint, killed).wait()
        live(arguments.epochs, "", undisturbed).wait()
        left = sorted(path.name for path in Path(folder).iterdir())
        equal = same(killed, undisturbed)
        print(f"{kills} kills; equal to the last bit: {equal}; files left: {left}")
        return 0 if equal and left == ["a.npz", "b.npz"] else 1


if __name__ == "__main__":
    sys.exit(main())
