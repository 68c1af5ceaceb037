"""What is to be scored, and which of its rows are learned from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skae._cli.choice import Choice
from skae._cli.index import Index
from skae._cli.series import Series, read_series
from skae._cli.text import find_name, join_names

if TYPE_CHECKING:
    from skae.datasets import Fault

__all__ = ["Task", "choose_training", "load_task", "task_of"]


@dataclass
class Task(Series):
    """Series to score, which of their rows to learn from, and the faults known in them."""

    is_training: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    faults: list[Fault] = field(default_factory=list)

    def training_pieces(self) -> list[NDArray[np.intp]]:
        """Return the rows to learn from, those of each piece that has some."""
        chosen = [rows[self.is_training[rows]] for rows in self.pieces()]
        return [rows for rows in chosen if len(rows)]


def load_task(file: str | None, choice: Choice) -> Task:
    """Load the series of a file, or the demo series; all rows, or all without faults, are learned.

    Parameters
    ----------
    file : str or None
        See :func:`skae._cli.series.read_series`. If None, the demo series is taken.
    choice : Choice
        What is said of the file.

    Raises
    ------
    ValueError
        If the file cannot be read, or a column of it holds no value or never changes.
    OSError
        If the file cannot be opened.
    """
    task = _demo_task(choice) if file is None else task_of(read_series(file, choice))
    empty = np.isnan(task.values).all(axis=0)
    if empty.any():
        name = task.feature_names[int(empty.argmax())]
        raise ValueError(f"column {name!r} holds no value; leave it out with --columns")
    _drop_constants(task)
    return task


def task_of(series: Series) -> Task:
    """Return series as a task to learn from all of their rows."""
    return Task(**vars(series), is_training=np.ones(len(series.values), dtype=bool))


def choose_training(task: Task, rows: int | None, until: str | None, window: int | str) -> None:
    """Learn from a number of rows of each series, or from those up to an index value.

    Parameters
    ----------
    task : Task
        Its `is_training` is set.
    rows : int or None
        The number of rows.
    until : str or None
        The index value.
    window : int or "auto"
        The window, which the rows must fill.

    Raises
    ------
    ValueError
        If these are more rows than there are, too few for the window, or hold no value of
        some column.
    """
    if until is not None:
        _learn_until(until, task)
    if rows is not None:
        _learn_first(rows, task)
    _check_training(task, window)


def _demo_task(choice: Choice) -> Task:
    from skae.datasets import load_machine

    said = [name for name, value in vars(choice).items() if value]
    for name in set(said) - {"features"}:
        option = name.replace("_", "-")
        raise ValueError(f"--{option} needs a FILE; the demo series has its own index")
    machine = load_machine()
    names = list(choice.features or machine.feature_names)
    chosen = [find_name(machine.feature_names, name) for name in names]
    labels = [str(time).replace("T", " ") for time in machine.timestamps]
    return Task(
        values=machine.data[:, chosen],
        feature_names=names,
        index=Index("time", machine.timestamps, machine.timestamps, labels, order="ymd"),
        notes=["no FILE given: taking the demo series, a machine with labelled faults"],
        is_training=np.arange(len(machine.data)) < machine.train_rows,
        faults=machine.events,
    )


def _drop_constants(task: Task) -> None:
    varying = np.nanmin(task.values, axis=0) < np.nanmax(task.values, axis=0)
    names = np.array(task.feature_names, dtype=object)
    constant = join_names(names[~varying].tolist())
    if not varying.any():
        raise ValueError(f"nothing ever changes in {constant}; there is no pattern to learn")
    if constant:
        task.notes.append(f"left out columns that never change: {constant}")
        task.values, task.feature_names = task.values[:, varying], list(names[varying])


def _learn_first(n_rows: int, task: Task) -> None:
    parts = task.parts()
    longest = max(map(len, parts))
    if n_rows > longest:
        whose = "there are" if len(parts) == 1 else "the longest series has"
        raise ValueError(f"--train-rows {n_rows} is more than the {longest} rows {whose}")
    task.is_training[:] = False
    task.is_training[np.concatenate([rows[:n_rows] for rows in parts])] = True


def _learn_until(text: str, task: Task) -> None:
    try:
        is_late = task.index.is_after(text)
    except ValueError as error:
        raise ValueError(f"--train-until {error}, as those of {task.index.name!r} are") from error
    for rows in task.parts():
        task.is_training[rows] = ~np.logical_or.accumulate(is_late[rows])
    if not task.is_training.any():
        raise ValueError(f"--train-until {text} is before the first row, {task.index.labels[0]}")


def _check_training(task: Task, window: int | str) -> None:
    longest = max(map(len, task.training_pieces()))
    if isinstance(window, int) and longest < window:
        parts = len(task.pieces())
        whose = (
            "" if parts == 1 else " in the longest series" if task.series_name else " between gaps"
        )
        raise ValueError(
            f"{longest} rows to learn from{whose} are fewer than --window {window}; "
            "take a shorter window or more rows"
        )
    unseen = np.isnan(task.values[task.is_training]).all(axis=0)
    if unseen.any():
        name = task.feature_names[int(unseen.argmax())]
        raise ValueError(f"column {name!r} holds no value in the rows to learn from")
