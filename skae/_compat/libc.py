"""What the C library of GNU offers and others do not."""

import ctypes
import sys


def give_memory_back() -> None:
    """Give freed memory back to the system; where the C library cannot, do nothing."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
