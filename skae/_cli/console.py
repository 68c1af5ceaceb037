"""Standard output and standard error, open, closed or full."""

from __future__ import annotations

import contextlib
import sys
from typing import TextIO

from skae._cli.text import printable

__all__ = ["Console"]


class Console:
    """Says notes on standard error, and answers on standard output.

    Parameters
    ----------
    quiet : bool, default=False
        Whether notes are kept back.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet

    def say(self, note: str) -> None:
        """Print a note on standard error, as one line."""
        self.show(f"skae: {printable(' '.join(note.split()))}")

    def show(self, text: str) -> None:
        """Print a text on standard error, which may be closed or full: then nobody listens."""
        if not self.quiet:
            write_error(text)

    def answer(self, text: str) -> None:
        """Print a text on standard output.

        Raises
        ------
        BrokenPipeError
            If nobody reads on.
        ValueError
            If the text cannot be written.
        """
        check_output()
        try:
            write_whole(text, sys.stdout)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ValueError(f"standard output: {error.strerror}") from error


def write_whole(text: str, stream: TextIO) -> None:
    """Write a text to a stream, all of it, and flush."""
    # A pipe may be of ASCII; what it cannot show is written out rather than refused.
    encoding = getattr(stream, "encoding", None) or "utf-8"
    content = text.encode(encoding, "backslashreplace")
    if hasattr(stream, "buffer"):
        stream.flush()
        # Where Python runs unbuffered, a write may be cut short, and the text layer ignores it.
        rest = memoryview(content)
        while rest:
            rest = rest[stream.buffer.write(rest) or 0 :]
        stream.buffer.flush()
    else:
        stream.write(content.decode(encoding))
    stream.flush()


def check_output() -> None:
    """Raise ValueError if standard output is closed."""
    if sys.stdout is None or sys.stdout.closed:
        raise ValueError("standard output is closed; redirect it to a file or to the null device")


def write_error(text: str) -> None:
    """Print a text on standard error, or nothing where that is closed or full."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(text, file=sys.stderr, flush=True)
