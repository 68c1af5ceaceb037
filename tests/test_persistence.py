import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from skae import LSTMAutoencoder


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skae"


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {"window_size": 5},
        {"window_size": 5, "error": "mahalanobis", "contamination": 0.1},
        {"window_size": 5, "units": (4, 3), "optimizer__clipnorm": 1.0},
        {"window_size": 5, "units": [4, 3]},
        {"window_size": 5, "loss": keras.losses.Huber(0.5)},
        {"window_size": 5, "learning_rate": keras.optimizers.schedules.CosineDecay(1e-2, 10)},
    ],
)
def test_scores_and_further_training_survive(small, series, path, parameters):
    model = small(**parameters).fit(series)
    model.save(path)
    loaded = LSTMAutoencoder.load(path)
    np.testing.assert_array_equal(loaded.score_samples(series), model.score_samples(series))
    np.testing.assert_array_equal(loaded.predict(series), model.predict(series))
    assert loaded.history_ == model.history_
    np.testing.assert_array_equal(
        loaded.partial_fit(series).score_samples(series),
        model.partial_fit(series).score_samples(series),
    )


def test_names_of_columns_survive(small, series, path):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(series, columns=["a", "b"])
    small(5).fit(frame).save(path)
    loaded = LSTMAutoencoder.load(path)
    assert list(loaded.feature_names_in_) == ["a", "b"]
    with pytest.raises(ValueError, match="feature names"):
        loaded.score_samples(frame.rename(columns={"a": "c"}))


def test_an_unfitted_one_keeps_its_parameters(path):
    model = LSTMAutoencoder(7, units=(8, 4), latent_dim=np.int64(3))
    model.save(path)
    loaded = LSTMAutoencoder.load(path)
    assert loaded.get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        loaded.predict(np.zeros((9, 1)))


@pytest.mark.parametrize("parameter", [{"model": len}, {"callbacks": [keras.callbacks.History]}])
def test_a_failed_save_leaves_the_old_file(small, series, path, parameter):
    path.write_text("old")
    model = small(5, **parameter)
    with pytest.raises(TypeError, match=f"Got {next(iter(parameter))}=.*joblib"):
        model.save(path)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_file_of_something_else_is_refused(path):
    path.write_text("no archive")
    with pytest.raises(ValueError, match="that LSTMAutoencoder.save wrote"):
        LSTMAutoencoder.load(path)


def test_a_newer_format_is_refused(small, path):
    small(5).save(path)
    with zipfile.ZipFile(path) as file:
        content = json.loads(file.read("skae.json")) | {"format": 99}
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("skae.json", json.dumps(content))
    with pytest.raises(ValueError, match="of format 99, but expected at most 2"):
        LSTMAutoencoder.load(path)


def test_the_archive_is_readable_without_skae(small, series, path):
    small(5).fit(series).save(path)
    with zipfile.ZipFile(path) as file:
        assert json.loads(file.read("skae.json"))["format"] == 2
        assert set(file.namelist()) == {"skae.json", "arrays.npz", "model.keras"}


FIXTURES = Path(__file__).parent / "fixtures"


def test_a_file_of_the_first_format_still_loads():
    known = np.load(FIXTURES / "format1.npz")
    model = LSTMAutoencoder.load(FIXTURES / "format1.skae")
    assert (model.contamination, model.threshold) == ("auto", "three_sigma")
    assert model.offset_ == known["offset"]
    np.testing.assert_allclose(model.score_samples(known["rows"]), known["scores"], rtol=1e-5)
    np.testing.assert_allclose(model.transform(known["rows"]), known["latents"], atol=1e-6)
    assert model.partial_fit(known["rows"]).n_iter_ == 1
