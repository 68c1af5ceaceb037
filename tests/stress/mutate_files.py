"""Damage saved files in hundreds of ways: each gives the same scores or an error with its name.

    python tests/stress/mutate_files.py [--files 600] [--seed 0]

Bits are flipped, bytes overwritten, pieces cut out, put in, doubled and exchanged, in a file of
every format. Half of the files of the format with a checksum get a correct one. Prints
the results for each format, and exits with 1 if a file raised anything but a ValueError that
names the path, or gave other scores without a forged checksum.
"""

import argparse
import collections
import hashlib
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

import skae

FIXTURES = Path(__file__).parents[1] / "fixtures"
FORMATS = ("format1", "format2", "format2_segments", "format3")


def mutate(data: bytes, rng: np.random.Generator, ways: int = 7) -> bytes:
    """Return bytes after one to three mutations, of the first `ways` kinds."""
    for _ in range(rng.integers(1, 4)):
        at, to = sorted(rng.integers(0, max(len(data), 1), 2))
        piece = rng.bytes(int(rng.integers(1, 9)))
        flipped = bytes([data[at] ^ (1 << int(rng.integers(8)))]) if data else b""
        data = {
            0: data[:at] + flipped + data[at + 1 :],
            1: data[:at] + piece + data[at + len(piece) :],
            2: data[:at],
            3: data[:at] + data[to:],
            4: data[:at] + piece + data[at:],
            5: data[:to] + data[at:],
            6: data[:at] + b"\0" * (to - at) + data[to:],
        }[int(rng.integers(ways))]
    return data


def forge(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a mutated file of the newest format with the right checksum."""
    begin = data.index(b"\n") + 1
    content = mutate(data[begin + 32 :], rng, ways=2)  # other lengths have a message
    return data[:begin] + hashlib.sha256(content).digest() + content


def outcome(path: Path, rows: np.ndarray, scores: np.ndarray) -> str:
    """Return the result of loading one file."""
    try:
        found = skae.load(path)
    except ValueError as error:
        return "rejected" if str(path) in str(error) else f"nameless: {error}"
    except Exception as error:
        return f"raw {type(error).__name__}: {error}"
    try:
        same = np.allclose(found.score_samples(rows), scores, rtol=1e-5)
    except Exception as error:
        return f"loaded, then {type(error).__name__}: {error}"
    return "same scores" if same else "other scores"


def main() -> int:
    """Mutate, load and count."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rng, counts = np.random.default_rng(options.seed), collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mutated.skae")
        for i in range(options.files):
            name, forged = FORMATS[i % len(FORMATS)], False
            data = (FIXTURES / f"{name}.skae").read_bytes()
            known = np.load(FIXTURES / f"{name}.npz")
            if name == "format3" and i % 8 >= 4:
                name, forged = "format3, forged", True
            path.write_bytes(forge(data, rng) if forged else mutate(data, rng))
            counts[name, outcome(path, known["rows"], known["scores"])] += 1
    for (name, found), count in sorted(counts.items()):
        print(f"{count:5} {name}: {found}")
    return int(any(not is_allowed(*key) for key in counts))


def is_allowed(name: str, found: str) -> bool:
    """Tell whether this result is allowed; older formats have a checksum of each part only."""
    return found in {"rejected", "same scores"} or (
        found == "other scores" and name == "format3, forged"
    )


if __name__ == "__main__":
    sys.exit(main())
