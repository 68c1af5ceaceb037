"""Files: estimators return to the last bit, and no code in a file is run or trusted."""

import datetime
import hashlib
import json
import os
import struct
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)

import skae
from skae import LSTMAutoencoder, SequenceWindower, _files
from skae._files import Reader, Writer
from skae._persistence.classes import check_attributes


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skae"


@pytest.fixture(scope="module")
def fitted(small, series):
    return small(5).fit(series)


@pytest.fixture(scope="module")
def saved(fitted, tmp_path_factory):
    """The bytes of a file."""
    path = tmp_path_factory.mktemp("saved") / "model.skae"
    fitted.save(path)
    return path.read_bytes()


def own_loss(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


class OwnLoss(keras.losses.Loss):
    def __init__(self, power=2, **options):
        super().__init__(**options)
        self.power = power

    def call(self, y_true, y_pred):
        return keras.ops.mean(keras.ops.abs(y_true - y_pred) ** self.power, axis=-1)

    def get_config(self):
        return {"power": self.power}


def build_own(meta):
    n = meta["n_features_in_"]
    return keras.Sequential([keras.Input((None, n)), keras.layers.Dense(3), keras.layers.Dense(n)])


class Subclass(LSTMAutoencoder):
    pass


# ------------------------------------------------------------------- round trips


@pytest.mark.nightly(daily=["parameters1", "parameters8", "parameters9", "parameters10"])
@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"error": "mahalanobis", "contamination": 0.1},
        {"units": (4, 3), "optimizer__clipnorm": 1.0, "dropout": 0.1},
        {"units": [4, 3], "threshold": "adaptive", "error": "scaled_mae"},
        {"loss": keras.losses.Huber(0.5)},
        {"loss": keras.losses.log_cosh, "optimizer": keras.optimizers.RMSprop},
        {"learning_rate": keras.optimizers.schedules.CosineDecay(1e-2, 10)},
        {"optimizer": keras.optimizers.AdamW(1e-2, weight_decay=1e-3)},
        {"model": build_own},
        {"loss": own_loss},
        {"loss": OwnLoss(3)},
    ],
)
def test_scores_and_further_training_survive(small, series, path, parameters):
    model = small(5, **parameters).fit(series)
    model.save(path)
    own = {"own_loss": own_loss, "OwnLoss": OwnLoss, "build_own": build_own}
    loaded = LSTMAutoencoder.load(path, custom_objects=own)
    np.testing.assert_array_equal(loaded.score_samples(series), model.score_samples(series))
    np.testing.assert_array_equal(loaded.predict(series), model.predict(series))
    assert loaded.history_ == model.history_
    np.testing.assert_array_equal(
        loaded.partial_fit(series).score_samples(series),
        model.partial_fit(series).score_samples(series),
    )


def test_what_is_the_callers_is_named(small, path):
    small(5, loss=own_loss).save(path)
    with pytest.raises(ValueError, match="needs 'own_loss'.*custom_objects={'own_loss': ...}"):
        skae.load(path)
    assert skae.load(path, custom_objects={"own_loss": own_loss}).loss is own_loss


def test_sequences_and_their_table_survive(small, path):
    table = np.random.default_rng(0).normal(size=(20, 6))
    model = small(batch_size=8, epochs=1).fit(table)
    model.save(path)
    np.testing.assert_array_equal(skae.load(path).score_samples(table), model.score_samples(table))


