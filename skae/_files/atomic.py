"""Atomic replacement of files: a killed process leaves the old file or the new one."""

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

SUFFIX = ".skae-part"
"""Suffix of the temporary file that is written beside the target."""


def replace_file(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file atomically; see `replaced`.

    Parameters
    ----------
    path : str or path-like
    content : bytes
    """
    with replaced(path) as file:
        file.write(content)


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Lend a temporary file beside the target; flush it to disk and rename it at the end.

    A symbolic link stays, and the file it points to is replaced. An existing file keeps its mode.
    Temporary files that killed processes left beside this target are removed.

    Parameters
    ----------
    path : str or path-like

    Raises
    ------
    ValueError
        If the path exists and is not a regular file.
    PermissionError
        If the file is read-only.
    """
    target = Path(os.path.realpath(path))
    mode = _mode_of(target, path)
    remove_leftovers(target)
    part = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(part, mode)
        os.replace(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _mode_of(target: Path, path: str | os.PathLike[str]) -> int | None:
    """Return the permissions of the existing file, None if there is none."""
    try:
        found = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found):
        raise ValueError(
            f"Got path={os.fspath(path)!r}, but expected a regular file or a new path: a folder, "
            "device or pipe is not replaced."
        )
    if not found & 0o222 or not os.access(target, os.W_OK):
        raise PermissionError(
            f"Got path={os.fspath(path)!r}, a read-only file, but expected a writable one."
        )
    return stat.S_IMODE(found)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove temporary files of this target from processes that have ended."""
    target = Path(os.path.realpath(path))
    pattern = re.compile(rf"\.{re.escape(target.name)}\.(\d+)-[0-9a-f]+{re.escape(SUFFIX)}")
    for entry in os.scandir(target.parent):
        found = pattern.fullmatch(entry.name)
        if found and not _is_alive(int(found[1])):
            Path(entry.path).unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    """Tell whether a process may be alive; only POSIX has a harmless way to ask."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Flush the new name to disk too, where folders can be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
