"""Run the test suites of PyOD, aeon and sktime on the adapters.

usage: python tests/stress/check_neighbours.py [--pyod-tests FOLDER]

Needs ``pip install skae[aeon,pyod,sktime]``. PyOD installs no tests: FOLDER is ``pyod/test``
of a checkout of its sources. Two of its files run, with our detector in place of theirs:
``test_auto_encoder.py`` (rows of a table) and ``test_ts_od.py`` (a time series). The last line is
the number of passed checks; the status is 1 if one failed unexpectedly.
"""

import argparse
import os
import sys
import types
import unittest
import warnings
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from skae import LSTMAutoencoder
from skae.aeon import AeonAutoencoder
from skae.pyod import PyODAutoencoder
from skae.sktime import SktimeAutoencoder

EXPECTED = {
    "sktime": {},
    "aeon": {},
    "pyod": {},
}
"""Checks that fail, by package, and why."""

SMALL = {"units": 8, "latent_dim": 4, "random_state": 0}


class AutoEncoder(PyODAutoencoder):
    """Replaces ``pyod.models.auto_encoder.AutoEncoder``: each row of a table is one sample."""

    def __init__(self, epoch_num=5, contamination=0.1):
        self.epoch_num = epoch_num
        row = LSTMAutoencoder(1, epochs=epoch_num, aggregation="window", **SMALL)
        super().__init__(row, contamination)

    model = property(lambda self: self.estimator_.model_)
    history_ = property(lambda self: self.estimator_.history_)


class TimeSeriesOD(PyODAutoencoder):
    """Replaces ``pyod.models.ts_od.TimeSeriesOD`` by our detector of windows."""

    def __init__(
        self, detector=None, window_size=20, step=1, score_aggregation="max", contamination=0.1
    ):
        self.detector, self.window_size, self.step = detector, window_size, step
        self.score_aggregation = score_aggregation
        rows = LSTMAutoencoder(window_size, stride=step, epochs=2, **SMALL)
        super().__init__(rows, contamination)


def of_aeon():
    """Return the results of aeon's checks."""
    from aeon.testing.estimator_checking import check_estimator

    return check_estimator(AeonAutoencoder, raise_exceptions=False, verbose=False)


def of_sktime():
    """Return the results of sktime's checks."""
    from sktime.utils.estimator_checks import check_estimator

    return check_estimator(SktimeAutoencoder, raise_exceptions=False, verbose=False)


def of_pyod(folder):
    """Return the results of the tests in two files of PyOD."""
    stand_ins = {"auto_encoder": AutoEncoder, "ts_od": TimeSeriesOD}
    for module, stand_in in stand_ins.items():
        name = f"pyod.models.{module}"
        sys.modules[name] = types.ModuleType(name)  # PyOD's detector may need PyTorch
        setattr(sys.modules[name], stand_in.__name__, stand_in)
    sys.path.insert(0, str(folder))
    suite = unittest.defaultTestLoader.loadTestsFromNames([f"test_{name}" for name in stand_ins])
    result = unittest.TextTestRunner(stream=sys.stderr).run(suite)
    failed = {test.id(): text for test, text in [*result.failures, *result.errors]}
    passed = {f"passed {i}": "PASSED" for i in range(result.testsRun - len(failed))}
    return passed | failed


def failures(package, results):
    """Print passed and failed checks of a package; return the number of unexpected failures."""
    failed = {name: said for name, said in results.items() if str(said) != "PASSED"}
    for name, said in failed.items():
        print(f"{package}: {name}: {EXPECTED[package].get(name) or said}")
    print(f"{package}: {len(results) - len(failed)} of {len(results)} passed", flush=True)
    return sum(name not in EXPECTED[package] for name in failed)


def main():
    """Run all suites."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyod-tests", type=Path)
    folder = parser.parse_args().pyod_tests
    warnings.simplefilter("ignore")
    unexpected = failures("aeon", of_aeon()) + failures("sktime", of_sktime())
    if folder is not None:
        unexpected += failures("pyod", of_pyod(folder))
    print(f"{unexpected} unexpected failures")
    return bool(unexpected)


if __name__ == "__main__":
    sys.exit(main())
