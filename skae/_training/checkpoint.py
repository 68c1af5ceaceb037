"""Checkpoint files, from which a killed training continues."""

import hashlib
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np

from skae._compat.keras import layers_of
from skae._compat.sklearn import seed_of
from skae._compiled.training_cache import architecture_key, state_of
from skae._files import CHECKPOINT, Reader, Writer, pack, remove_leftovers, replace_file, unpack
from skae._network.serialization import assign
from skae._training.batches import Batches
from skae._training.learning_rate import LearningRate
from skae._training.plan import TrainingPlan


def write_snapshot(path: Path, values: dict[str, Any]) -> None:
    """Replace a file atomically: a killed process leaves the old file or the new one.

    Parameters
    ----------
    path : Path
        Temporary files of killed writes are removed.
    values : dict
        Plain values and arrays, in lists and dicts of any depth.

    Raises
    ------
    TypeError
        If a value is neither plain nor a numeric array.
    """
    writer = Writer(_reject)
    plain = writer.write("checkpoint", values)
    replace_file(path, pack(plain, writer.arrays, CHECKPOINT))


def read_snapshot(path: Path) -> dict[str, Any]:
    """Return the values that `write_snapshot` wrote.

    Raises
    ------
    ValueError
        If the file is not a complete snapshot.
    """
    if not path.is_file():
        raise ValueError(f"Got checkpoint={str(path)!r}, but expected a file, or none yet.")
    try:
        plain, arrays = unpack(path.read_bytes(), CHECKPOINT)
    except ValueError as error:
        raise ValueError(
            f"Got checkpoint={str(path)!r}, but expected a complete checkpoint of this version of "
            f"skae, or no file: {error}. The file was not changed. Delete it to start over, or "
            "choose another name."
        ) from error
    values: dict[str, Any] = Reader(arrays, _reject).read(plain)
    return values


def _reject(name: str, value: Any, _: Any) -> Any:
    raise TypeError(f"Got {value!r} in {name}, but expected a plain value or an array of numbers.")


def is_plain(value: Any) -> bool:
    """Tell whether a snapshot can contain the value."""
    try:
        Writer(_reject).write("value", value)
    except TypeError:
        return False
    return True


@dataclass
class Place:
    """The progress of a training.

    Parameters
    ----------
    epoch : int
        Finished epochs.
    batch : int
        Finished batches of the next epoch.
    total, weight : float
        Sums of the losses and weights of these batches.
    """

    epoch: int = 0
    batch: int = 0
    total: float = 0.0
    weight: float = 0.0

    def add(self, batch: int, total: Any, weight: Any) -> None:
        """Advance to a batch, adding these sums."""
        self.batch = batch
        self.total, self.weight = self.total + float(total), self.weight + float(weight)

    @property
    def loss(self) -> float:
        """Mean loss of the epoch so far."""
        return self.total / self.weight if self.weight else 0.0

    def end_epoch(self) -> None:
        """Advance to the beginning of the next epoch."""
        self.epoch, self.batch, self.total, self.weight = self.epoch + 1, 0, 0.0, 0.0


@dataclass
class Training:
    """The changing state of a training.

    Parameters
    ----------
    model : keras.Model
        The model in training.
    batches : Batches
    rate : LearningRate
    callbacks : list of keras.callbacks.Callback
    """

    model: keras.Model
    batches: Batches
    rate: LearningRate
    callbacks: list[keras.callbacks.Callback]

    def state(self) -> dict[str, Any]:
        """Return the state as plain values and arrays."""
        return {
            "variables": [variable.numpy() for variable in state_of(self.model)],
            "batches": self.batches.state,
            "rate": _plain_attributes(self.rate),
            "callbacks": [_plain_attributes(callback) for callback in self.callbacks],
            "history": self.model.history.history,
            "epochs": self.model.history.epoch,
        }

    def go_on_from(self, state: dict[str, Any]) -> None:
        """Restore a state; attributes that do not exist now are ignored."""
        assign(state_of(self.model), state["variables"])
        self.batches.state = state["batches"]
        _set_attributes(self.rate, state["rate"])
        for callback, attributes in zip(self.callbacks, state["callbacks"], strict=True):
            _set_attributes(callback, attributes)
        self.model.history.history, self.model.history.epoch = state["history"], state["epochs"]


