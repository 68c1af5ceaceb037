"""Measuring and printing times."""

import time

import numpy as np


def seconds(work, clock=time.perf_counter):
    start = clock()
    work()
    return clock() - start


def in_turns(rounds, *works):
    """Return the seconds (n_works, rounds) of functions that run in turns."""
    return np.array([[seconds(work) for work in works] for _ in range(rounds)]).T


def report(name, ours, **peers):
    """Print medians, and for each peer the ratio of medians."""
    line = f"{name:34} skae {np.median(ours):7.3f} s"
    for peer, times in peers.items():
        ratio = np.median(times) / np.median(ours)
        line += f"   {peer} {np.median(times):7.3f} s ({ratio:.1f}x)"
    print(line, flush=True)
