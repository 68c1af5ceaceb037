"""Run scikit-learn's checks on estimators that differ from the default.

usage: python tests/stress/check_estimator.py [NAME ...]

Without names of configurations, all run. A check that fails without being expected to
(`skae.testing.expected_failed_checks`) is printed, and so is one that passes though it is expected
to fail; the status is then 1.
"""

import os
import sys
import warnings
from unittest import SkipTest

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from sklearn.utils.estimator_checks import estimator_checks_generator

from skae import LSTMAutoencoder
from skae.testing import expected_failed_checks

SMALL = {"units": 4, "latent_dim": 2, "epochs": 2}
CONFIGURATIONS = {
    "rows": {"window_size": 3},
    "contamination": {"window_size": 3, "contamination": 0.1},
    "discords": {"window_size": 3, "drop_discords": True, "threshold": "adaptive"},
    "mahalanobis": {"window_size": 3, "stride": 2, "error": "mahalanobis", "aggregation": "last"},
    "sequence": {"bottleneck": "sequence"},
    "gru": {"cell": "gru", "scale": None, "threshold": "three_sigma"},
}


def unexpected(estimator):
    """Yield unexpected results of checks."""
    expected = expected_failed_checks(estimator)
    for _, check in estimator_checks_generator(estimator):
        name = check.func.__name__
        try:
            check(estimator)
        except SkipTest:
            continue
        except Exception as error:
            if name not in expected:
                yield f"{name}: {type(error).__name__}: {error}"
        else:
            if name in expected:
                yield f"{name} passes"


def main(names):
    """Run the checks of some configurations, and print unexpected results."""
    warnings.simplefilter("ignore")
    n_found = 0
    for name in names or CONFIGURATIONS:
        found = list(unexpected(LSTMAutoencoder(**SMALL, **CONFIGURATIONS[name])))
        n_found += len(found)
        print("\n".join([f"{name}: {len(found)} unexpected", *found]), flush=True)
    return bool(n_found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
