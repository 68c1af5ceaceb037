"""Displays of reconstructions, explanations, latents and trainings, by their artists."""

import matplotlib
import naive
import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import pad
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from strategies import few, random_rows

from skae import (
    ExplanationDisplay,
    LatentDisplay,
    ReconstructionDisplay,
    SequenceWindower,
    TrainingDisplay,
)
from skae._plots.axes import make_timeline
from skae._plots.explanation import join_rows

matplotlib.use("Agg")
DATES = pd.date_range("2026-01-01", periods=200, freq="h", tz="Europe/Berlin")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


@pytest.fixture(scope="module")
def frame(series):
    return pd.DataFrame(70 + 20 * series, columns=["load", "heat"], index=DATES)


@pytest.fixture(scope="module")
def detector(small, frame):
    return make_pipeline(StandardScaler(), small(5)).fit(frame)


@pytest.fixture(scope="module")
def of_sequences(small, sequences):
    return small(bottleneck="sequence").fit(sequences)


def names_on(axes):
    return [ax.get_ylabel() for ax in axes]


# ------------------------------------------------------------------------ every display


DISPLAYS = {
    "reconstruction": lambda d, X, **o: ReconstructionDisplay.from_estimator(d, X, **o),
    "explanation": lambda d, X, **o: ExplanationDisplay.from_estimator(d, X, **o),
    "latent": lambda d, X, **o: LatentDisplay.from_estimator(d, X, **o),
    "training": lambda d, X, **o: TrainingDisplay.from_estimator(d, **o),
}


@pytest.mark.parametrize("draw", DISPLAYS.values(), ids=DISPLAYS)
def test_a_display_draws_on_the_axes_it_is_given(detector, frame, draw):
    ax = Figure().subplots()
    display = draw(detector, frame, ax=ax)
    assert display.figure_ is ax.figure and ax.has_data()
    assert ax in np.atleast_1d(getattr(display, "axes_", getattr(display, "ax_", None)))


@pytest.mark.parametrize("draw", DISPLAYS.values(), ids=DISPLAYS)
def test_a_display_is_drawn_again_on_a_new_figure(detector, frame, draw):
    display = draw(detector, frame)
    first = display.figure_
    assert display.plot() is display and display.figure_ is not first
    display.figure_.canvas.draw()


# ------------------------------------------------------------------------ reconstruction


def test_a_pipeline_is_reconstructed_in_the_units_of_its_input(detector, frame):
    display = ReconstructionDisplay.from_estimator(detector, frame)
    assert names_on(display.axes_) == ["load", "heat"]
    np.testing.assert_array_equal(display.series_lines_[1].get_ydata(), frame["heat"])
    made = display.reconstruction_lines_[1].get_ydata()
    np.testing.assert_array_equal(made, display.reconstruction[:, 1])
    assert 40 < made.mean() < 100
    assert display.index[0] == np.datetime64("2025-12-31T23:00")
    texts = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert texts == ["observed", "reconstructed"]


def test_without_an_inverse_the_units_are_those_of_the_last_step(small, frame):
    pipeline = make_pipeline(NoInverse(), small(5)).fit(frame)
    display = ReconstructionDisplay.from_estimator(pipeline, frame)
    np.testing.assert_array_equal(display.values, pipeline[0].transform(frame))


class NoInverse(StandardScaler):
    """A scaler without an inverse."""

    inverse_transform = property()

    def transform(self, X, copy=None):
        return (np.asarray(X) - 70) / 20


def test_of_many_features_those_reconstructed_worst_are_drawn():
    values = random_rows(50, 38, seed=0)
    made = values.copy()
    made[:, 30] += 1
    made[:, 4] += 2
    display = ReconstructionDisplay.from_predictions(values, made, max_panels=2)
    assert names_on(display.axes_) == ["x4", "x30"]
    assert names_on(display.plot(features=["x7", 0]).axes_) == ["x7", "x0"]
    assert display.errors[[0, 30]] == pytest.approx([0, 1 / values[:, 30].var()])


def test_sequences_are_drawn_one_after_the_other(of_sequences, sequences):
    display = ReconstructionDisplay.from_estimator(of_sequences, sequences, max_series=3)
    expected = np.concatenate(sequences[:3])
    np.testing.assert_array_equal(display.values, expected)
    drawn = display.series_lines_[0].get_ydata()
    assert len(drawn) == len(expected) + 2 and np.isnan(drawn).sum() == 2
    padded = ReconstructionDisplay.from_estimator(of_sequences, pad(sequences, 8), max_series=3)
    assert padded.values.shape == (24, 2)


