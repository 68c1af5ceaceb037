"""Run the command line as ``python -m skae``, or as the installed ``skae``."""

import os
import sys

from skae.cli import main


def run() -> int:
    """Run the command line in a process of its own.

    Returns
    -------
    status : int
        See :func:`skae.cli.main`.
    """
    # Only here, where the process is ours: TensorFlow reports missing GPUs and the like.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return main()


if __name__ == "__main__":
    sys.exit(run())