def test_names_of_columns_survive(small, series, path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(series, columns=["a", "b"])
    small(5).fit(frame).save(path)
    loaded = LSTMAutoencoder.load(path)
    assert list(loaded.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        loaded.score_samples(frame.rename(columns={"a": "c"}))


def test_an_unfitted_one_keeps_its_parameters(path):
    model = LSTMAutoencoder(7, units=(8, 4), latent_dim=np.int64(3), loss=keras.losses.log_cosh)
    model.save(path)
    loaded = LSTMAutoencoder.load(path)
    assert loaded.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        loaded.predict(np.zeros((9, 1)))


@pytest.mark.parametrize(
    "max_gap", [datetime.timedelta(minutes=10), np.timedelta64(10, "m"), "10min", 2.5]
)
def test_a_gap_is_of_the_kind_that_it_was(small, series, path, max_gap):
    pd = pytest.importorskip("pandas")
    if isinstance(max_gap, float):
        index = np.arange(200.0)
    else:
        index = pd.date_range("2026-01-01", periods=200, freq="min")
    model = small(5, epochs=1, max_gap=max_gap).fit(pd.DataFrame(series, index))
    skae.save(model, path)
    loaded = skae.load(path)
    for found in (loaded.max_gap, loaded.detector_.windowing.max_gap):
        assert type(found) is type(max_gap)
        assert found == max_gap


def test_requests_and_output_survive(fitted, series, path):
    pytest.importorskip("pandas")
    with config_context(enable_metadata_routing=True):
        model = LSTMAutoencoder.load(_save(fitted, path)).set_fit_request(sample_weight=True)
    model.set_output(transform="pandas").save(path)
    loaded = LSTMAutoencoder.load(path)
    with config_context(enable_metadata_routing=True):
        assert loaded.get_metadata_routing().fit.requests["sample_weight"] is True
    assert list(loaded.transform(series)) == ["lstmautoencoder0", "lstmautoencoder1"]


def test_a_subclass_is_loaded_by_itself_alone(path):
    Subclass(5).save(path)
    assert type(Subclass.load(path)) is Subclass
    assert type(skae.load(path, custom_objects={"Subclass": Subclass})) is Subclass
    with pytest.raises(ValueError, match="holds a 'Subclass'.*custom_objects"):
        LSTMAutoencoder.load(path)
    LSTMAutoencoder(5).save(path)
    with pytest.raises(ValueError, match="with a LSTMAutoencoder, but expected a Subclass"):
        Subclass.load(path)


# ------------------------------------------------------------------- pipelines

TRANSFORMERS = [
    StandardScaler(),
    StandardScaler(with_mean=False, with_std=False),
    MinMaxScaler((-1, 1)),
    MaxAbsScaler(),
    RobustScaler(quantile_range=(10, 90)),
    QuantileTransformer(n_quantiles=20),
    Normalizer(),
    SimpleImputer(strategy="median"),
    VarianceThreshold(),
    PCA(2, svd_solver="full"),
    PowerTransformer(),
    PowerTransformer(standardize=False),
    FunctionTransformer(),
    ColumnTransformer([("scaled", StandardScaler(), [0])], remainder="passthrough"),
    ColumnTransformer([("power", PowerTransformer(), slice(0, 1))], remainder=MinMaxScaler()),
    ColumnTransformer([("left", "passthrough", [1]), ("out", "drop", [0])]),
    FeatureUnion([("scaled", StandardScaler()), ("pca", PCA(1))]),
    make_pipeline("passthrough", SequenceWindower(4)),
]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_transformers_survive(transformer, series, path):
    transformer.fit(series)
    loaded = skae.load(_save(transformer, path))
    np.testing.assert_array_equal(loaded.transform(series), transformer.transform(series))
    assert str(loaded) == str(transformer)


def test_a_column_transformer_of_names_survives(series, path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(series, columns=["a", "b"])
    steps = [("scaled", StandardScaler(), ["b"])]
    columns = ColumnTransformer(steps, remainder="passthrough", verbose_feature_names_out=False)
    columns.set_output(transform="pandas").fit(frame)
    loaded = skae.load(_save(columns, path))
    pd.testing.assert_frame_equal(loaded.transform(frame), columns.transform(frame))


def test_the_function_of_a_transformer_comes_from_the_caller(series, path):
    transformer = FunctionTransformer(np.abs, feature_names_out="one-to-one").fit(series)
    _save(transformer, path)
    with pytest.raises(ValueError, match="it needs 'absolute', which it does not contain"):
        skae.load(path)
    loaded = skae.load(path, custom_objects={"absolute": np.abs})
    np.testing.assert_array_equal(loaded.transform(series), np.abs(series))


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("ColumnTransformer", {"transformers_": [("a", StandardScaler())]}),
        ("ColumnTransformer", {"transformers_": [("a", "eval", [0])]}),
        ("ColumnTransformer", {"_transformer_to_input_indices": {"a": ["b"]}}),
        ("ColumnTransformer", {"output_indices_": {"a": [0]}}),
        ("ColumnTransformer", {"sparse_output_": 3}),
        ("PowerTransformer", {"_scaler": 3}),
        ("PowerTransformer", {"n_features_in_": 2, "lambdas_": np.ones(3)}),
    ],
)
def test_attributes_that_no_fit_leaves_are_rejected(name, attributes):
    with pytest.raises(ValueError, match="that no fit produces"):
        check_attributes(name, attributes)


def test_a_pipeline_survives(fitted, series, path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(series, columns=["a", "b"])
    pipeline = make_pipeline(StandardScaler().fit(frame), fitted)
    loaded = skae.load(_save(pipeline, path))
    np.testing.assert_array_equal(loaded.score_samples(frame), pipeline.score_samples(frame))
    with pytest.raises(ValueError, match="feature names"):
        loaded.score_samples(frame[["b", "a"]])


def test_the_class_of_a_file_is_checked(path):
    skae.save(StandardScaler(), path)
    with pytest.raises(ValueError, match="with a StandardScaler, but expected a LSTMAutoencoder"):
        LSTMAutoencoder.load(path)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (SplineTransformer(), "Got SplineTransformer.*one of"),
        (make_pipeline(StandardScaler(), SplineTransformer()), "Got SplineTransformer"),
        (LSTMAutoencoder(callbacks=[keras.callbacks.History()]), "Got callbacks=.*joblib"),
        (LSTMAutoencoder(random_state=np.random.RandomState(0)), "Got random_state=.*joblib"),
        (3, "Got estimator=3"),
        ({"a": StandardScaler()}, "Got estimator="),
    ],
    ids=["function", "pipeline", "callbacks", "random state", "number", "dict"],
)
def test_a_failed_save_leaves_the_old_file(path, thing, message):
    path.write_text("old")
    with pytest.raises(TypeError, match=message):
        skae.save(thing, path)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_an_attribute_of_ones_own_is_rejected(path):
    model = LSTMAutoencoder(5)
    model.note = "mine"
    with pytest.raises(TypeError, match=r"Got \['note'\]"):
        model.save(path)


