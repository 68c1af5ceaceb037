"""What does `import skae` cost beyond starting Python? Processes in turns.

Run: python benchmarks/bench_import.py.
"""

import subprocess
import sys

import numpy as np
from timing import in_turns


def run(code):
    subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    bare, ours = np.median(in_turns(21, lambda: run("pass"), lambda: run("import skae")), axis=1)
    print(f"python {bare:.3f} s   with import skae {ours:.3f} s   difference {ours - bare:.3f} s")
