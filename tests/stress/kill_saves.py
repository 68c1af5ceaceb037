"""Kill a process that saves repeatedly: the file is always the old one or the new one.

    python tests/stress/kill_saves.py [--kills 64] [--seed 0]

A separate process saves two estimators in turns to one path and is killed by SIGKILL
at a random moment. After each kill the file must load as one of the two, and at most one
leftover may lie beside it. Prints the counts, and exits with 1 on a failure.
"""

import argparse
import collections
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import skae

LIFE = """
import sys
from skae._files import replace_file
contents = [open(name, "rb").read() for name in sys.argv[2:]]
print("ready", flush=True)
while True:
    for content in contents:
        replace_file(sys.argv[1], content)
"""


def main() -> int:
    """Kill, load and count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    counts: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as sources:
        path = Path(folder, "model.skae")
        names = [str(save_one(Path(sources, str(size)), size)) for size in (5, 6)]
        for _ in range(options.kills):
            kill_one(path, names)
            counts[f"window_size={skae.load(path).window_size}"] += 1
            counts["most leftovers"] = max(counts["most leftovers"], len(leftovers(path)))
        skae.save(skae.LSTMAutoencoder(7), path)
        counts["leftovers after the next save"] = len(leftovers(path))
    for found, count in sorted(counts.items()):
        print(f"{count:5} {found}")
    return int(counts["most leftovers"] > 1 or counts["leftovers after the next save"] > 0)


def save_one(path: Path, size: int) -> Path:
    """Save an estimator with several hundred kilobytes of text, so that kills hit a write."""
    skae.save(skae.LSTMAutoencoder(size, callbacks=[" " * 2**18]), path)
    return path


def kill_one(path: Path, names: list[str]) -> None:
    """Kill a process that saves, after a while."""
    code = [sys.executable, "-c", LIFE, str(path), *names]
    with subprocess.Popen(code, stdout=subprocess.PIPE) as life:
        assert life.stdout is not None
        life.stdout.readline()
        time.sleep(random.uniform(0.05, 0.3))
        life.kill()


def leftovers(path: Path) -> list[Path]:
    """Return the other files in the folder of a file."""
    return [other for other in path.parent.iterdir() if other != path]


if __name__ == "__main__":
    sys.exit(main())
