"""Progress of a training: one line of a terminal, and nothing anywhere else."""

from __future__ import annotations

import os
from typing import TextIO

__all__ = ["Progress"]


class Progress:
    """Shows the epochs of a training in one line that is updated.

    Parameters
    ----------
    stream : text stream or None
        Where to print; nothing is printed if it is no terminal.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream if stream is not None and stream.isatty() else None

    def show_epoch(self, epoch: int, n_epochs: int, logs: dict[str, float] | None = None) -> None:
        """Show the losses at the end of an epoch, numbered from 0, of so many."""
        losses = "".join(
            f"  {name} {logs[key]:.4f}"
            for key, name in (("loss", "loss"), ("val_loss", "validation loss"))
            if logs and key in logs
        )
        self._show(f"epoch {epoch + 1}/{n_epochs}{losses}")

    def finish(self) -> None:
        """Leave the line as it is."""
        if self.stream is not None:
            self.stream.write("\n")

    def _show(self, line: str) -> None:
        if self.stream is None:
            return
        # A line that wraps is two lines, of which only the second would be updated.
        self.stream.write(f"\r{line[: self._width() - 1]}\x1b[K")
        self.stream.flush()

    def _width(self) -> int:
        assert self.stream is not None
        try:
            return os.get_terminal_size(self.stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80
