"""What does `import skae` cost beyond starting Python? Processes in turns."""

import statistics
import subprocess
import sys
import time


def seconds(code):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    pairs = [(seconds("pass"), seconds("import skae")) for _ in range(21)]
    bare, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"python {bare:.3f} s   with import skae {ours:.3f} s   difference {ours - bare:.3f} s")
