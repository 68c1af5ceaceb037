"""How large the process is, where the system says so."""

import ctypes
import os

import pytest

HAS_PROC = os.path.exists("/proc/self/statm")

needs_proc = pytest.mark.skipif(not HAS_PROC, reason="needs /proc")


def resident_kilobytes():
    with open("/proc/self/statm") as statistics:
        return int(statistics.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def trim():
    """Give freed memory back to the system, where the C library can."""
    give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if give_back is not None:
        give_back(0)
