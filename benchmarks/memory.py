"""Memory of a process (Linux only), and work in a separate process."""

import gc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path


def megabytes(field):
    """Return VmRSS (all), VmHWM (its peak) or RssAnon (without pages of files) of this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def resident():
    """Return the memory of this process in megabytes, without garbage."""
    gc.collect()
    return megabytes("VmRSS")


def in_new_process(work, *args):
    """Return the result of a function that runs in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args).result()
