"""The size of the process, on systems that report it."""

import ctypes
import os
import sys

import pytest

HAS_PROC = os.path.exists("/proc/self/statm")

HAS_GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallinfo2")

needs_proc = pytest.mark.skipif(not HAS_PROC, reason="needs /proc")
needs_glibc = pytest.mark.skipif(not HAS_GLIBC, reason="needs the C library of GNU")


def resident_kilobytes():
    with open("/proc/self/statm") as statistics:
        return int(statistics.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
