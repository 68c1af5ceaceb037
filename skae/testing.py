"""scikit-learn's estimator checks that do not apply to rows of a series.

In your test::

    from sklearn.utils.estimator_checks import parametrize_with_checks

    @parametrize_with_checks(
        [LSTMAutoencoder(30)], expected_failed_checks=skae.testing.expected_failed_checks
    )
    def test_estimator(estimator, check):
        check(estimator)
"""

from sklearn.base import BaseEstimator

__all__ = ["expected_failed_checks"]

_OF_ROWS = {
    "check_methods_sample_order_invariance": "Rows are in order of time.",
    "check_methods_subset_invariance": "A row is scored by windows that contain its neighbours.",
    "check_sample_weight_equivalence_on_dense_data": (
        "A row of weight 0 leaves a gap in a series, and a repeated row makes it longer."
    ),
    "check_fit1d": "A series of one feature may be an array of one dimension.",
}

_OF_CAUTIOUS_THRESHOLD = dict.fromkeys(
    ["check_outliers_fit_predict", "check_outliers_train"],
    "The threshold flags nothing in data without faults, but the check expects outliers.",
)


def expected_failed_checks(estimator: BaseEstimator) -> dict[str, str]:
    """Return the scikit-learn checks that an estimator fails because of its parameters.

    Parameters
    ----------
    estimator : LSTMAutoencoder

    Returns
    -------
    dict of str to str
        The reason for each check, by its name. Empty without `window_size`, except with
        ``threshold="three_sigma"``.

    Examples
    --------
    >>> from skae import LSTMAutoencoder
    >>> from skae.testing import expected_failed_checks
    >>> expected_failed_checks(LSTMAutoencoder())
    {}
    >>> expected_failed_checks(LSTMAutoencoder(30))["check_methods_sample_order_invariance"]
    'Rows are in order of time.'
    """
    parameters = estimator.get_params(deep=False)
    if "window_size" not in parameters or "contamination" not in parameters:
        return {}
    of_rows = parameters["window_size"] is not None
    is_cautious = of_rows or parameters["threshold"] == "three_sigma"
    of_threshold = is_cautious and parameters["contamination"] == "auto"
    return (_OF_ROWS if of_rows else {}) | (_OF_CAUTIOUS_THRESHOLD if of_threshold else {})
