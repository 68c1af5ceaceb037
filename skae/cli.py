"""The command line: ``skae detect FILE``, ``skae score MODEL FILE`` and ``skae inspect FILE``."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from skae._cli.arguments import CommandError, make_parser
from skae._cli.outputs import Console, Progress, printable

__all__ = ["main"]

# The status of argparse's errors, and 128 + SIGINT and 128 + SIGPIPE as in shells.
USAGE_ERROR, INTERRUPTED, UNREAD = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        The arguments. If None, ``sys.argv[1:]``.

    Returns
    -------
    status : int
        0 after success, 2 after a user error, 130 after an interrupt, 141 if the reader of
        standard output closes the pipe.

    Examples
    --------
    >>> from skae.cli import main
    >>> main(["detect", "--window", "0"])
    2
    """
    try:
        with _one_line_errors():
            args = make_parser(_run, Console().answer).parse_args(argv)
            args.run(args)
    except CommandError as error:
        Console().show(f"skae: error: {printable(' '.join(str(error).split()))}")
        return USAGE_ERROR
    except BrokenPipeError:
        return UNREAD
    except KeyboardInterrupt:
        # On a terminal, the cursor may be in the line of progress.
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        Console().show("\n" * is_terminal + "skae: interrupted")
        return INTERRUPTED
    return 0


def _run(args: Namespace) -> None:
    # numpy and scikit-learn take a second to import, and --help does not need them.
    from skae._cli import run

    if args.command == "score":
        run.run_score(args)
    elif args.command == "inspect" or args.dry_run:
        run.run_inspect(args)
    else:
        run.run_detect(args, None if args.quiet else _progress_callbacks)


def _progress_callbacks() -> list[Any]:
    """Return the Keras callbacks that show the training progress."""
    from keras.callbacks import LambdaCallback

    progress = Progress(sys.stderr)
    callback: Any = LambdaCallback(
        on_epoch_end=lambda epoch, logs: progress.show_epoch(
            epoch, callback.params["epochs"], logs
        ),
        on_train_end=lambda logs: progress.finish(),
    )
    return [callback]


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        named = f"{error.filename}: {reason}" if error.filename and error.strerror else reason
        raise CommandError(named) from error
    except ValueError as error:
        raise CommandError(str(error)) from error
    except MemoryError as error:
        raise CommandError("there is not enough memory for that many rows") from error
