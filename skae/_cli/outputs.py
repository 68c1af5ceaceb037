"""Files that the command writes: all of them whole, or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from skae._files.atomic import replaced

__all__ = ["STANDARD_OUTPUT", "check_files", "check_plot_format", "written"]

STANDARD_OUTPUT = Path("-")


@contextmanager
def written(contents: dict[Path, bytes]) -> Iterator[None]:
    """Put files in their places at the end, if nothing is raised before; ValueError if it cannot.

    Parameters
    ----------
    contents : dict of Path to bytes
        What the files will hold.
    """
    with ExitStack() as files:
        for path, content in contents.items():
            files.enter_context(_naming(path))
            files.enter_context(replaced(path)).write(content)
        yield


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Give errors of the system, which may not know a name, that of the file."""
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
    if path.is_dir():
        raise ValueError(f"{path} is a directory; give the name of a file")
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a regular file; '-' is standard output")
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
