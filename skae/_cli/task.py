"""What is to be scored, and which of its rows are learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skae._cli.series import Choice, Series, find_name, parse_index, read_series

if TYPE_CHECKING:
    from skae.datasets import Fault

__all__ = ["Task", "choose_training", "load_task", "task_of"]


@dataclass
class Task(Series):
    """Series to score, which of their rows to learn from, and the faults known in them."""

    is_training: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    faults: list[Fault] = field(default_factory=list)

    def training_parts(self) -> list[NDArray[np.intp]]:
        """Return the rows to learn from, those of each series that has some."""
        chosen = [rows[self.is_training[rows]] for rows in self.parts()]
        return [rows for rows in chosen if len(rows)]


def load_task(file: str | None, choice: Choice) -> Task:
    """Load the series of a file, or the demo series, without its constant columns.

    Parameters
    ----------
    file : str or None
        See :func:`skae._cli.series.read_series`. If None, the demo series is taken, which
        has known faults.
    choice : Choice
        What is said of the columns.

    Returns
    -------
    task : Task
        The series; all rows are learned from, of the demo those without faults.

    Raises
    ------
    ValueError
        If the file cannot be read, or no column of it ever changes.
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

    for name in ("index", "series", "labels", "time_format"):
        if getattr(choice, name) is not None:
            option = name.replace("_", "-")
            raise ValueError(f"--{option} needs a FILE; the demo series has its own index")
    machine = load_machine()
    names = list(choice.features or machine.feature_names)
    chosen = [find_name(machine.feature_names, name) for name in names]
    return Task(
        values=machine.data[:, chosen],
        feature_names=names,
        index=machine.timestamps,
        index_name="time",
        index_labels=[str(time).replace("T", " ") for time in machine.timestamps],
        notes=["no FILE given: taking the demo series, a machine with labelled faults"],
        is_training=np.arange(len(machine.data)) < machine.train_rows,
        faults=machine.events,
    )


def _drop_constants(task: Task) -> None:
    varying = np.nanmin(task.values, axis=0) < np.nanmax(task.values, axis=0)
    names = np.array(task.feature_names, dtype=object)
    constant = ", ".join(names[~varying])
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
    _learn_beginnings(task, [(rows, n_rows) for rows in parts])


def _learn_until(text: str, task: Task) -> None:
    try:
        last = parse_index(text, task)
    except ValueError as error:
        raise ValueError(f"--train-until {error}, as those of {task.index_name!r} are") from error
    later = [(rows, np.flatnonzero(task.index[rows] > last)) for rows in task.parts()]
    _learn_beginnings(task, [(rows, late[0] if len(late) else None) for rows, late in later])
    if not task.is_training.any():
        raise ValueError(f"--train-until {text} is before the first row, {task.index_labels[0]}")


def _learn_beginnings(task: Task, beginnings: Sequence[tuple[NDArray[np.intp], Any]]) -> None:
    task.is_training = np.zeros(len(task.values), dtype=bool)
    for rows, end in beginnings:
        task.is_training[rows[:end]] = True


def _check_training(task: Task, window: int | str) -> None:
    longest = max(map(len, task.training_parts()))
    if isinstance(window, int) and longest < window:
        whose = "" if task.series_labels is None else " in the longest series"
        raise ValueError(
            f"{longest} rows to learn from{whose} are fewer than --window {window}; "
            "take a shorter window or more rows"
        )
    unseen = np.isnan(task.values[task.is_training]).all(axis=0)
    if unseen.any():
        name = task.feature_names[int(unseen.argmax())]
        raise ValueError(f"column {name!r} holds no value in the rows to learn from")
