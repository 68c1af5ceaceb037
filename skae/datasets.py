"""Demo series and sequences with labelled anomalies, computed and never downloaded."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

__all__ = ["Fault", "load_machine", "make_sequences"]

Floats = NDArray[np.float64]

ROWS_PER_DAY = 144  # one row every ten minutes
N_DAYS = 42
# A Thursday: the last tenth of the fault-free half, on which a detector may set its threshold,
# then falls on working days.
FIRST_DAY = 3
FEATURE_NAMES = ["load", "temperature", "vibration", "pressure"]
LOAD, TEMPERATURE, VIBRATION, PRESSURE = range(4)

MACHINE_DESCR = """\
A machine with labelled faults
------------------------------

A simulated press line, one row every ten minutes for six weeks (6048 rows).

:Features: load (A), temperature (degrees C), vibration (mm/s), pressure (bar)
:Fault-free rows: the first three weeks (`train_rows` = 3024)
:Faults: eight, all in the last three weeks (`events`)

The line works two shifts a day and a short one on Saturday. While it works, the load
goes through one job every two hours. The temperature follows the load with a lag of an
hour and a half, the vibration follows without a lag. A pump refills the pressure every
eighty minutes; the pressure drains faster under load.

Nearly all rows of the faults stay within the normal range of each sensor. The faults break the
pattern in time, or between the sensors.
"""


class Fault(NamedTuple):
    """One labelled fault: rows `start` to `end`, both inclusive."""

    start: int
    end: int
    kind: str
    feature: str


def load_machine(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load the demo series: a machine with eight labelled faults.

    The series is computed from a fixed seed, so it is the same on every call.

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame and `target` a Series, both indexed by time.

    Returns
    -------
    machine : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the attributes

        data : ndarray or DataFrame of shape (6048, 4), float64
            The readings of the four sensors.
        target : ndarray or Series of shape (6048,), int64
            1 in the rows of a fault, 0 elsewhere.
        feature_names : list of str
            The names of the columns of `data`.
        timestamps : ndarray of shape (6048,), datetime64[s]
            The time of each row, ten minutes apart.
        train_rows : int
            The number of rows before the first fault.
        events : list of Fault
            The faults as ``(start, end, kind, feature)``, rows inclusive.
        DESCR : str
            A description of the series.

    Raises
    ------
    ImportError
        If ``as_frame=True`` and pandas is not installed.

    Examples
    --------
    >>> from skae.datasets import load_machine
    >>> machine = load_machine()
    >>> machine.data.shape, machine.train_rows
    ((6048, 4), 3024)
    >>> machine.events[0].kind, machine.events[0].feature
    ('stuck sensor', 'temperature')
    """
    data, events = _simulate_machine()
    ten_minutes = np.timedelta64(600, "s")
    timestamps = np.datetime64("2024-01-04T00:00:00") + np.arange(len(data)) * ten_minutes
    target = _mark_rows(events, len(data))
    machine = Bunch(
        data=data,
        target=target,
        feature_names=list(FEATURE_NAMES),
        timestamps=timestamps,
        train_rows=len(data) // 2,
        events=events,
        DESCR=MACHINE_DESCR,
    )
    if as_frame:
        machine.data, machine.target = _as_frame(machine)
    return (machine.data, machine.target) if return_X_y else machine