def _save(estimator, path):
    skae.save(estimator, path)
    return path


# ------------------------------------------------------------------- what is rejected


@pytest.mark.parametrize(
    "content", [b"", b"no archive", b"PK\x03\x04", b"skae model 4\n", b"\0" * 99]
)
def test_a_file_of_something_else_is_rejected(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"Got path='.*model.skae'.*written by skae.save"):
        LSTMAutoencoder.load(path)


def test_a_newer_format_is_rejected(path, saved):
    path.write_bytes(saved.replace(b"model 4", b"model 99", 1))
    with pytest.raises(ValueError, match="of format 99, but expected 4.*upgrade"):
        LSTMAutoencoder.load(path)


def test_what_is_no_file_is_rejected(tmp_path):
    with pytest.raises(FileNotFoundError):
        skae.load(tmp_path / "nothing")
    with pytest.raises(ValueError, match="expected a regular file"):
        skae.load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and devices")
def test_devices_and_pipes_are_rejected(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", tmp_path / "pipe"):
        with pytest.raises(ValueError, match="expected a regular file"):
            skae.load(path)
        with pytest.raises(ValueError, match="expected a regular file"):
            skae.save(LSTMAutoencoder(5), path)


def test_a_file_that_is_too_large_is_rejected(path, saved):
    path.write_bytes(saved)
    with pytest.raises(ValueError, match=f"of {len(saved)} bytes, but expected .*max_bytes=1000"):
        skae.load(path, max_bytes=1000)


@settings(max_examples=60, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), cut=st.booleans())
def test_a_flipped_bit_or_a_cut_is_rejected(saved, tmp_path_factory, where, bit, cut):
    at = int(where * len(saved))
    damaged = saved[:at] if cut else bytearray(saved)
    if not cut:
        damaged[at] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "damaged.skae"
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"Got path='.*damaged.skae'"):
        skae.load(path)


def forged(saved, change):
    """Return a file with another header and a correct checksum."""
    content = saved[saved.index(b"\n") + 33 :]
    n = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + n])
    change(header)
    header = json.dumps(header).encode()
    content = struct.pack("<Q", len(header)) + header + content[8 + n :]
    return b"skae model 4\n" + hashlib.sha256(content).digest() + content


def _inside(*keys):
    def change(header, value):
        place = header["values"]["estimator"]
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def _part(*keys):
    return _inside("attributes", "_detector", "dict", *keys)


