"""The command line: ``skae detect FILE``, ``skae score MODEL FILE`` and ``skae inspect FILE``."""

from __future__ import annotations

import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from skae._cli.arguments import CommandError, make_parser
from skae._cli.console import Console, write_error
from skae._cli.text import printable

__all__ = ["main"]

# The status that argparse gives to errors of its own; 128 + SIGINT and + SIGPIPE, as shells
# have them.
USAGE_ERROR, INTERRUPTED, UNREAD = 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        The arguments. If None, those of the process.

    Returns
    -------
    status : int
        0 after success, 2 after an error in the input, 130 after an interrupt, 141 if nobody
        reads standard output to its end.

    Examples
    --------
    >>> from skae.cli import main
    >>> main(["detect", "--window", "0"])
    2
    """
    try:
        args = make_parser(_commands(), _answer).parse_args(argv)
        args.run(args)
    except CommandError as error:
        write_error(f"skae: error: {printable(' '.join(str(error).split()))}")
        return USAGE_ERROR
    except BrokenPipeError:
        return UNREAD
    except KeyboardInterrupt:
        # Only a terminal has a line of progress to leave.
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        write_error("\n" * is_terminal + "skae: interrupted")
        return INTERRUPTED
    return 0


# --- the commands ------------------------------------------------------------------------


def run_detect(args: Namespace) -> None:
    """Run ``skae detect``."""
    if args.dry_run:
        run_inspect(args)
        return
    with _one_line_errors():
        # numpy and scikit-learn take a second to import: not for a word of help.
        from skae._cli import run

        watch = None if args.quiet else _progress_callbacks
        run.run_detect(args, Console(args.quiet), _hushed_stderr, watch)


def run_score(args: Namespace) -> None:
    """Run ``skae score``."""
    with _one_line_errors():
        from skae._cli import run

        run.run_score(args, Console(args.quiet), _hushed_stderr)


def run_inspect(args: Namespace) -> None:
    """Run ``skae inspect``."""
    with _one_line_errors():
        from skae._cli.inspection import run_inspect

        run_inspect(args, Console())


def _commands() -> dict[str, Callable[[Namespace], None]]:
    return {"detect": run_detect, "score": run_score, "inspect": run_inspect}


def _answer(text: str) -> None:
    with _one_line_errors():
        Console().answer(text)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        raise CommandError(_describe(error)) from error
    except MemoryError as error:
        raise CommandError("there is not enough memory for that many rows") from error


@contextmanager
def _hushed_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, unless something fails.

    TensorFlow's C++ side prints half a dozen lines when it is imported, before any log
    level of its own counts.
    """
    with suppress(OSError, AttributeError):  # full, or closed and None
        sys.stderr.flush()
    try:
        stderr, held = os.dup(2), tempfile.TemporaryFile()
    except OSError:  # closed: there is nothing to hush; or no room to hold back anything
        yield
        return
    with held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _progress_callbacks() -> list[Any]:
    from keras.callbacks import LambdaCallback

    from skae._cli.progress import Progress

    progress = Progress(sys.stderr)
    callback: Any = LambdaCallback(
        on_epoch_end=lambda epoch, logs: progress.show_epoch(
            epoch, callback.params["epochs"], logs
        ),
        on_train_end=lambda logs: progress.finish(),
    )
    return [callback]


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