def make_sequences(
    n_samples: int = 100,
    *,
    n_features: int = 2,
    min_length: int = 20,
    max_length: int = 60,
    contamination: float = 0.1,
    noise: float = 0.1,
    random_state: int | np.random.Generator | None = None,
) -> tuple[list[Floats], NDArray[np.int64]]:
    """Generate labelled sequences of unequal length.

    The features of a normal sequence are sine waves of one period that begin at a random phase;
    each feature lags the one before it by a quarter of a period. In an anomalous sequence
    the rhythm doubles halfway through. Mean, range and length do not depend on the label.

    Parameters
    ----------
    n_samples : int, default=100
        The number of sequences.
    n_features : int, default=2
        The number of features of each time step.
    min_length, max_length : int, default=20, 60
        The lengths are drawn uniformly between the two, both inclusive.
    contamination : float, default=0.1
        The share of anomalous sequences, rounded to whole sequences.
    noise : float, default=0.1
        The standard deviation of the noise; the waves have amplitude 1.
    random_state : int, numpy.random.Generator or None, default=None
        Pass an int for the same sequences on every call.

    Returns
    -------
    sequences : list of ndarray of shape (length, n_features), float64
        The sequences.
    y : ndarray of shape (n_samples,), int64
        1 for an anomalous sequence, 0 for a normal one.

    Raises
    ------
    ValueError
        If a size is not an integer of at least 1, the lengths are in the wrong order,
        `contamination` is not in [0, 1], or `noise` or `random_state` is invalid.

    Examples
    --------
    >>> from skae.datasets import make_sequences
    >>> sequences, y = make_sequences(4, contamination=0.25, random_state=0)
    >>> [sequence.shape[1] for sequence in sequences], int(y.sum())
    ([2, 2, 2, 2], 1)
    """
    _check_sizes(
        n_samples=n_samples, n_features=n_features, min_length=min_length, max_length=max_length
    )
    _check_sequences(min_length, max_length, contamination, noise)
    rng = _generator(random_state)
    y = np.zeros(n_samples, dtype=np.int64)
    y[rng.permutation(n_samples)[: round(contamination * n_samples)]] = 1
    lengths = rng.integers(min_length, max_length + 1, size=n_samples)
    waves = [_wave(rng, int(n), n_features, bool(odd)) for n, odd in zip(lengths, y, strict=True)]
    return [wave + noise * rng.standard_normal(wave.shape) for wave in waves], y


# --- sequences ---------------------------------------------------------------------------


def _wave(rng: np.random.Generator, length: int, n_features: int, doubled: bool) -> Floats:
    speed = np.full(length, 2 * np.pi / 12)
    if doubled:
        speed[length // 2 :] *= 2
    phase = rng.uniform(0, 2 * np.pi) + np.cumsum(speed)
    return np.sin(phase[:, None] - np.pi / 2 * np.arange(n_features))


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if not isinstance(size, Integral) or size < 1:
            raise ValueError(f"Got {name}={size!r}, but expected an integer of at least 1.")


def _check_sequences(min_length: int, max_length: int, contamination: float, noise: float) -> None:
    if max_length < min_length:
        raise ValueError(
            f"Got max_length={max_length!r}, but expected at least min_length={min_length!r}."
        )
    if not (isinstance(contamination, Real) and 0 <= contamination <= 1):
        raise ValueError(f"Got contamination={contamination!r}, but expected a number in [0, 1].")
    if not (isinstance(noise, Real) and 0 <= noise < np.inf):
        raise ValueError(f"Got noise={noise!r}, but expected a finite number of at least 0.")


def _generator(random_state: Any) -> np.random.Generator:
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Got random_state={random_state!r}, but expected an integer of at least 0, a "
            "numpy.random.Generator or None."
        ) from error


# --- the machine -------------------------------------------------------------------------


def _simulate_machine() -> tuple[Floats, list[Fault]]:
    rng = np.random.default_rng(20240101)
    n_rows = N_DAYS * ROWS_PER_DAY
    load = _machine_load(rng, n_rows)
    events = [_change_rhythm(load, rng)]
    data = np.column_stack([load, *_responses(rng, load)])
    for kind, feature, when, change in FAULTS:
        rows = _rows(*when)
        data[rows, feature] = change(data[rows, feature], np.arange(rows.start, rows.stop), rng)
        events.append(Fault(rows.start, rows.stop - 1, kind, FEATURE_NAMES[feature]))
    return data, sorted(events)


def _machine_load(rng: np.random.Generator, n_rows: int) -> Floats:
    row = np.arange(n_rows)
    jobs = 1 - 0.45 * np.cos(2 * np.pi * row / 12)  # one job every two hours
    steps = np.append(0.0, rng.standard_normal(n_rows - 1))
    strength = 1 + 0.06 * np.sqrt(399) * _lag(steps, rows=200)  # the root makes it unit variance
    load: Floats = 2 + 11 * _working(row) * jobs * strength
    return load + 0.25 * rng.standard_normal(n_rows)


