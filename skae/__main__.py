"""Run the command line as ``python -m skae``, or as the installed ``skae``."""

import os
import sys
import warnings
from contextlib import suppress
from typing import Any

from skae._cli.outputs import Console
from skae.cli import UNREAD, USAGE_ERROR, main


def run() -> int:
    """Run the command line in a separate process.

    Returns
    -------
    status : int
        See :func:`skae.cli.main`.
    """
    # Hides TensorFlow's log lines, such as missing GPUs. Only here does skae own the process.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _open_closed_descriptors()
    warnings.showwarning = _say_warning
    try:
        status = main()
    except SystemExit as end:  # argparse, after --help and --version
        status = end.code if isinstance(end.code, int) else 0
    status = status or _settle_output()
    _silence_broken_streams()
    return status


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """Print a warning as one line, without its line of code."""
    Console().say(f"warning: {message}")


def _open_closed_descriptors() -> None:
    """Open the null device in place of closed standard streams.

    Otherwise the next opened file would become such a stream, and libraries would print into it.
    """
    with suppress(OSError):
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(descriptor)


def _settle_output() -> int:
    """Flush the standard streams while an error can still be reported."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        return UNREAD
    except OSError as error:
        with suppress(OSError, AttributeError):
            print(f"skae: error: standard output: {error.strerror}", file=sys.stderr, flush=True)
        return USAGE_ERROR
    return 0


def _silence_broken_streams() -> None:
    """Redirect streams that cannot be flushed, or Python would exit with status 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(run())
