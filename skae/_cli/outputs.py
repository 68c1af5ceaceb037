"""The outputs of the command: standard output, standard error and files."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from skae._files import replaced

STANDARD_OUTPUT = Path("-")
# Spreadsheets run a cell that begins with one of these as a formula.
FORMULA_STARTS = ("=", "+", "-", "@")


class Console:
    """Prints notes on standard error and results on standard output.

    Parameters
    ----------
    quiet : bool, default=False
        Whether to print nothing on standard error.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet

    def say(self, *notes: str) -> None:
        """Print notes on standard error, one line each."""
        for note in notes:
            self.show(f"skae: {printable(' '.join(note.split()))}")

    def show(self, text: str) -> None:
        """Print a text on standard error; ignore a closed or full stream."""
        if not self.quiet and sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                print(text, file=sys.stderr, flush=True)

    def answer(self, text: str) -> None:
        """Print a text on standard output.

        Raises
        ------
        BrokenPipeError
            If the reader has closed the pipe.
        ValueError
            If standard output is closed or full.
        """
        check_output()
        try:
            write_whole(text, sys.stdout)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise ValueError(f"standard output: {error.strerror}") from error


class Progress:
    """Shows the training epochs in one line of a terminal, and nothing elsewhere."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream if stream is not None and stream.isatty() else None

    def show_epoch(self, epoch: int, n_epochs: int, logs: dict[str, float] | None = None) -> None:
        """Show the losses after an epoch; `epoch` counts from 0."""
        if self.stream is None:
            return
        named = {"loss": "loss", "val_loss": "validation loss"}
        losses = [f"  {named[key]} {logs[key]:.4f}" for key in named if logs and key in logs]
        line = f"epoch {epoch + 1}/{n_epochs}{''.join(losses)}"
        # If the line wrapped, only its second part would be updated.
        try:
            width = os.get_terminal_size(self.stream.fileno()).columns or 80
        except (OSError, ValueError):
            width = 80
        self.stream.write(f"\r{line[: width - 1]}\x1b[K")
        self.stream.flush()

    def finish(self) -> None:
        """End the line."""
        if self.stream is not None:
            self.stream.write("\n")


def write_whole(text: str, stream: TextIO) -> None:
    """Write all of a text to a stream, and flush it."""
    # A pipe may use ASCII; other characters are escaped.
    encoding = getattr(stream, "encoding", None) or "utf-8"
    content = text.encode(encoding, "backslashreplace")
    if hasattr(stream, "buffer"):
        stream.flush()
        # An unbuffered write may be partial, which the text layer ignores.
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
    """Hold back output to file descriptor 2, and write it only after an exception.

    TensorFlow's C++ code prints several lines on import, before its log level applies.
    """
    with contextlib.suppress(OSError, AttributeError):  # full, or closed and None
        sys.stderr.flush()
    try:
        stderr, held = os.dup(2), tempfile.TemporaryFile()
    except OSError:  # stderr is closed, or there is no disk space for its lines
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


# --- files -------------------------------------------------------------------------------


@contextlib.contextmanager
def written(contents: dict[Path, bytes]) -> Iterator[None]:
    """Write files, and move them to their paths if the block raises no exception.

    An output that cannot be written raises ValueError.
    """
    with contextlib.ExitStack() as files:
        for path, content in contents.items():
            files.enter_context(_naming(path))
            files.enter_context(replaced(path)).write(content)
        yield


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Raise an OSError as a ValueError with the file name."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from error


def check_files(inputs: Iterable[str], outputs: list[Path]) -> None:
    """Raise ValueError with the reason if an output cannot be written."""
    for path in outputs:
        check_writable(path)
    files = [path.resolve() for path in (*map(Path, inputs), *outputs)]
    if len(set(files)) < len(files):
        raise ValueError("FILE, MODEL, --out, --plot and --save must be different files")


def check_writable(path: Path) -> None:
    """Raise ValueError with the reason if a file cannot be written at `path`."""
    folder = path.resolve().parent
    is_wrong = {
        f"{path} is a directory; expected a file name": path.is_dir(),
        f"{path} is not a regular file; '-' is standard output": not path.is_file(),
        f"{path} is not writable": not os.access(path, os.W_OK),
    }
    if path.exists() and (reasons := [reason for reason, is_so in is_wrong.items() if is_so]):
        raise ValueError(reasons[0])
    if not folder.is_dir():
        raise ValueError(f"the folder {path.parent} does not exist")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(f"cannot write in {path.parent}: {error.strerror}") from error


def check_plot_format(path: Path) -> None:
    """Raise ValueError without matplotlib, or if it does not know the suffix."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ValueError("--plot needs matplotlib; run pip install 'skae[plot]'") from None
    formats = sorted(Figure().canvas.get_supported_filetypes())
    if path.suffix.removeprefix(".").lower() not in formats:
        raise ValueError(
            f"--plot {path}: expected a name ending in one of {', '.join(formats)}; "
            "put the input FILE before --plot"
        )


# --- text of untrusted files ---------------------------------------------------------------


def align(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with aligned columns, safe for a terminal."""
    table = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in table]
    return "\n".join(line.rstrip() for line in lines)


def printable(text: str) -> str:
    r"""Return a text with control characters escaped as in Python.

    Cells may contain escape sequences that move the cursor or rename the window of a terminal,
    and characters that reverse the direction of writing.

    Examples
    --------
    >>> from skae._cli.outputs import printable
    >>> print(printable("flow\x1b[2J"))
    flow\x1b[2J
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def safe_cell(text: str) -> str:
    """Return a text with an apostrophe before a formula, so that spreadsheets do not run it.

    Examples
    --------
    >>> from skae._cli.outputs import safe_cell
    >>> safe_cell("=1+2"), safe_cell("-1.5"), safe_cell("2024-01-01")
    ("'=1+2", '-1.5', '2024-01-01')
    """
    text = printable(text)
    is_formula = text.startswith(FORMULA_STARTS) and as_float(text.replace(",", ".")) is None
    return f"'{text}" if is_formula else text


def as_float(text: str) -> float | None:
    """Return a text as a float, None if it is not a number."""
    try:
        return float(text)
    except ValueError:
        return None
