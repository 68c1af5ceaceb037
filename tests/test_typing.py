"""A user's program, checked with the types of skae's public names."""

import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_html_repr

import skae
from skae import LSTMAutoencoder, SequenceScaler, SequenceWindower

RIGHT = """\
import numpy as np

from skae import LSTMAutoencoder, SequenceScaler, SequenceWindower, __version__, datasets, metrics

X, y = datasets.make_sequences(8, random_state=np.random.default_rng(0))
detector = LSTMAutoencoder(window_size=30, units=(8, 4), epochs="auto", optimizer__clipnorm=1.0)
a: LSTMAutoencoder = detector.fit(X).partial_fit(X, sample_weight=y)
b: float = a.score(X) + metrics.get_scorer("f1")(a, X, y) + a.tune_threshold(X, y, beta=2).offset_
c: int = int(metrics.is_outlier(y).sum())
d: SequenceWindower = SequenceWindower(5, padding=None).fit(X)
i: SequenceScaler = SequenceScaler("minmax", feature_range=(-1, 1)).partial_fit([X])
e: LSTMAutoencoder = LSTMAutoencoder.load("file")
f: str = __version__
g: SequenceWindower = SequenceWindower(5, padding="edge", max_gap="10min", output="flat")
h: LSTMAutoencoder = LSTMAutoencoder(cell="gru", error="scaled_mae", loss="mae", callbacks=[])
"""
WRONG = {
    'LSTMAutoencoder(window_size="30")': 'expected "int | Literal',
    'LSTMAutoencoder(30, units="64")': 'expected "int | tuple[int, ...] | Literal',
    'LSTMAutoencoder(30, cell="rnn")': "expected \"Literal['lstm', 'gru']",
    "LSTMAutoencoder(30, None)": "Too many positional arguments",
    "LSTMAutoencoder().fit()": 'Missing positional argument "X" in call to "fit"',
    "LSTMAutoencoder().tune_threshold(X, y, gamma=3)": 'Unexpected keyword argument "gamma"',
    "datasets.make_sequences(8, length=3)": 'Unexpected keyword argument "length"',
    "metrics.accuracy": 'Module has no attribute "accuracy"',
    "import skae; skae.Nothing": 'Module has no attribute "Nothing"',
    'SequenceWindower(stride="a")': 'expected "int"',
    'SequenceWindower(padding="zero")': 'expected "Literal',
    'metrics.get_scorer("roc_auc")(1)': "Too few arguments",
}


def test_the_package_says_that_it_is_typed():
    assert files(skae).joinpath("py.typed").is_file()


@pytest.mark.nightly
@pytest.mark.slow
def test_a_program_from_outside_is_checked(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(RIGHT + "\n".join(WRONG) + "\n")
    options = ["--strict", "--follow-imports", "silent", "--no-error-summary", "--cache-dir"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(tmp_path), str(program)],
        cwd=tmp_path,
        env={"MYPYPATH": str(Path(skae.__file__).parents[1]), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    n_right = len(RIGHT.splitlines())
    found = [line for line in done.stdout.splitlines() if " error: " in line]
    lines = [int(line.split(":")[1]) for line in found]
    assert lines == list(range(n_right + 1, n_right + 1 + len(WRONG))), done.stdout
    for line, expected in zip(found, WRONG.values(), strict=True):
        assert expected in line


@pytest.mark.parametrize("estimator", [LSTMAutoencoder(), SequenceWindower(), SequenceScaler()])
def test_the_picture_of_an_estimator_links_to_no_page_that_is_not_there(estimator):
    for one in (estimator, make_pipeline(clone(estimator))):
        links = re.findall(r'href="([^"]*)"', estimator_html_repr(one))
        assert not [link for link in links if "skae" in link]
