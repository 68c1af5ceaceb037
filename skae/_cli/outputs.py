"""Files that the command writes: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Self

__all__ = ["STANDARD_OUTPUT", "Parts", "check_files", "check_plot_format"]

STANDARD_OUTPUT = Path("-")


class Parts:
    """Files written under other names beside their places, and moved there when all are whole.

    As a context manager it leaves none of those other names behind.
    """

    def __init__(self) -> None:
        self._places: dict[Path, Path] = {}

    def add(self, path: Path, write: Callable[[Path], object]) -> None:
        """Let `write` write what is to be at `path`; ValueError says why it cannot."""
        place = path.resolve()  # a link stays one
        # Numbers of processes are equal on two machines, or in two containers, that share a folder.
        part = place.with_name(f".skae-{os.getpid()}-{secrets.token_hex(4)}.part")
        self._places[part] = place
        with _naming(path):
            write(part)
            _flush(part)
            if place.exists():
                shutil.copymode(place, part)

    def keep(self) -> None:
        """Move all files to their places."""
        for part, place in list(self._places.items()):
            with _naming(place):
                os.replace(part, place)
            del self._places[part]

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was not moved."""
        for part in self._places:
            part.unlink(missing_ok=True)


def check_files(inputs: list[str], outputs: list[Path]) -> None:
    """Raise ValueError with the reason if an output cannot be written."""
    written = [path for path in outputs if path != STANDARD_OUTPUT]
    for path in written:
        check_writable(path)
    files = [path.resolve() for path in (*map(Path, inputs), *written)]
    if len(set(files)) < len(files):
        raise ValueError("FILE, MODEL, --out, --plot and --save must be different files")


def check_writable(path: Path) -> None:
    """Raise ValueError with the reason if a file cannot be written at `path`."""
    if path.is_dir():
        raise ValueError(f"{path} is a directory; give the name of a file")
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a regular file; '-' is standard output")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise ValueError(f"the folder {path.parent} does not exist")
    if path.exists() and not os.access(path, os.W_OK):
        raise ValueError(f"{path} may not be written to")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ValueError(f"cannot write in {path.parent}: {error.strerror}") from error


def check_plot_format(path: Path) -> None:
    """Raise ValueError if no picture can be drawn, or not in the format that a name ends in."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ValueError("--plot needs matplotlib; run pip install 'skae[plot]'") from None
    formats = sorted(Figure().canvas.get_supported_filetypes())
    if path.suffix.removeprefix(".").lower() not in formats:
        raise ValueError(
            f"--plot {path}: expected a name that ends in one of {', '.join(formats)}; "
            "a CSV file goes before --plot"
        )


@contextlib.contextmanager
def _naming(path: Path):
    """Give errors of the system, which may not know a name, that of the file."""
    try:
        yield
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from error


def _flush(path: Path) -> None:
    """Wait until a file is on the disk: a full one may say so only now."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
