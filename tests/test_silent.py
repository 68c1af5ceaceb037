"""Input that once gave wrong results silently: now right, an error, or one warning."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from shared import NETWORK
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

import skae
from skae import LSTMAutoencoder, SequenceScaler, SequenceWindower

TINY = NETWORK | {"epochs": 1, "random_state": 0}
SINE = np.sin(np.arange(300) / 5)


@pytest.mark.parametrize("kind", [pd.Series, np.asarray])
@pytest.mark.slow
def test_series_of_equal_length_are_series(kind):
    meters = [kind(np.sin(np.arange(60) / 5 + i)) for i in range(40)]
    detector = LSTMAutoencoder(20, **TINY).fit(meters)
    assert detector.n_features_in_ == 1
    scores = detector.score_samples(meters)
    assert [part.shape for part in scores] == [(60,)] * 40
    short = [meter[:7] for meter in meters]
    assert [part.shape for part in detector.score_samples(short)] == [(7,)] * 40
    windows = SequenceWindower(20, padding=None).fit(meters)
    assert windows.n_features_in_ == 1


def test_rows_shorter_than_a_window_are_rows():
    rows = [np.array([np.sin(i / 5), np.cos(i / 5)]) for i in range(60)]
    detector = LSTMAutoencoder(20, **TINY).fit(rows)
    assert detector.n_features_in_ == 2 and detector.score_samples(rows).shape == (60,)


def test_windows_learn_alike_however_they_lie_in_memory():
    windows = SequenceWindower(12).fit_transform(SINE[:, None])
    one, other = (LSTMAutoencoder(**TINY).fit(X) for X in (windows, windows.copy()))
    for ours, theirs in zip(one.model_.get_weights(), other.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert one.offset_ == other.offset_


@pytest.mark.parametrize("stride", [1, 2, 5])
def test_the_stride_of_copied_windows_is_found(stride):
    from skae._input.sequences import rows_and_starts

    windows = SequenceWindower(12, stride=stride, padding=None).fit_transform(SINE[:, None])
    rows, starts = rows_and_starts(windows.copy())
    expected, begins = rows_and_starts(windows)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(starts, begins)


def test_borders_that_are_alike_make_no_series():
    from skae._input.sequences import rows_and_starts

    images = np.random.default_rng(0).normal(size=(50, 8, 8))
    images[:, [0, -1]] = 0
    assert len(rows_and_starts(images)[0]) == 400


@pytest.mark.slow
def test_shuffled_rows_are_named():
    shuffled = np.random.default_rng(0).permutation(np.tile(SINE, 2)[:, None])
    with pytest.warns(UserWarning, match=r"do not resemble their neighbours.*resource='epochs'"):
        LSTMAutoencoder(20, **TINY).fit(shuffled)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Training explains")
        LSTMAutoencoder(20, **TINY).fit(np.tile(SINE, 2)[:, None])


@pytest.mark.parametrize("level", [SINE, np.zeros(len(SINE))])
def test_rows_in_order_are_not_taken_for_shuffled_ones_for_a_spike(level):
    from skae._input.layout_warnings import warn_if_in_no_order

    spiked = level[:, None].copy()
    spiked[100] = 1e6
    warn_if_in_no_order(spiked, np.array([len(spiked)]))


def test_a_hole_in_time_is_named():
    times = pd.date_range("2026-01-01", periods=300, freq="min")
    times = times[:200].append(times[200:] + pd.Timedelta(days=3))
    frame = pd.DataFrame({"load": SINE}, times)
    message = r"1 steps of time of .* where 1min is usual.*max_gap='10min'"
    with pytest.warns(UserWarning, match=message):
        LSTMAutoencoder(20, **TINY).fit(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Training explains")
        LSTMAutoencoder(20, max_gap="10min", **TINY).fit(frame)


@pytest.mark.parametrize("side", ["pre", "post"])
def test_padding_with_zeros_is_named(side):
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, 2)) for n in rng.integers(5, 12, 30)]
    X = keras.utils.pad_sequences(sequences, 12, "float32", padding=side)
    with pytest.warns(
        UserWarning, match="like the output of pad_sequences, but expected padding with NaN"
    ):
        LSTMAutoencoder(**TINY).fit(X)
    nan = keras.utils.pad_sequences(sequences, 12, "float32", padding=side, value=np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", "Training explains")
        LSTMAutoencoder(**TINY).fit(nan)


def test_clean_targets_are_rejected():
    X = np.random.default_rng(0).normal(size=(20, 8, 2))
    with pytest.raises(ValueError, match=r"Got y of shape \(20, 8, 2\).*set `noise`"):
        LSTMAutoencoder(**TINY).fit(X, X + 1)
    LSTMAutoencoder(**TINY).fit(X, X.copy())
    LSTMAutoencoder(**TINY).fit(X, np.zeros(20))


@pytest.mark.parametrize(
    "step",
    [
        lambda rows: pd.DataFrame(rows).rolling(10, min_periods=1).mean().to_numpy(),
        lambda rows: pd.DataFrame(rows).diff().to_numpy(),
    ],
    ids=["rolling mean", "differences"],
)
def test_a_stream_rejects_steps_that_look_at_neighbouring_rows(step):
    pipeline = make_pipeline(FunctionTransformer(step), LSTMAutoencoder(20, **TINY))
    pipeline.fit(SINE[:, None])
    with pytest.raises(ValueError, match="expected steps that transform each row separately"):
        skae.stream(pipeline)


@pytest.mark.slow
def test_a_stream_takes_steps_that_do_not():
    pipeline = make_pipeline(
        MinMaxScaler(), FunctionTransformer(np.sqrt), StandardScaler(), LSTMAutoencoder(20, **TINY)
    )
    pipeline.fit(SINE[:, None])
    assert skae.stream(pipeline).update([0.5]).shape == (1,)


def test_columns_in_another_order_are_rejected_by_the_scaler():
    frame = pd.DataFrame({"temp": 60 + SINE, "rpm": 1500 + 100 * SINE})
    swapped = frame[["rpm", "temp"]]
    with pytest.raises(ValueError, match=r"Got other columns in X\[1\]"):
        SequenceScaler().fit([frame, swapped])
    scaler = SequenceScaler().fit([frame, frame])
    with pytest.raises(ValueError, match=r"Got other columns in X\[1\]"):
        scaler.transform([frame, swapped])


def test_columns_in_another_order_are_not_turned_back():
    frame = pd.DataFrame({"sine": SINE, "cosine": np.cos(np.arange(300) / 5)})
    detector = LSTMAutoencoder(20, **TINY)
    for estimator in (SequenceScaler(), SequenceWindower(3), detector):
        given = [frame] if isinstance(estimator, SequenceScaler) else frame
        found = estimator.set_output(transform="pandas").fit(given).transform(given)
        table = found[0] if isinstance(found, list) else found
        assert np.isfinite(np.asarray(estimator.inverse_transform(found))[-1]).all()
        turned = table[table.columns[::-1]]
        with pytest.raises(ValueError, match="in the order of"):
            estimator.inverse_transform([turned] if isinstance(found, list) else turned)


def test_a_table_with_only_the_names_of_series_is_named():
    with pytest.raises(ValueError, match="only the column that names the series"):
        LSTMAutoencoder(20, series="unit", **TINY).fit(pd.DataFrame({"unit": ["a"] * 300}))


@pytest.mark.parametrize("window_size", [None, 20])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda frame: {"pump": frame}, r"Got X as dict, .*list\(X.values\(\)\)"),
        (lambda frame: frame.to_dict("records"), r"list of dicts, .*pandas.DataFrame\(X\)"),
        (lambda frame: frame.groupby("unit"), r"Got X as DataFrameGroupBy.*for _, part in X"),
        (lambda frame: [frame[["load"]], frame[["load"]][:0]], r"Got X\[1\] with 0 sample"),
    ],
)
def test_what_holds_several_series_is_named(window_size, given, message):
    frame = pd.DataFrame({"load": SINE, "unit": 1})
    with pytest.raises((TypeError, ValueError), match=message):
        LSTMAutoencoder(window_size, **TINY).fit(given(frame))


def test_a_fit_inside_a_graph_is_named():
    import tensorflow as tf

    with tf.Graph().as_default(), pytest.raises(RuntimeError, match="inside a tf.Graph"):
        LSTMAutoencoder(20, **TINY).fit(SINE[:, None])


@pytest.mark.slow
def test_the_fields_of_a_structured_array_are_features():
    fields = np.empty(300, dtype=[("sine", "f8"), ("cosine", "f4")])
    fields["sine"], fields["cosine"] = SINE, np.cos(np.arange(300) / 5)
    detector = LSTMAutoencoder(20, **TINY).fit(fields)
    scores = detector.score_samples(fields)
    plain = LSTMAutoencoder(20, **TINY).fit(np.column_stack([fields["sine"], fields["cosine"]]))
    np.testing.assert_array_equal(scores, plain.score_samples(pd.DataFrame(fields).to_numpy()))
    stream = skae.stream(detector, answer="final")
    found = [*(stream.update(row) for row in fields), stream.flush()]
    np.testing.assert_allclose(np.concatenate(found), scores, rtol=1e-4)
    for turned in (fields[["cosine", "sine"]], [fields[["cosine", "sine"]]]):
        with pytest.raises(ValueError, match="same order"):
            detector.score_samples(turned)
    with pytest.raises(ValueError, match="same order"):
        stream.update(fields[["cosine", "sine"]])


@pytest.mark.parametrize("as_list", [False, True])
@pytest.mark.slow
def test_a_column_of_times_of_polars_is_an_index(as_list):
    pl = pytest.importorskip("polars")
    times = pd.date_range("2026-01-01", periods=300, freq="min").to_numpy().copy()
    times[200:] += np.timedelta64(3, "D")
    theirs, ours = pd.DataFrame({"load": SINE}, times), pl.DataFrame({"at": times, "load": SINE})
    X, Y = ([theirs], [ours]) if as_list else (theirs, ours)
    one, other = (LSTMAutoencoder(20, max_gap="10min", **TINY).fit(table) for table in (X, Y))
    assert other.n_features_in_ == 1
    np.testing.assert_array_equal(one.score_samples(X), other.score_samples(Y))
    stream, as_polars = skae.stream(one), skae.stream(other)
    np.testing.assert_array_equal(stream.update(theirs[190:210]), as_polars.update(ours[190:210]))
