"""Standard output and standard error, open, closed or full."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import TextIO

from skae._cli.text import printable

__all__ = ["Console", "Progress", "hushed_stderr"]


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
        if not self.quiet and sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                print(text, file=sys.stderr, flush=True)

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


class Progress:
    """Shows the epochs of a training in one line of a terminal; elsewhere nothing.

    Parameters
    ----------
    stream : text stream or None
        Where to print.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream if stream is not None and stream.isatty() else None

    def show_epoch(self, epoch: int, n_epochs: int, logs: dict[str, float] | None = None) -> None:
        """Show the losses at the end of an epoch, numbered from 0, of so many."""
        if self.stream is None:
            return
        named = {"loss": "loss", "val_loss": "validation loss"}
        losses = [f"  {named[key]} {logs[key]:.4f}" for key in named if logs and key in logs]
        line = f"epoch {epoch + 1}/{n_epochs}{''.join(losses)}"
        # A line that wraps is two lines, of which only the second would be updated.
        try:
            width = os.get_terminal_size(self.stream.fileno()).columns or 80
        except (OSError, ValueError):
            width = 80
        self.stream.write(f"\r{line[: width - 1]}\x1b[K")
        self.stream.flush()

    def finish(self) -> None:
        """Begin a new line."""
        if self.stream is not None:
            self.stream.write("\n")


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


@contextlib.contextmanager
def hushed_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, unless something fails.

    TensorFlow's C++ side prints half a dozen lines when it is imported, before any log
    level of its own counts.
    """
    with contextlib.suppress(OSError, AttributeError):  # full, or closed and None
        sys.stderr.flush()
    try:
        stderr, held = os.dup(2), tempfile.TemporaryFile()
    except OSError:  # stderr is closed, or there is no disk space to hold its lines back
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
