"""Bad input raises an error about the input, and changes nothing.

One table of cases for each public callable. Cases with a fitted estimator also check that its state
did not change, apart from parameters.
"""

import keras
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from shared import TINY
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, UndefinedMetricWarning

import skae
from skae import (
    AnomalyScoreDisplay,
    LSTMAutoencoder,
    SequenceScaler,
    SequenceWindower,
    datasets,
    layers,
    metrics,
    model_selection,
    readers,
)

TIME = np.arange(60)
ROWS = np.stack([np.sin(TIME / 4), np.cos(TIME / 4)], axis=1)
SEQUENCES = [ROWS[i : i + 6 + i % 4] for i in range(0, 40, 4)]
CUBE = np.stack([ROWS[i : i + 6] for i in range(0, 48, 4)])
TABLE = CUBE[:, :, 0]

MODES = {
    "rows": ({"window_size": 5}, ROWS),
    "sequences": ({}, SEQUENCES),
    "table": ({}, TABLE),
    "steps": ({"bottleneck": "sequence"}, CUBE),
}


def spoilt(value, rows=ROWS):
    """Return rows with a value in the second feature of the fourth row."""
    rows = rows.copy()
    rows[3, 1] = value
    return rows


def frame(rows, names=("load", "heat")):
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(rows, columns=list(names))


# ------------------------------------------------------------------- nothing is changed


@pytest.fixture(scope="module")
def fitted():
    """Return the fitted estimator of a mode; one network serves the whole module."""
    estimators = {}

    def of(mode):
        if mode not in estimators:
            parameters, X = MODES[mode]
            estimators[mode] = LSTMAutoencoder(**TINY | parameters).fit(X)
        return estimators[mode]

    return of


def state_of(estimator):
    """Return the fitted state: attributes by identity, and arrays and weights as bytes."""
    attributes = {k: v for k, v in vars(estimator._detector).items() if k != "network"}
    model = estimator.model_
    weights = [v.numpy().tobytes() for v in (*model.variables, *model.optimizer.variables)]
    arrays = {k: v.tobytes() for k, v in attributes.items() if isinstance(v, np.ndarray)}
    return {k: id(v) for k, v in attributes.items()}, arrays, weights, str(estimator.history_)


@pytest.fixture
def rejects(fitted):
    """Check that a call on a fitted estimator raises and does not change it."""

    def check(mode, call, error, message, parameters=None):
        estimator, parameters = fitted(mode), parameters or {}
        before, given = state_of(estimator), estimator.get_params()
        try:
            estimator.set_params(**parameters)
            with pytest.raises(error, match=message):
                call(estimator)
            assert state_of(estimator) == before
        finally:
            for name in parameters.keys() - given.keys():
                delattr(estimator, name)
            estimator.set_params(**given)

    return check


# ------------------------------------------------------------------- parameters

NOT_AN_OPTION = {
    "window_size": [0, -1, 1.5, "30", np.nan, [3], True],
    "scale": ["minmax", 1, True],
    "scale_by_series": ["yes", 2, None],
    "latent_dim": [0, 2.5, None, "2", True],
    "units": [0, -4, "64", None],
    "bottleneck": ["none", None, 1],
    "pooling": ["sum", None],
    "bidirectional": ["yes", 2, None],
    "cell": ["rnn", None],
    "decoder": ["none", 3],
    "reverse": ["no", None, 2],
    "segment_length": [0, 1.5, None],
    "output_activation": ["relu", None],
    "dropout": [1, -0.1, np.nan, "0.1", None],
    "noise": [-1, 2, np.nan, None],
    "model": ["model", 3],
    "loss": [3, None],
    "optimizer": [3, None],
    "learning_rate": [0, -1, "fast", None, np.nan, np.inf],
    "epochs": [0, -1, 1.5, "all", None],
    "batch_size": [0, 2.5, "all", None],
    "validation_fraction": [1, -0.1, None, np.nan, "0.1"],
    "early_stopping": ["yes", 2, None],
    "patience": [0, 1.5, None],
    "callbacks": [3, "x", (keras.callbacks.TerminateOnNaN(),)],
    "warm_start": ["yes", None],
    "random_state": ["x", -1, 1.5, 2**40],
    "verbose": ["x", -1, None, 1.5],
    "stride": [0, 1.5, None],
    "error": ["rmsle", None],
    "aggregation": ["sum", None],
    "contamination": [0, 0.6, -1, "robust", None, np.nan],
    "threshold": ["none", None],
}


