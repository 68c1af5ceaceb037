"""What an installed wheel must do; run outside of the checkout."""

import importlib.metadata
import tempfile
from pathlib import Path

import numpy as np

import skae

where = Path(skae.__file__)
assert "site-packages" in where.parts or where.parts[-3] == "wheel", f"imported from {where}"
assert importlib.metadata.version("skae") == skae.__version__
assert (where.parent / "py.typed").is_file()

X, _ = skae.datasets.load_machine(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
detector = skae.LSTMAutoencoder(20, units=8, epochs=1, random_state=0).fit(X[:500])
scores = detector.score_samples(X[:700])
assert scores.shape == (700,) and np.isfinite(scores).all()

with tempfile.TemporaryDirectory() as folder:
    skae.save(detector, Path(folder, "detector.skae"))
    loaded = skae.load(Path(folder, "detector.skae"))
np.testing.assert_array_equal(loaded.score_samples(X[:700]), scores)

(command,) = importlib.metadata.entry_points(group="console_scripts", name="skae")
assert callable(command.load())
print(f"skae {skae.__version__} fits, scores, saves and loads, as installed in {where.parent}")