TRAINING = "network", "dict", "training", "dict"
CODE = {"dict": {"class_name": "Lambda", "module": "keras.layers", "config": {"dict": {}}}}
FORGERIES = {
    "a method": (_inside("attributes", "predict"), 3),
    "a dunder": (_inside("attributes", "__class__"), "x"),
    "NaN offset": (_part("offset"), float("nan")),
    "text offset": (_part("offset"), "0"),
    "history": (_part("training", "dict", "history"), {"dict": {"loss": [{"dict": {}}]}}),
    "windowing": (_part("windowing"), {"tuple": [5, 0]}),
    "fill values": (_part("fill_values"), {"array": 1}),
    "no such array": (_part("fill_values"), {"array": 999}),
    "architecture": (_part("network", "dict", "architecture"), {"dict": {}}),
    "optimizer": (_part(*TRAINING, "optimizer"), "LossScaleOptimizer"),
    "option": (_part(*TRAINING, "options", "dict", "name"), CODE),
    "rate": (_part(*TRAINING, "options", "dict", "learning_rate"), CODE),
    "loss": (_part(*TRAINING, "loss", "dict", "loss"), "deserialize"),
    "loss option": (_part(*TRAINING, "loss", "dict", "options"), {"dict": {"dtype": CODE}}),
    "trainable": (_part("network", "dict", "trainable"), [True]),
    "aggregation": (_part("scorer", "dict", "aggregation"), "x"),
    "parameter": (_inside("parameters", "window_size"), -1),
    "new parameter": (_inside("parameters", "get_params"), 1),
    "keras": (_inside("parameters", "loss"), {"keras": {"name": "losses.deserialize"}}),
    "custom": (_inside("parameters", "model"), {"custom": {"name": "system"}}),
    "tag": (_inside("parameters", "model"), {"pickle": "x"}),
    "class": (_inside("class"), "FunctionTransformer"),
    "output": (_inside("output"), {"__init__": "default"}),
    "request": (_inside("requests"), {"system": {"a": True}}),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_file_is_rejected(saved, path, name):
    change, value = FORGERIES[name]
    path.write_bytes(forged(saved, lambda header: change(header, value)))
    with pytest.raises(ValueError, match=r"Got path='.*model.skae'"):
        skae.load(path)


def test_a_file_forged_without_a_change_loads(saved, path, series, fitted):
    path.write_bytes(forged(saved, lambda header: None))
    np.testing.assert_array_equal(
        skae.load(path).score_samples(series), fitted.score_samples(series)
    )


def test_a_network_larger_than_its_weights_is_never_built(saved, path, monkeypatch):
    def enlarge(header):
        network = header["values"]["estimator"]["attributes"]["_detector"]["dict"]["network"]
        network["dict"]["architecture"]["dict"]["units"] = {"tuple": [10**6]}

    path.write_bytes(forged(saved, enlarge))
    with pytest.raises(ValueError, match="weights instead of at least 3000"):
        skae.load(path)


@pytest.mark.parametrize(
    "layout", [["float64", [2**40]], ["float64", [-1]], ["O", [1]], ["V8", []]]
)
def test_arrays_are_as_large_as_the_file_says(saved, path, layout):
    path.write_bytes(forged(saved, lambda header: header["arrays"].append(layout)))
    with pytest.raises(ValueError, match=r"lists arrays of|an array of the (shape|type)"):
        skae.load(path)


def test_deep_and_long_headers_are_rejected(path):
    for header in (b"[" * 10**5, b'{"values": ' + b"9" * 10**5 + b"}"):
        content = struct.pack("<Q", len(header)) + header
        path.write_bytes(b"skae model 4\n" + hashlib.sha256(content).digest() + content)
        with pytest.raises(ValueError, match=r"Got path='.*model.skae'"):
            skae.load(path)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(PLAIN)
def test_plain_values_are_written_and_read(value):
    plain, arrays = _files.unpack(_files.pack(Writer(None).write("value", value), []))
    assert Reader(arrays, None).read(plain) == value


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3).T,
        np.array(3, np.int64),
        np.zeros((0, 2), np.float32),
        np.arange(3, dtype=">i4"),
        np.array([True]),
    ],
    ids=str,
)
def test_arrays_are_written_and_read(array):
    writer = Writer(None)
    plain = writer.write("array", array)
    plain, arrays = _files.unpack(_files.pack(plain, writer.arrays))
    found = Reader(arrays, None).read(plain)
    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.shape) == (array.dtype.newbyteorder("="), array.shape)


# ------------------------------------------------------------------- atomic


def test_the_mode_and_a_link_stay(path, tmp_path):
    path.write_text("old")
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    skae.save(LSTMAutoencoder(5), link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert skae.load(path).window_size == 5


def test_a_read_only_file_is_rejected(path):
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(PermissionError, match="Got path=.*a read-only file"):
        skae.save(LSTMAutoencoder(5), path)
    assert path.read_text() == "old"


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a process cannot be asked for")
def test_leftovers_of_the_dead_are_removed(path):
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    dead, living, other = (
        path.with_name(f".{name}.{process}-1{_files.SUFFIX}")
        for name, process in ((path.name, done.pid), (path.name, os.getppid()), ("x", done.pid))
    )
    for part in (dead, living, other):
        part.touch()
    skae.save(LSTMAutoencoder(5), path)
    assert set(path.parent.iterdir()) == {path, living, other}


def test_a_write_that_fails_leaves_nothing(path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        skae.save(LSTMAutoencoder(5), path)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]