@pytest.mark.parametrize("name", NOT_AN_OPTION)
def test_a_value_that_is_no_option(rejects, name):
    message = rf"The '{name}' parameter of LSTMAutoencoder must be .* Got .* instead"
    for value in NOT_AN_OPTION[name]:
        rejects("rows", lambda e: e.fit(ROWS), ValueError, message, {name: value})


@pytest.mark.parametrize("estimator", [LSTMAutoencoder(), SequenceWindower(), SequenceScaler()])
def test_no_parameter_takes_anything(estimator):
    for name in estimator._parameter_constraints:
        with pytest.raises(ValueError, match=f"The '{name}' parameter"):
            clone(estimator).set_params(**{name: object()}).fit(ROWS)


NOT_AS_KERAS_WOULD_SAY = [
    ({"units": ()}, ValueError, r"Got units=\(\), but expected a positive integer"),
    ({"units": (4, 0)}, ValueError, r"Got units=\(4, 0\), but expected a positive integer"),
    ({"units": (4, 2.5)}, ValueError, r"Got units=\(4, 2.5\), but expected"),
    ({"units": [[4]]}, ValueError, r"Got units=\[\[4\]\], but expected"),
    (
        {"segment_length": 2, "bottleneck": "sequence"},
        ValueError,
        "Got segment_length=2 with bottleneck='sequence', but expected 1",
    ),
    (
        {"pooling": "max", "bottleneck": "sequence"},
        ValueError,
        "Got pooling='max' with bottleneck='sequence', but expected 'last'",
    ),
    ({"decoder": "state", "bottleneck": "sequence"}, ValueError, "Got decoder='state' with bott"),
    ({"model": keras.Sequential([keras.Input((None, 2))])}, TypeError, "but expected a callable"),
    (
        {"model": lambda: 3},
        TypeError,
        "Got 3 from the callable `model`, but expected a keras.Model",
    ),
    (
        {"model": lambda: keras.Sequential([keras.Input((None, 2)), keras.layers.Dense(3)])},
        ValueError,
        r"Got a model from \(None, None, 2\) .* expected a built model from \(n, n_steps, 2\)",
    ),
    ({"model__size": 3}, ValueError, "Got model__size=3 with model=None, but expected a `model`"),
    ({"loss": "nothing"}, ValueError, "Got loss='nothing', but expected a name that keras.losses"),
    ({"loss": lambda a, b: 0.0}, ValueError, "returns one number for everything, but expected"),
    ({"loss": "poisson", "loss__nothing": 1}, ValueError, "loss__nothing=1.* but expected only"),
    ({"loss": "bce"}, ValueError, "Got loss='bce' and X with values from -.*in .0, 1."),
    (
        {"loss": keras.losses.BinaryFocalCrossentropy(from_logits=True)},
        ValueError,
        "from_logits=True, but expected False",
    ),
    ({"optimizer": "nothing"}, ValueError, "Got optimizer='nothing', but expected a name that"),
    ({"optimizer": int}, TypeError, "Got optimizer=<class 'int'>, but expected a name"),
    (
        {"optimizer": "LossScaleOptimizer"},
        ValueError,
        "'LossScaleOptimizer', but expected the",
    ),
    (
        {"optimizer": keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())},
        ValueError,
        "Got optimizer=<.*>, but expected the optimizer that it wraps",
    ),
    ({"optimizer__nothing": 1}, ValueError, "optimizer__nothing=1, but expected only options"),
    ({"optimizer__clipnorm": "x"}, ValueError, "Got optimizer__clipnorm='x', but expected a num"),
    ({"optimizer__clipnorm": -1}, ValueError, "Got optimizer__clipnorm=-1, but expected a num"),
    ({"optimizer__clipvalue": np.nan}, ValueError, "Got optimizer__clipvalue=nan, but expected"),
    ({"callbacks": [3]}, TypeError, r"Got callbacks=\[3\] with 3, but expected instances or"),
    ({"callbacks": ["x"]}, TypeError, r"Got callbacks=\['x'\] with 'x', but expected"),
    ({"callbacks": [None]}, TypeError, r"Got callbacks=\[None\] with None, but expected"),
    ({"callbacks": [int]}, TypeError, "with <class 'int'>, but expected instances or"),
    ({"callbacks": [[3]]}, TypeError, r"Got callbacks=\[\[3\]\] with 3, but expected"),
    ({"callbacks": {"a": 3}}, TypeError, r"Got callbacks=\{'a': 3\} with 3, but expected"),
    ({"callbacks__0__x": 1}, ValueError, "callbacks__0__x=1 with callbacks=None, but expected"),
]