INTERVAL = 60.0
"""Seconds between two writes of a checkpoint."""


@dataclass
class Checkpoint:
    """The file of one training; without a path, nothing is written.

    Parameters
    ----------
    path : Path, optional
    found : dict
        Content of the file, if there is one.
    """

    path: Path | None = None
    found: Any = None
    _seed: int | None = None
    _parts: dict[str, str] = field(default_factory=dict)
    _training: Training | None = None
    _written: float = 0.0

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None) -> Self:
        """Return the checkpoint at a path, with the content of a killed training.

        Raises
        ------
        ValueError
            If the folder does not exist, or the file is not a complete checkpoint.
        """
        if path is None:
            return cls()
        path = Path(path)
        if not path.parent.is_dir():
            raise ValueError(
                f"Got checkpoint={str(path)!r}, but expected a file in an existing folder."
            )
        return cls(path, read_snapshot(path) if path.exists() else None)

    def seed(self, random_state: Any) -> int:
        """Return a seed; without a `random_state`, the seed of the killed training."""
        is_known = random_state is None and self.found is not None
        self._seed = int(self.found["seed"]) if is_known else seed_of(random_state)
        return self._seed

    def belongs_to(
        self,
        model: keras.Model,
        plan: TrainingPlan,
        batches: Iterable[Batches | None],
        callbacks: list[keras.callbacks.Callback],
    ) -> None:
        """Check that an existing file belongs to a training that begins like this one.

        Parameters
        ----------
        model : keras.Model
            The model before training.
        plan : TrainingPlan
        batches : iterable of Batches
            Training and held-out batches.
        callbacks : list of keras.callbacks.Callback

        Raises
        ------
        ValueError
            If it belongs to another training.
        """
        if self.path is None:
            return
        self._parts = {
            "data": _digest(*(part for one in batches if one for part in one.content)),
            # Classes and configuration, which are equal in every process.
            "network": _digest(
                ([type(layer).__qualname__ for layer in layers_of(model)], architecture_key(model)),
                *model.get_weights(),
            ),
            "optimizer": _digest(
                _configuration(model.optimizer), *(v.numpy() for v in model.optimizer.variables)
            ),
            "loss": _digest(_configuration(model.loss)),
            "training parameters": _digest(asdict(plan)),
            "callbacks": _digest([type(callback).__qualname__ for callback in callbacks]),
            "random_state": _digest(self._seed),
        }
        if self.found is None:
            return
        found = self.found["parts"]
        other = [name for name, digest in self._parts.items() if found[name] != digest]
        if other:
            raise ValueError(
                f"Got checkpoint={str(self.path)!r} of a training with other {', '.join(other)}, "
                "but expected the checkpoint of an identical fit. Delete the file to start "
                "over, or choose another name."
            )

    def resume(self, training: Training) -> Place:
        """Restore the state in the file, and return its progress."""
        self._training, self._written = training, time.monotonic()
        if self.found is None:
            return Place()
        training.go_on_from(self.found["state"])
        return Place(**self.found["place"])

    def passed(self, place: Place) -> None:
        """Write the file if it is due."""
        if self.path is None or time.monotonic() - self._written < INTERVAL:
            return
        assert self._training is not None
        values = {"seed": self._seed, "parts": self._parts, "place": asdict(place)}
        write_snapshot(self.path, values | {"state": self._training.state()})
        self._written = time.monotonic()

    def remove(self) -> None:
        """Delete the file of a finished training."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            remove_leftovers(self.path)


def _plain_attributes(thing: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(thing).items() if is_plain(value)}


def _set_attributes(thing: Any, attributes: dict[str, Any]) -> None:
    for name in attributes.keys() & _plain_attributes(thing).keys():
        setattr(thing, name, attributes[name])


def _digest(*parts: Any) -> str:
    found = hashlib.sha256()
    for part in parts:
        is_array = isinstance(part, np.ndarray)
        found.update(repr(part.shape if is_array else part).encode())
        if is_array:
            found.update(np.ascontiguousarray(part).data.cast("B"))
    return found.hexdigest()


def _configuration(thing: Any) -> Any:
    try:
        return type(thing).__qualname__, thing.get_config()
    except (NotImplementedError, TypeError, ValueError):
        return type(thing).__qualname__