def test_an_index_for_other_series_is_refused(of_sequences, sequences):
    index = [np.arange(len(part)) for part in sequences]
    with pytest.raises(ValueError, match=f"index for {len(index) + 1} series"):
        ReconstructionDisplay.from_estimator(
            of_sequences, sequences, index=[*index, index[0]], max_series=3
        )


def test_a_column_says_which_series_are_reconstructed(small, frame):
    machines = np.tile(["pump", "fan"], len(frame) // 2)
    grouped = frame.assign(machine=machines)
    detector = small(5, series="machine").fit(grouped)
    display = ReconstructionDisplay.from_estimator(detector, grouped)
    assert display.feature_names == ["load", "heat"]
    order = np.argsort(machines == "fan", kind="stable")
    np.testing.assert_array_equal(display.values, frame.to_numpy()[order])
    expected = np.asarray(detector.reconstruct(grouped))[order]
    np.testing.assert_array_equal(display.reconstruction, expected)
    assert display.timeline.lengths.tolist() == [len(frame) // 2] * 2


@pytest.mark.slow
def test_the_rows_of_a_table_are_sequences(small, series):
    table = pd.DataFrame(series.reshape(-1, 10))
    display = ReconstructionDisplay.from_estimator(small().fit(table), table, max_series=4)
    np.testing.assert_array_equal(display.values[:, 0], table.to_numpy()[:4].ravel())


@pytest.mark.slow
def test_windows_are_drawn_as_the_rows_they_are_of(small, frame):
    pipeline = make_pipeline(StandardScaler(), SequenceWindower(5), small()).fit(frame)
    display = ReconstructionDisplay.from_estimator(pipeline, frame)
    np.testing.assert_array_equal(display.values, frame)
    assert display.reconstruction.mean() > 40


# ------------------------------------------------------------------------ explanation


def test_an_explanation_is_a_map_of_rows_by_features(detector, frame):
    display = ExplanationDisplay.from_estimator(detector, frame)
    shares = detector[-1].explain(detector[0].transform(frame))
    np.testing.assert_array_equal(display.contributions, shares)
    np.testing.assert_array_equal(display.mesh_.get_array(), shares.T)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["load", "heat"]
    outlying = detector.predict(frame) == -1
    assert sum(e.end - e.start + 1 for e in display.events) == outlying.sum()
    assert len(display.event_spans_) == len(display.events)
    assert "error" in display.colorbar_.ax.get_ylabel()


def test_dates_stand_below_the_map(frame):
    display = ExplanationDisplay.from_predictions(frame.abs(), events=[(3, 5, 4)])
    display.figure_.canvas.draw()
    formatter = display.ax_.xaxis.get_major_formatter()
    assert formatter.get_offset() == "2026"
    span = display.event_spans_[0]
    day = matplotlib.dates.date2num(DATES[3].tz_convert(None))
    assert span.get_x() == pytest.approx(day) and span.get_y() > 1


@pytest.mark.parametrize("height", [None, 4.8])
def test_the_names_of_38_features_do_not_overlap(height):
    ax = None if height is None else Figure((6.4, height)).subplots()
    display = ExplanationDisplay.from_predictions(np.ones((300, 38)), ax=ax)
    display.figure_.canvas.draw()
    boxes = [label.get_window_extent() for label in display.ax_.get_yticklabels()]
    assert len(boxes) == 38
    assert all(upper.y0 >= lower.y1 - 1 for upper, lower in zip(boxes, boxes[1:], strict=False))
    assert display.ax_.get_yticklabels()[0].get_fontsize() >= 5


def test_features_are_drawn_in_the_order_asked_for():
    shares = np.arange(12.0).reshape(4, 3)
    display = ExplanationDisplay.from_predictions(shares, features=["x2", 0])
    np.testing.assert_array_equal(display.mesh_.get_array(), shares.T[[2, 0]])


def test_a_sequence_is_a_column_of_the_map(of_sequences, sequences):
    display = ExplanationDisplay.from_estimator(of_sequences, sequences)
    expected = [part.mean(axis=0) for part in of_sequences.explain(sequences)]
    np.testing.assert_allclose(display.contributions, expected, rtol=1e-6)
    padded = ExplanationDisplay.from_estimator(of_sequences, pad(sequences, 8))
    np.testing.assert_allclose(padded.contributions, expected, rtol=1e-4, atol=1e-6)


def test_an_empty_column_stands_between_series(detector, frame):
    scaled = detector[0].transform(frame)
    display = ExplanationDisplay.from_estimator(detector[-1], [scaled[:80], scaled[80:]])
    assert display.contributions.shape == (200, 2) and display.mesh_.get_array().shape == (2, 200)
    assert any(list(line.get_xdata()) == [79.5, 79.5] for line in display.ax_.lines)
    apart = [frame[:80].abs(), frame[120:].abs()]
    display = ExplanationDisplay.from_predictions(apart)
    cells = display.mesh_.get_array()
    assert cells.shape == (2, 161) and np.isnan(np.ma.filled(cells, np.nan)[:, 80]).all()


@few
@given(st.integers(1, 40), st.integers(0, 99), st.integers(1, 12), st.booleans())
def test_cells_equal_their_naive_twin(n_rows, seed, n, gap):
    shares = random_rows(n_rows, 2, seed, missing=0.3)
    axis = np.arange(n_rows) + 100.0 * (np.arange(n_rows) > 8) * gap
    cells = join_rows(shares, axis, make_timeline(None, [n_rows]), n)
    assert len(cells.edges) == len(cells.values) + 1 and (np.diff(cells.edges) > 0).all()
    owner = np.searchsorted(cells.edges, axis, side="right") - 1
    assert owner.max() < len(cells.values)
    for cell, values in enumerate(cells.values):
        expected = naive.column_maxima(shares[owner == cell], 2)
        np.testing.assert_array_equal(values, expected)


# ------------------------------------------------------------------------ latents


def test_latents_are_drawn_with_the_worst_on_top(detector, frame):
    display = LatentDisplay.from_estimator(detector, frame)
    latents = detector.transform(frame)
    scores = -detector.score_samples(frame)
    order = np.argsort(scores, kind="stable")
    (scatter,) = display.scatters_
    np.testing.assert_allclose(scatter.get_offsets(), latents[order])
    np.testing.assert_allclose(scatter.get_array(), scores[order])
    assert display.colorbar_ is not None
    assert display.ax_.get_xlabel() == "latent 0"


def test_more_dimensions_are_projected_on_principal_components():
    latents = random_rows(60, 5, seed=0) * [1, 9, 1, 3, 1]
    latents[7, 0] = np.nan
    display = LatentDisplay.from_predictions(latents)
    seen = np.delete(latents, 7, axis=0)
    centred = seen - seen.mean(axis=0)
    _, widths, axes = np.linalg.svd(centred, full_matrices=False)
    expected = np.abs(centred @ axes[:2].T)
    np.testing.assert_allclose(np.abs(np.delete(display.points, 7, axis=0)), expected)
    shares = widths**2 / (widths**2).sum()
    np.testing.assert_allclose(display.explained_variance_ratio, shares[:2])
    assert display.ax_.get_ylabel() == f"principal component 2 ({shares[1]:.0%})"
    assert len(display.scatters_[0].get_offsets()) == 59


def test_a_single_latent_is_drawn_over_the_samples():
    display = LatentDisplay.from_predictions(np.arange(5.0)[:, None])
    np.testing.assert_array_equal(display.points, np.column_stack([np.arange(5)] * 2))
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("sample", "latent 0")


def test_rare_labels_are_drawn_above_the_others(detector, frame):
    labels = np.where(np.arange(200) % 50 == 0, "fault", "normal")
    display = LatentDisplay.from_estimator(detector, frame, labels=labels)
    assert [len(s.get_offsets()) for s in display.scatters_] == [196, 4]
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["normal", "fault"] and display.colorbar_ is None


def test_labels_that_are_numbers_stand_in_their_order(frame):
    labels = np.repeat([3, 1, 4, 0], [80, 60, 40, 20])
    display = LatentDisplay(latents=frame.to_numpy(), labels=labels).plot()
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "3", "4"]
    assert [s.get_label() for s in display.scatters_] == ["3", "1", "4", "0"]
    colors = [
        same_color(a.get_facecolor(), b.get_facecolor())
        for a, b in zip(
            legend.legend_handles, [display.scatters_[i] for i in (3, 1, 0, 2)], strict=True
        )
    ]
    assert all(colors)


def test_scores_far_apart_get_logarithmic_colours():
    scores = -np.r_[np.ones(50), 100]
    display = LatentDisplay.from_predictions(random_rows(51, 2, seed=0), scores)
    assert type(display.scatters_[0].norm).__name__ == "LogNorm"


def test_latents_of_steps_are_averaged(of_sequences, sequences):
    expected = [part.mean(axis=0) for part in of_sequences.transform(sequences)]
    for X in (sequences, pad(sequences, 8)):
        display = LatentDisplay.from_estimator(of_sequences, X, s=3)
        np.testing.assert_allclose(display.latents, expected, rtol=1e-4, atol=1e-6)


def test_latents_of_several_series_are_drawn_together(detector, frame):
    scaled = detector[0].transform(frame)
    parts = [scaled[:80], scaled[80:]]
    labels = [np.zeros(80), np.ones(120)]
    display = LatentDisplay.from_estimator(detector[-1], parts, labels=labels)
    np.testing.assert_array_equal(display.points, np.concatenate(detector[-1].transform(parts)))
    assert LatentDisplay.from_estimator(detector[-1], parts).scores.shape == (200,)


# ------------------------------------------------------------------------ training


def test_training_shows_the_losses_and_the_lowest_one(detector):
    history = detector[-1].history_
    display = TrainingDisplay.from_estimator(detector)
    np.testing.assert_array_equal(display.loss_line_.get_ydata(), history["loss"])
    np.testing.assert_array_equal(display.val_loss_line_.get_ydata(), history["val_loss"])
    np.testing.assert_array_equal(display.loss_line_.get_xdata(), [1, 2])
    best = 1 + int(np.argmin(history["val_loss"]))
    assert display.best_epoch == best
    assert list(display.best_line_.get_xdata()) == [best, best]
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts[:2] == ["training", "held out"]
    assert texts[2] == f"lowest: {min(history['val_loss']):.3g} in epoch {best}"


def test_without_held_out_data_the_loss_itself_is_judged():
    display = TrainingDisplay.from_history({"loss": [2.0, np.nan, 1.0, 1.5]})
    assert display.best_epoch == 3 and display.val_loss_line_ is None


@pytest.mark.parametrize(
    ("losses", "log_scale", "scale"),
    [([2, 1], "auto", "linear"), ([20, 1], "auto", "log"), ([20, 1], False, "linear")],
)
def test_losses_far_apart_get_a_logarithmic_axis(losses, log_scale, scale):
    display = TrainingDisplay.from_history({"loss": losses}, log_scale=log_scale)
    assert display.ax_.get_yscale() == scale
    display.figure_.canvas.draw()
    texts = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert not any("e" in text or "^" in text for text in texts)


# ------------------------------------------------------------------------ what is rejected


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: ReconstructionDisplay(values=np.ones((3, 2)), reconstruction=np.ones((3, 1))),
            ValueError,
            r"Got reconstruction of shape \(3, 1\), but expected the shape \(3, 2\) of values",
        ),
        (
            lambda: ReconstructionDisplay.from_predictions(
                np.ones((3, 2)), np.ones((3, 2)), features=["x0"], ax=list(Figure().subplots(2))
            ),
            ValueError,
            "Got 2 axes for 1 features, but expected one for each feature",
        ),
        (
            lambda: ReconstructionDisplay.from_estimator(StandardScaler(), np.ones((3, 2))),
            AttributeError,
            "Got method='reconstruct', but expected .* StandardScaler",
        ),
        (
            lambda: ExplanationDisplay.from_predictions(np.ones((3, 2)), feature_names=["a"]),
            ValueError,
            "Got 1 feature_names, but expected 2",
        ),
        (
            lambda: ExplanationDisplay.from_predictions(np.ones((3, 2)), features=["a"]),
            ValueError,
            "Got feature 'a', but expected a number or one of",
        ),
        (
            lambda: LatentDisplay(latents=np.ones(3)),
            ValueError,
            r"Got latents of shape \(3,\) .* expected numbers of shape \(n_samples, latent_dim\)",
        ),
        (
            lambda: LatentDisplay(latents=np.ones((3, 2)), scores=np.ones(2)),
            ValueError,
            r"Got scores of shape \(2,\), but expected one entry for each of the 3 latents",
        ),
        (
            lambda: LatentDisplay(latents=np.full((3, 4), np.nan)),
            ValueError,
            "Got latents of which 0 are finite",
        ),
        (
            lambda: LatentDisplay.from_predictions(np.ones((9, 2)), labels=range(9)),
            ValueError,
            "Got 9 different labels, but expected at most 8",
        ),
        (
            lambda: TrainingDisplay.from_history({"accuracy": [1]}),
            ValueError,
            "Got history of type dict, but expected a dict with the losses",
        ),
        (
            lambda: TrainingDisplay(loss=[1, 2], val_loss=[1]),
            ValueError,
            r"Got val_loss of shape \(1,\)",
        ),
        (lambda: TrainingDisplay(loss=[np.nan]), ValueError, "Got 1 losses, none of them finite"),
    ],
)
def test_displays_reject(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_polars_brings_the_names_of_its_columns():
    shares = pl.DataFrame({"load": [1.0, 2.0], "heat": [0.0, 1.0]})
    assert ExplanationDisplay.from_predictions(shares).feature_names == ["load", "heat"]