def _working(row: NDArray[np.int64]) -> Floats:
    """Return the activity of the line, 0 to 1, smooth at the ends of a shift."""
    day, hour = (row // ROWS_PER_DAY + FIRST_DAY) % 7, row % ROWS_PER_DAY / 6
    end = np.select([day == 6, day == 5], [6.0, 14.0], 22.0)  # none on Sunday, short on Saturday
    return np.clip((hour - 6) * 2, 0, 1) * np.clip((end - hour) * 2, 0, 1)


def _responses(rng: np.random.Generator, load: Floats) -> tuple[Floats, Floats, Floats]:
    row = np.arange(len(load))
    room = 21 + 2.5 * np.sin(2 * np.pi * (row / ROWS_PER_DAY - 0.4))
    temperature = room + 2.4 * _lag(load, rows=9) + 0.3 * rng.standard_normal(len(load))
    vibration = 0.5 + 0.16 * load * (1 + 0.07 * rng.standard_normal(len(load)))
    pressure = _pump(load) + 0.04 * rng.standard_normal(len(load))
    return temperature, vibration, pressure


def _pump(load: Floats) -> Floats:
    """Return a pressure that the load drains and a pump refills every eight rows."""
    since_refill = np.arange(len(load)) % 8
    return 6.4 - since_refill * (0.08 + 0.008 * _lag(load, rows=3))


def _lag(values: Floats, rows: int) -> Floats:
    """Return the first-order response, ``out[t] += (values[t] - out[t]) / rows``."""
    out, state = np.empty_like(values), values[0]
    for t, value in enumerate(values):
        state += (value - state) / rows
        out[t] = state
    return out


# --- its faults: each breaks a pattern and stays, nearly, within the range of its sensor --

Change = Callable[[Floats, NDArray[np.intp], np.random.Generator], Any]
"""Maps the values of a sensor, their rows and a generator to values with a fault."""


def _refills_no_longer_show(x: Floats, _: NDArray[np.intp], rng: np.random.Generator) -> Floats:
    flat: Floats = x.mean() + 0.04 * rng.standard_normal(len(x))
    return flat


FAULTS: list[tuple[str, int, tuple[int, float, float], Change]] = [
    ("stuck sensor", TEMPERATURE, (22, 13, 12), lambda x, *_: x[0]),
    # Saturday evening: the load is off, the heat stays.
    ("overheating", TEMPERATURE, (30, 17, 10), lambda x, *_: x + np.linspace(0, 18, len(x))),
    ("bearing wear", VIBRATION, (28, 6, 18), lambda x, *_: x + np.linspace(0, 0.9, len(x))),
    # Drained at rest as usually only under load.
    ("pressure leak", PRESSURE, (38, 4, 5.5), lambda x, row, _: x - 0.09 * (row % 8)),
    ("slipping belt", VIBRATION, (33, 10, 6), lambda x, *_: 0.9 + 0.3 * (x - 0.9)),
    # In the idle night, no higher than a job.
    ("spike", LOAD, (35, 2, 0.5), lambda x, *_: x + np.array([8.0, 12.0, 8.0])),
    ("failing pump", PRESSURE, (40, 7, 9), _refills_no_longer_show),
]
"""Kind, sensor, (day, hour, duration in hours) and change of values."""


def _rows(day: int, hour: float, hours: float) -> slice:
    start = day * ROWS_PER_DAY + round(hour * 6)
    return slice(start, start + round(hours * 6))


def _change_rhythm(load: Floats, rng: np.random.Generator) -> Fault:
    rows = _rows(day=26, hour=8, hours=10)
    step = np.arange(rows.stop - rows.start)
    # Jobs of 70 minutes; every other sensor follows, so only the rhythm is wrong.
    jobs = 1 - 0.45 * np.cos(2 * np.pi * step / 7)
    load[rows] = 2 + 11 * jobs + 0.25 * rng.standard_normal(len(step))
    return Fault(rows.start, rows.stop - 1, "changed rhythm", FEATURE_NAMES[LOAD])


# --- forms of the answer -----------------------------------------------------------------


def _mark_rows(events: list[Fault], n_rows: int) -> NDArray[np.int64]:
    target = np.zeros(n_rows, dtype=np.int64)
    for event in events:
        target[event.start : event.end + 1] = 1
    return target


def _as_frame(machine: Bunch) -> tuple[Any, Any]:
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "as_frame=True needs pandas; install it with 'pip install pandas'."
        ) from error
    index = pd.DatetimeIndex(machine.timestamps, name="time")
    frame = pd.DataFrame(machine.data, index=index, columns=machine.feature_names)
    return frame, pd.Series(machine.target, index=index, name="fault")