@pytest.mark.parametrize("parameters, error, message", NOT_AS_KERAS_WOULD_SAY)
def test_a_value_that_keras_would_reject(rejects, parameters, error, message):
    rejects("rows", lambda e: e.fit(ROWS), error, message, parameters)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: LSTMAutoencoder(nothing=1), TypeError, "unexpected parameter 'nothing'"),
        (lambda: LSTMAutoencoder(5, 6), TypeError, "positional argument"),
        (
            lambda: LSTMAutoencoder().set_params(nothing=1),
            ValueError,
            "Invalid parameter 'nothing'",
        ),
        (lambda: LSTMAutoencoder().set_params(a__b=1), ValueError, "Invalid parameter 'a'"),
        (lambda: SequenceWindower(nothing=1), TypeError, "unexpected keyword argument 'nothing'"),
        (lambda: skae.nothing, AttributeError, "module 'skae' has no attribute 'nothing'"),
    ],
)
def test_a_name_that_is_none(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.slow
def test_numpys_generators_seed_as_other_seeds_do(small, series):
    first = small(5, random_state=np.random.default_rng(3)).fit(series).score_samples(series)
    again = small(5, random_state=np.random.default_rng(3)).fit(series).score_samples(series)
    other = small(5, random_state=np.random.default_rng(4)).fit(series).score_samples(series)
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    assert clone(small(5, random_state=np.random.default_rng(3))).fit(series).n_iter_ == 2


def test_every_number_of_a_grid_is_one(small, series):
    grid = {"latent_dim": np.int64(2), "learning_rate": np.float32(1e-3), "epochs": np.int32(1)}
    assert small(np.int64(5), units=(np.int64(4),), **grid).fit(series).n_iter_ == 1


# ------------------------------------------------------------------- data

BAD_DATA = [
    (None, "scalar array|shape \\(\\)"),
    ("abc", "could not convert|shape \\(\\)"),
    (3.0, "scalar array|shape \\(\\)"),
    (np.empty((0, 2)), r"0 sample\(s\)|shape \(0, 2\)"),
    (np.empty((5, 0)), r"0 feature\(s\)|shape \(5, 0\)"),
    ([], r"0 sample\(s\)|shape \(0,\)"),
    (CUBE[None], r"dim 4|shape \(1, 12, 6, 2\)"),
    (CUBE * 1j, "Complex data not supported|dim 3"),
    ([["a", "b"]] * 9, "could not convert string to float|shape \\(9, 2\\)"),
    ([ROWS, ROWS[:, :1]], r"X\[1\] has 1 features, but X\[0\] has 2"),
    ([ROWS, ROWS[:0]], r"0 sample\(s\)"),
    ([ROWS, "a"], "could not convert|X"),
    ([ROWS, ROWS * 1j], "Complex data not supported"),
    ([ROWS, spoilt(np.inf)], r"Input X\[1\] contains infinity in feature 1, but expected finite"),
    ([ROWS, spoilt(1e300)], r"Input X\[1\] .* too large .* in feature 1: 1e\+300, but expected"),
    ([spoilt(-np.inf), ROWS], r"Input X\[0\] contains infinity in feature 1"),
    (np.full((4, 6, 2), np.inf), "infinity in feature 0|dim 3"),
    (
        np.full((4, 6, 2), -1e39),
        "too large .* in feature 0: -1e.39, but expected at most 3.4e.38|dim",
    ),
    (np.full((4, 6, 2), np.nan), "only NaN|dim 3"),
    (
        ROWS.astype("datetime64[s]"),
        r"Got X with times \(datetime64\[s\]\) in feature 0, but expected",
    ),
    ([ROWS, spoilt(0).astype("m8[s]")], r"Got X\[1\] with times \(timedelta64\[s\]\) in feature 0"),
    ([[1.0, np.datetime64("NaT", "s")]] * 9, r"Got X with times \(datetime64\) in feature 1"),
]
BAD_ROWS = [
    (
        CUBE,
        r"Got X with shape \(12, 6, 2\) \(dim 3\) and window_size=5, but expected rows of shape",
    ),
    (ROWS[:3], r"Got X with 3 sample\(s\) .* but expected at least window_size=5"),
    (csr_matrix(ROWS), "Sparse data was passed"),
    (spoilt(np.inf), "Input X contains infinity in feature 1, but expected finite values"),
    (spoilt(1e300), r"too large for dtype\('float32'\) in feature 1: 1e\+300, but expected at"),
    (ROWS * np.nan, "only NaN"),
    (
        [*ROWS.tolist(), [1.0]],
        r"Got rows of 2 values, but X\[60\] of 1; expected the same number",
    ),
]


@pytest.mark.parametrize("X, message", [*BAD_DATA, *BAD_ROWS])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_rows_that_nothing_can_be_learned_from(rejects, method, X, message):
    call = {"fit": lambda e: e.fit(X), "partial_fit": lambda e: e.partial_fit(X)}[method]
    rejects("rows", call, (ValueError, TypeError), message)


@pytest.mark.parametrize("X, message", BAD_DATA)
@pytest.mark.parametrize("mode", ["sequences", "table"])
def test_sequences_that_nothing_can_be_learned_from(rejects, mode, X, message):
    rejects(mode, lambda e: e.fit(X), (ValueError, TypeError), message)


IN_PARTS = [
    ([], "Got X without any series or rows"),
    ([ROWS, ROWS[:, :1]], r"X\[1\] has 1 features, but X\[0\] has 2"),
    ([ROWS[:, :1]], "X has 1 features, but LSTMAutoencoder is expecting 2"),
    ([ROWS, spoilt(np.inf)], r"Input X\[1\] contains infinity in feature 1"),
    ([ROWS, spoilt(1e300)], r"Input X\[1\] .* too large .* in feature 1: 1e\+300"),
    ([ROWS, ROWS[:0]], r"0 sample\(s\)"),
    ([ROWS, "a"], "could not convert|X"),
    ([ROWS[:3], ROWS[:2]], r"Got X with 3 sample\(s\) .* at least window_size=5"),
]


@pytest.mark.parametrize("series, message", IN_PARTS)
def test_iterables_that_nothing_can_be_learned_from(rejects, series, message):
    rejects("rows", lambda e: e.partial_fit(iter(series)), ValueError, message)


@pytest.mark.parametrize("method", ["fit_predict", "fit_transform", "predict", "score"])
def test_what_can_be_read_once_is_for_fit_only(rejects, method):
    message = "read only once, but expected an array or a list"
    rejects("rows", lambda e: getattr(e, method)(iter([ROWS])), TypeError, message)


SCORING = ["score_samples", "predict", "transform", "reconstruct", "explain", "score"]
OTHER_DATA = {
    "rows": [
        (np.ones((9, 5)), "X has 5 features, but LSTMAutoencoder is expecting 2"),
        ([np.ones((9, 5))], "X has 5 features, but LSTMAutoencoder is expecting 2"),
        (CUBE, "dim 3"),
        (spoilt(np.inf), "infinity in feature 1"),
    ],
    "sequences": [
        (ROWS, r"Got X with shape \(60, 2\), but expected \(n_samples, n_steps, n_features=2\)"),
        (np.ones((4, 6, 5)), "X has 5 features, but LSTMAutoencoder is expecting 2"),
        ([np.ones((6, 5))], "X has 5 features, but LSTMAutoencoder is expecting 2"),
        (np.full((4, 6, 2), 1e39), "too large .* in feature 0"),
    ],
    "table": [
        (np.ones((4, 5)), "X has 5 features, but LSTMAutoencoder is expecting 6"),
        (CUBE, "X has 2 features, but LSTMAutoencoder is expecting 1"),
        (np.full((4, 6), -np.inf), "infinity in feature 0"),
    ],
    "steps": [(ROWS, r"but expected \(n_samples, n_steps, n_features=2\)")],
}


@pytest.mark.parametrize("method", SCORING)
@pytest.mark.parametrize(
    "mode, X, message", [(mode, *case) for mode, cases in OTHER_DATA.items() for case in cases]
)
def test_data_that_the_network_does_not_fit(rejects, mode, method, X, message):
    rejects(mode, lambda e: getattr(e, method)(X), ValueError, message)


@pytest.mark.parametrize("value, said", [(np.inf, "infinity"), (1e39, "too large")])
def test_what_float32_cannot_hold_is_rejected_by_the_name_of_its_feature(fitted, value, said):
    X = frame(spoilt(value))
    with pytest.raises(ValueError, match=f"{said}.* in feature 'heat'"):
        LSTMAutoencoder(5, **TINY).fit(X)
    with pytest.raises(ValueError, match=rf"Input X\[1\] .*{said}.* in feature 'heat'"):
        LSTMAutoencoder(5, **TINY).fit([frame(ROWS), X])


def test_the_largest_values_of_float32_are_learned_from_and_scored(fitted, recwarn):
    estimator = fitted("rows")
    recwarn.clear()  # of that fit, if it was the first
    assert np.isfinite(estimator.score_samples(spoilt(3e38))).all()
    assert np.isfinite(estimator.explain(spoilt(-3e38))).all()
    assert not recwarn


WEIGHTS = [
    (-np.ones(60), "Negative values"),
    (np.full(60, np.nan), "contains NaN"),
    (np.full(60, np.inf), "contains infinity"),
    (np.ones(5), r"sample_weight.shape == \(5,\), expected \(60,\)"),
    (np.zeros(60), "non-zero|only zeros"),
    (np.ones((60, 2)), "must be 1D"),
    (["a"] * 60, "could not convert string"),
]


@pytest.mark.parametrize("weights, message", WEIGHTS)
def test_weights_that_are_none(rejects, weights, message):
    rejects("rows", lambda e: e.fit(ROWS, sample_weight=weights), ValueError, message)


@pytest.mark.parametrize("weights", [[np.ones(60)], [np.ones(60), np.ones(3)]])
def test_weights_of_series_that_are_others(rejects, weights):
    message = "Got sample_weight with . items of the shapes .* but expected one array for each"
    rejects("rows", lambda e: e.fit([ROWS, ROWS], sample_weight=weights), ValueError, message)


# ------------------------------------------------------------------- latents

BAD_LATENTS = {
    "rows": [
        (None, "scalar array"),
        (np.ones((3, 5)), "Got X with 5 columns, but expected latents with latent_dim=2"),
        ([np.ones((3, 5))], "Got X with 5 columns, but expected latents"),
        (np.ones(2), "1D array"),
        (np.ones((3, 4, 5)), "dim 3"),
        (np.full((3, 2), np.nan), "contains NaN"),
        (np.full((3, 2), np.inf), "Input X contains infinity in feature 0"),
        (np.full((3, 2), 1e300), "Input X contains a value too large .* in feature 0"),
        (np.empty((0, 2)), r"0 sample\(s\)"),
        ([["a", "b"]], "could not convert string"),
    ],
    "steps": [
        (None, r"Got X with shape \(\), but expected \(n_samples, n_steps, latent_dim=2\)"),
        ("a", r"Got X with shape \(\), but expected"),
        (np.ones((3, 5)), r"Got X with shape \(3, 5\), but expected"),
        (np.ones((3, 4, 5)), r"Got X with shape \(3, 4, 5\), but expected"),
        (np.empty((0, 2)), r"Got X with shape \(0, 2\), but expected"),
        (np.empty((0, 4, 2)), r"array with shape \(0, 4, 2\), but expected at least 1 sample"),
        ([np.ones((3, 5))], "Got X with 5 columns, but expected latents with latent_dim=2"),
        (np.full((3, 2, 2), np.inf), "infinity in feature 0"),
    ],
}


@pytest.mark.parametrize(
    "mode, X, message", [(mode, *case) for mode, cases in BAD_LATENTS.items() for case in cases]
)
def test_latents_that_are_none(rejects, mode, X, message):
    rejects(mode, lambda e: e.inverse_transform(X), ValueError, message)


@pytest.mark.parametrize("mode", ["sequences", "table"])
def test_latents_of_another_width(rejects, mode):
    rejects(mode, lambda e: e.inverse_transform(np.ones((3, 5))), ValueError, "latent_dim=2")


# ------------------------------------------------------------------- other methods


@pytest.mark.parametrize(
    "y, beta, message",
    [
        ([0, 1] * 30, 0, "Got beta=0, but expected a finite number above 0"),
        ([0, 1] * 30, np.inf, "Got beta=inf"),
        ([0, 1] * 30, np.nan, "Got beta=nan"),
        ([0, 1] * 30, "1", "Got beta='1'"),
        ([0, 1], 1, "inconsistent numbers of samples"),
        ([0] * 60, 1, "Got y with 0 outliers of 60 samples"),
        ([0, 2] * 30, 1, r"Got y with the values \[0, 2\]"),
        (np.zeros((60, 2)), 1, r"Got y with shape \(60, 2\), but expected one label per sample"),
        (None, 1, "Got y"),
    ],
)
def test_a_threshold_that_labels_do_not_give(rejects, y, beta, message):
    rejects("rows", lambda e: e.tune_threshold(ROWS, y, beta=beta), ValueError, message)


def test_a_threshold_that_outliers_without_a_score_do_not_give(rejects):
    rows = np.where(np.arange(60)[:, None] < 30, np.nan, ROWS)
    labels = np.arange(60) < 5

    def tune(estimator):
        estimator.tune_threshold(rows, labels)

    rejects("rows", tune, ValueError, "Got y with 0 outliers of 3. samples")


def test_a_threshold_that_is_no_number(rejects):
    rejects("rows", lambda e: setattr(e, "offset_", np.nan), ValueError, "Got offset_=nan")


@pytest.mark.parametrize("name", ["encoder_", "decoder_", "error_measure_"])
def test_an_attribute_that_only_a_fitted_one_has(name):
    with pytest.raises(NotFittedError, match="instance is not fitted yet"):
        getattr(LSTMAutoencoder(), name)


@pytest.mark.parametrize("method", [*SCORING, "inverse_transform", "decision_function"])
@pytest.mark.parametrize("estimator", [LSTMAutoencoder(), SequenceWindower(), SequenceScaler()])
def test_a_method_that_only_a_fitted_one_has(estimator, method):
    if hasattr(estimator, method):
        with pytest.raises(NotFittedError, match="instance is not fitted yet"):
            getattr(estimator, method)(ROWS)


class Fails(keras.callbacks.Callback):
    """Raises in the middle of a training."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def on_train_batch_end(self, batch, logs=None):
        raise self.error


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("error", [RuntimeError("full"), KeyboardInterrupt("full")])
def test_a_training_that_breaks_off_leaves_the_earlier_state(rejects, mode, error):
    X = MODES[mode][1]
    failing = {"callbacks": [Fails(error)], "epochs": 3}
    for call in (lambda e: e.fit(X), lambda e: e.partial_fit(X)):
        rejects(mode, call, type(error), "full", failing)


# ------------------------------------------------------------------- windows

BAD_WINDOWERS = [
    (SequenceWindower(**{name: value}), ROWS, f"The '{name}' parameter of SequenceWindower must be")
    for name, values in {
        "window_size": [0, -1, 1.5, "3", None, True],
        "stride": [0, 1.5, None, True],
        "padding": ["zero", 0, True],
        "output": ["table", None, 2],
        "series": [3, ["a"]],
    }.items()
    for value in values
]
WINDOWER = SequenceWindower(3)
BAD_WINDOWED = [
    (WINDOWER, None, "scalar array"),
    (WINDOWER, "abc", "could not convert"),
    (WINDOWER, CUBE, "dim 3"),
    (WINDOWER, ROWS[:0], r"0 sample\(s\)"),
    (WINDOWER, spoilt(np.inf), "infinity"),
    (WINDOWER, [["a", "b"]], "could not convert"),
    (WINDOWER, [ROWS, ROWS[:, :1]], r"X\[1\] has 1 features, but X\[0\] has 2"),
    (SequenceWindower(3, series="m"), [ROWS], "Got series='m' and a list of series"),
    (SequenceWindower(3, series="m"), ROWS, "Got series='m' and X as ndarray with no named"),
]


@pytest.mark.parametrize("windower, X, message", [*BAD_WINDOWERS, *BAD_WINDOWED])
def test_windows_that_cannot_be_made(windower, X, message):
    with pytest.raises(ValueError, match=message):
        clone(windower).fit(X)


@pytest.mark.parametrize("X", [case[1] for case in BAD_WINDOWED[:7]] + [np.ones((5, 3))])
def test_rows_that_a_fitted_windower_rejects(X):
    windower = SequenceWindower(3).fit(ROWS)
    before = dict(vars(windower))
    with pytest.raises(ValueError):
        windower.transform(X)
    with pytest.raises(ValueError):
        windower.inverse_transform(np.ones((4, 2, 2)))
    assert vars(windower) == before


@pytest.mark.parametrize(
    "X, n_rows, message",
    [
        (np.ones((4, 2, 2)), None, r"Got X with shape \(4, 2, 2\), but expected \(n_windows"),
        (np.ones(4), None, r"Got X with shape \(4,\)"),
        (None, None, r"Got X with shape \(\)"),
        (np.ones((4, 3, 2)), 9, "Got n_rows=9 and X with 4 windows"),
        (np.ones((4, 3, 2)), -1, "Got n_rows=-1 and X with 4 windows"),
        (np.ones((4, 3, 2)), [1, 2], r"Got X with 4 windows, but expected 3 for n_rows=\[1, 2\]"),
    ],
)
def test_rows_that_windows_do_not_give(X, n_rows, message):
    with pytest.raises(ValueError, match=message):
        SequenceWindower(3).fit(ROWS).inverse_transform(X, n_rows=n_rows)


# ------------------------------------------------------------------- scaling, folds, layouts

NOT_NUMBERS = [
    (None, ValueError, "Expected 2D array, got scalar array"),
    ("abc", ValueError, "could not convert string to float: 'abc'"),
    ([], ValueError, "Expected 2D array, got 1D array"),
    ({"a": 1}, TypeError, "Got X as dict"),
    (ROWS[:0], ValueError, r"0 sample\(s\)"),
    (spoilt(np.inf), ValueError, "Input X contains infinity"),
    (ROWS.astype(complex), ValueError, "Complex data not supported"),
    (csr_matrix(ROWS), TypeError, "Sparse data was passed for X, but dense data is required"),
    ([ROWS, ROWS[:, :1]], ValueError, r"X\[1\] has 1 features, but X\[0\] has 2"),
    ([ROWS, [["a", "b"]]], ValueError, "could not convert string to float: 'a'"),
]


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "inverse_transform"])
@pytest.mark.parametrize("X, error, message", NOT_NUMBERS)
def test_what_cannot_be_scaled(method, X, error, message):
    scaler = SequenceScaler().fit(SEQUENCES)
    before = {name: id(value) for name, value in vars(scaler).items()}
    with pytest.raises(error, match=message):
        getattr(scaler, method)(X)
    assert {name: id(value) for name, value in vars(scaler).items()} == before


@pytest.mark.parametrize(
    "X, error, message",
    [
        (None, ValueError, "Got X=None, but expected rows"),
        ([], ValueError, "Got X with 0 rows, but expected more"),
        (SEQUENCES, ValueError, "Got X with a list of 10 series, but expected rows"),
        (3, TypeError, "at least 1 dimension"),
    ],
)
def test_what_has_no_folds(X, error, message):
    with pytest.raises(error, match=message):
        list(model_selection.WindowGapSplit(5).split(X))


@pytest.mark.parametrize("X", [None, "abc", 3, [], {"a": 1}, [None], np.ones((2, 3, 2, 1))])
@pytest.mark.parametrize("read", [readers.from_aeon, readers.from_sktime, readers.from_tslearn])
def test_what_no_package_holds(read, X):
    with pytest.raises(ValueError, match=f"Got X as {type(X).__name__}.*, but expected"):
        read(X)


# ------------------------------------------------------------------- labels, demo data, layers


class Detector:
    """Scores and labels any input."""

    def score_samples(self, X):
        return np.asarray(X)[:, 0]

    def predict(self, X):
        return np.where(np.asarray(X)[:, 0] < 0, -1, 1)


BAD_LABELS = [
    (None, "Got y"),
    ([], r"Got y with shape \(0,\), but expected one label per sample"),
    (1, r"Got y with shape \(\)"),
    (np.zeros((60, 2)), r"Got y with shape \(60, 2\)"),
    (["a"] * 60, r"Got y with the values \['a'\]"),
    (["0", "1"] * 30, r"Got y with the values \['0', '1'\]"),
    ([0, 1, 2] * 20, r"Got y with the values \[0, 1, 2\]"),
    ([-1, 0, 1] * 20, r"Got y with the values \[-1, 0, 1\]"),
    ([0.5, 1] * 30, r"Got y with the values \[0.5, 1.0\]"),
    ([np.nan] * 60, r"Got y with the values \[nan\]"),
]
SCORERS = [metrics.get_scorer(name) for name in ("roc_auc", "average_precision", "f1", "recall")]


@pytest.mark.parametrize("y, message", BAD_LABELS)
def test_labels_that_are_none(y, message):
    for call in [metrics.is_outlier, *(lambda y, s=s: s(Detector(), ROWS, y) for s in SCORERS)]:
        with pytest.raises(ValueError, match=message):
            call(y)


@pytest.mark.parametrize("scorer", SCORERS)
def test_labels_that_do_not_score(scorer):
    with pytest.raises(ValueError, match="inconsistent numbers"):
        scorer(Detector(), ROWS, [0, 1])
    for label in (0, 1, -1, True):
        with pytest.warns(UndefinedMetricWarning, match="Got y with 60 labels of one class"):
            assert np.isnan(scorer(Detector(), ROWS, [label] * 60))


def test_labels_that_may_be_of_either_kind():
    with pytest.raises(ValueError, match=r"Got y with the values \[1\], but expected both"):
        metrics.is_outlier([1] * 60)


@pytest.mark.parametrize(
    "name, value",
    [
        *(
            (name, value)
            for name in ("n_samples", "n_features", "min_length", "max_length")
            for value in (0, -1, 1.5, "a", None)
        ),
        *(("contamination", value) for value in (-0.1, 1.1, np.nan, "a", None)),
        *(("noise", value) for value in (-1, np.nan, np.inf, "a", None)),
        *(("random_state", value) for value in ("a", -1, 1.5)),
    ],
)
def test_sequences_that_cannot_be_made(name, value):
    with pytest.raises(ValueError, match=f"Got {name}={value!r}, but expected"):
        datasets.make_sequences(**{name: value})


def test_the_demo_machine_takes_names_only():
    with pytest.raises(TypeError, match="positional"):
        datasets.load_machine(True)


@pytest.mark.parametrize("loss", [None, 3, "nothing"])
def test_a_loss_that_is_none(loss):
    with pytest.raises(ValueError, match="loss"):
        layers.ObservedLoss(loss)


@pytest.mark.parametrize("units", [0, -1])
def test_a_layer_without_units(units):
    with pytest.raises(ValueError, match=f"positive integer, got {units}"):
        layers.LSTM(units)


DISPLAYED = {"values": ROWS, "scores": np.ones(60), "threshold": 0.5}


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("values", "a", "Got values of shape .*, but expected one numeric series"),
        ("values", [["a"]], "Got values of shape .*, but expected one numeric series"),
        ("values", CUBE, r"Got values of shape \(12, 6, 2\)"),
        ("values", ROWS[:3], r"Got scores of shape \(60,\), but expected one entry for each"),
        ("scores", np.ones(3), r"Got scores of shape \(3,\)"),
        ("scores", np.ones((60, 2)), r"Got scores of shape \(60, 2\)"),
        ("threshold", "a", "Got threshold of shape"),
        ("labels", [0, 1], r"Got labels of shape \(2,\)"),
        ("index", [1, 2], r"Got index of shape \(2,\)"),
        ("feature_names", ["a"], "Got 1 feature_names, but expected 2"),
    ],
)
def test_a_picture_that_cannot_be_drawn(name, value, message):
    with pytest.raises(ValueError, match=message):
        AnomalyScoreDisplay(**DISPLAYED | {name: value})


@pytest.mark.parametrize("path", ["nothing.skae"])
def test_a_file_that_is_not_there(tmp_path, path):
    with pytest.raises(FileNotFoundError):
        LSTMAutoencoder.load(tmp_path / path)
