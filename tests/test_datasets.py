import numpy as np
import pytest

from skae.datasets import Fault, load_machine, make_sequences


@pytest.fixture(scope="module")
def machine():
    return load_machine()


def test_machine_has_the_promised_shapes_and_dtypes(machine):
    assert machine.data.shape == (6048, 4) and machine.data.dtype == np.float64
    assert machine.target.shape == (6048,) and machine.target.dtype == np.int64
    assert machine.timestamps.shape == (6048,) and machine.timestamps.dtype == "datetime64[s]"
    assert np.unique(np.diff(machine.timestamps)) == np.timedelta64(600, "s")
    assert machine.feature_names == ["load", "temperature", "vibration", "pressure"]
    assert np.isfinite(machine.data).all()
    assert str(len(machine.data)) in machine.DESCR and str(machine.train_rows) in machine.DESCR


def test_machine_is_the_same_on_every_call_and_leaves_the_global_state_alone(machine):
    before = np.random.get_state()[1].copy()
    np.testing.assert_array_equal(load_machine().data, machine.data)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_target_marks_exactly_the_rows_of_the_events(machine):
    rows = np.zeros(len(machine.data), dtype=int)
    for start, end, _, feature in machine.events:
        assert feature in machine.feature_names
        assert not rows[start : end + 1].any(), "two faults overlap"
        rows[start : end + 1] = 1
    np.testing.assert_array_equal(machine.target, rows)


def test_faults_are_of_eight_kinds_and_all_after_the_training_rows(machine):
    assert len({event.kind for event in machine.events}) == len(machine.events) == 8
    assert all(isinstance(event, Fault) for event in machine.events)
    assert machine.events == sorted(machine.events)
    assert not machine.target[: machine.train_rows].any()
    assert machine.events[0].start > machine.train_rows


def test_faults_break_the_pattern_and_not_the_range(machine):
    healthy = machine.data[: machine.train_rows]
    beyond = (machine.data < healthy.min(axis=0)) | (machine.data > healthy.max(axis=0))
    assert beyond[machine.target == 1].any(axis=1).mean() < 0.02


def test_detectors_that_look_at_single_rows_do_poorly_on_the_machine(machine):
    from sklearn.ensemble import IsolationForest
    from sklearn.metrics import roc_auc_score

    forest = IsolationForest(n_estimators=50, random_state=0).fit(machine.data[:3024])
    scores = forest.score_samples(machine.data[3024:])
    assert roc_auc_score(machine.target[3024:], -scores) < 0.75


def test_faults_change_only_what_they_say(machine):
    pump = next(event for event in machine.events if event.kind == "failing pump")
    rows = slice(pump.start, pump.end + 1)
    healthy = machine.data[: machine.train_rows, 3]
    assert machine.data[rows, 3].std() < healthy.std() / 4
    stuck = next(event for event in machine.events if event.kind == "stuck sensor")
    assert np.ptp(machine.data[stuck.start : stuck.end + 1, 1]) == 0


def test_load_machine_returns_X_y():
    X, y = load_machine(return_X_y=True)
    assert X.shape == (6048, 4) and y.sum() > 0


def test_load_machine_as_frame(machine):
    bunch = load_machine(as_frame=True)
    assert list(bunch.data.columns) == machine.feature_names
    assert (bunch.data.index == machine.timestamps).all()
    assert (bunch.target.index == bunch.data.index).all()
    np.testing.assert_array_equal(bunch.data.to_numpy(), machine.data)


def test_load_machine_as_frame_without_pandas_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        load_machine(as_frame=True)


def test_make_sequences_has_the_promised_lengths_and_labels():
    sequences, y = make_sequences(
        50, n_features=3, min_length=5, max_length=9, contamination=0.2, random_state=0
    )
    lengths = {len(sequence) for sequence in sequences}
    assert len(sequences) == 50 and lengths == {5, 6, 7, 8, 9}
    assert all(sequence.shape[1] == 3 for sequence in sequences)
    assert y.dtype == np.int64 and y.sum() == 10


@pytest.mark.parametrize("random_state", [0, np.random.default_rng])
def test_make_sequences_is_reproducible(random_state):
    def make():
        state = random_state(1) if callable(random_state) else random_state
        return make_sequences(6, random_state=state)

    (first, y_first), (second, y_second) = make(), make()
    np.testing.assert_array_equal(y_first, y_second)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_rhythm_doubles_in_an_anomalous_sequence_and_only_there():
    sequences, y = make_sequences(
        20, min_length=96, max_length=96, contamination=0.5, noise=0, random_state=0
    )
    for sequence, label in zip(sequences, y, strict=True):
        halves = np.abs(np.fft.rfft(sequence[:48, 0])), np.abs(np.fft.rfft(sequence[48:, 0]))
        assert halves[1].argmax() == halves[0].argmax() * (2 if label else 1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_samples": 0}, "Got n_samples=0, but expected an integer of at least 1"),
        ({"n_features": 0}, "Got n_features=0"),
        ({"min_length": 0}, "Got min_length=0"),
        ({"min_length": 9, "max_length": 8}, "Got max_length=8, but expected at least min_length"),
        ({"contamination": 1.5}, r"Got contamination=1.5, but expected a number in \[0, 1\]"),
        ({"noise": -1}, "Got noise=-1"),
    ],
)
def test_make_sequences_rejects(params, message):
    with pytest.raises(ValueError, match=message):
        make_sequences(**params)
