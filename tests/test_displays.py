import itertools
import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.colors import same_color
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae._output.pipeline import grouping_of
from skae._plots.axes import DETECTED, LABELLED, in_lines, make_axes
from skae._plots.explanation import ExplanationDisplay
from skae._plots.score import AnomalyScoreDisplay

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def make_display(**params):
    scores = np.ones(100)
    scores[[20, 21, 60]] = [5, 6, 7]
    values = np.arange(200.0).reshape(100, 2)
    return AnomalyScoreDisplay(**{"values": values, "scores": scores, "threshold": 3.0, **params})


class Threshold:
    """An estimator with the fewest methods; the score of a row is minus its size."""

    offset_ = -10.0

    def score_samples(self, X):
        return -np.abs(np.asarray(X)).max(axis=1)


def test_display_stores_arrays_and_finds_events():
    display = make_display()
    assert display.events == [(20, 21, 21), (60, 60, 60)]
    assert display.feature_names == ["x0", "x1"]
    np.testing.assert_array_equal(display.index, np.arange(100))
    assert not hasattr(display, "axes_")


def test_plot_draws_a_panel_for_each_feature_and_one_for_the_scores():
    display = make_display(feature_names=["load", "heat"]).plot()
    assert [ax.get_ylabel() for ax in display.axes_] == ["load", "heat", "anomaly score"]
    np.testing.assert_array_equal(display.series_lines_[1].get_ydata(), display.values[:, 1])
    np.testing.assert_array_equal(display.score_line_.get_ydata(), display.scores)
    assert display.threshold_line_.get_ydata() == [3, 3]
    assert display.axes_[0].figure is display.figure_


def test_plot_returns_the_display_and_may_be_called_again():
    display = make_display()
    assert display.plot() is display
    first = display.figure_
    assert display.plot().figure_ is not first


def test_events_are_shaded_in_every_panel():
    display = make_display().plot()
    assert len(display.event_spans_) == 2 * 3
    span = display.event_spans_[0]
    assert (span.get_x(), span.get_x() + span.get_width()) == (20, 21)
    assert same_color(span.get_facecolor()[:3], DETECTED)


def test_labelled_events_stand_apart_from_detected_ones():
    labels = np.zeros(100, dtype=int)
    labels[18:25] = 1
    display = make_display(labels=labels).plot()
    assert len(display.label_spans_) == 3
    span = display.label_spans_[0]
    assert (span.get_x(), span.get_x() + span.get_width()) == (18, 24)
    assert same_color(span.get_facecolor(), LABELLED)
    assert span.get_y() > 1, "labels lie above the panel, detected events in it"


@pytest.mark.parametrize("encode", [np.asarray, lambda y: y == 1, lambda y: 1 - 2 * y])
def test_labels_are_zero_one_bool_or_minus_one(encode):
    y = np.zeros(100, dtype=int)
    y[5:7] = 1
    display = make_display(labels=encode(y)).plot()
    assert [span.get_x() for span in display.label_spans_] == [5] * 3


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (None, ["score", "threshold", "detected"]),
        (np.arange(100) == 3, ["score", "threshold", "detected", "labelled"]),
    ],
)
def test_legend_names_what_is_there(labels, names):
    display = make_display(labels=labels).plot()
    assert [text.get_text() for text in display.axes_[0].get_legend().get_texts()] == names


def test_legend_without_events():
    display = make_display(threshold=100).plot()
    names = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert names == ["score", "threshold"] and display.event_spans_ == []


def test_a_single_axes_takes_the_scores_only():
    ax = Figure().subplots()
    display = make_display().plot(ax)
    assert list(display.axes_) == [ax] and display.series_lines_ == []
    assert display.score_line_ in ax.lines


def test_axes_of_ones_own_take_the_first_features():
    axes = make_axes(1, Figure())
    display = make_display().plot(axes)
    assert [ax.get_ylabel() for ax in display.axes_] == ["x0", "anomaly score"]


@pytest.mark.parametrize("features", [["x1"], [1]])
def test_features_are_chosen_by_name_or_number(features):
    display = make_display().plot(features=features)
    assert [ax.get_ylabel() for ax in display.axes_] == ["x1", "anomaly score"]


def test_many_features_do_not_make_many_panels():
    display = make_display(values=np.zeros((100, 40)))
    assert len(display.plot().axes_) == 7
    assert len(display.plot(max_panels=2).axes_) == 3


def test_dates_are_formatted_as_dates():
    index = np.datetime64("2024-01-01") + np.arange(100) * np.timedelta64(12, "h")
    display = make_display(index=index).plot()
    display.figure_.canvas.draw()
    formatter = display.axes_[-1].xaxis.get_major_formatter()
    assert isinstance(formatter, ConciseDateFormatter)
    assert display.axes_[-1].get_xticklabels()[0].get_text() == "Jan"
    assert formatter.get_offset() == "2024", "the year, and not the month of the last tick"


@pytest.mark.parametrize(("n_hours", "offset"), [(12, "2024-Jan-01"), (60, "2024"), (24 * 900, "")])
def test_what_all_dates_have_in_common_stands_beside_them(n_hours, offset):
    hours = np.linspace(0, n_hours - 1, 100).astype(int)
    index = np.datetime64("2024-01-01T02") + hours * np.timedelta64(1, "h")
    display = make_display(index=index).plot()
    display.figure_.canvas.draw()
    assert display.ax_.xaxis.get_major_formatter().get_offset() == offset


@pytest.mark.parametrize(
    ("start", "step", "offset"),
    [("2026-01-31T23:59:20", "s", "2026-Jan-31 to Feb-01"), ("2026-03-02T07:00", "5h", "2026-Mar")],
)
def test_ticks_without_a_month_have_it_beside_them(start, step, offset):
    index = np.datetime64(start) + np.arange(100).astype(f"m8[{step}]")
    display = make_display(index=index).plot()
    display.figure_.canvas.draw()
    assert display.ax_.xaxis.get_major_formatter().get_offset() == offset


@pytest.mark.parametrize("size", [(11, 10), (6.4, 4.8)])
@pytest.mark.slow
def test_long_names_of_panels_do_not_overlap(size):
    names = [f"turbine_{i:02d}_bearing_temperature" for i in range(6)]
    display = make_display(values=np.zeros((100, 6)), feature_names=names).plot()
    display.figure_.set_size_inches(size)
    display.figure_.canvas.draw()
    boxes = [ax.yaxis.label.get_window_extent() for ax in display.axes_]
    assert all(lower.y1 <= upper.y0 for upper, lower in itertools.pairwise(boxes))
    assert min(box.x0 for box in boxes) >= 0
    assert "".join(display.axes_[0].get_ylabel().split()) == names[0]


def test_names_beyond_measure_lose_their_middle():
    first, *_ = lines = in_lines("a_" * 20 + "middle" + "_z" * 20).split("\n")
    assert len(lines) <= 4 and max(map(len, lines)) <= 23
    assert first.startswith("a_") and lines[-1].endswith("_z")
    assert "\N{HORIZONTAL ELLIPSIS}" in "".join(lines)
    assert in_lines("load") == "load" and in_lines("") == ""


@pytest.mark.parametrize(
    ("peak", "log_scale", "scale"),
    [(50, "auto", "linear"), (100, "auto", "log"), (1000, False, "linear"), (7, True, "log")],
)
def test_scores_far_above_the_threshold_get_a_logarithmic_axis(peak, log_scale, scale):
    scores = np.ones(100)
    scores[50] = peak
    display = make_display(scores=scores).plot(log_scale=log_scale)
    assert display.axes_[-1].get_yscale() == scale


def test_from_estimator_scores_and_plots():
    X = np.zeros((50, 1))
    X[[10, 12, 30]] = 20
    display = AnomalyScoreDisplay.from_estimator(Threshold(), X, merge_gap=1, min_length=2)
    assert display.threshold == 10 and display.events == [(10, 12, 10)]
    assert len(display.axes_) == 2


def test_from_estimator_takes_index_and_names_from_a_dataframe():
    index = pd.date_range("2024-01-01", periods=50, freq="h", tz="Europe/Berlin")
    X = pd.DataFrame({"load": np.zeros(50)}, index=index)
    display = AnomalyScoreDisplay.from_estimator(Threshold(), X)
    assert display.feature_names == ["load"]
    assert display.index[0] == np.datetime64("2023-12-31T23:00"), "aware times become UTC"


def test_periods_are_drawn_at_their_beginning():
    X = pd.DataFrame({"load": np.zeros(5)}, index=pd.period_range("2026-01", periods=5, freq="M"))
    display = AnomalyScoreDisplay.from_estimator(Threshold(), X)
    assert display.index[1] == np.datetime64("2026-02-01")


def test_rows_may_be_lists_and_series_nested_ones():
    assert make_display(values=np.zeros((100, 2)).tolist()).timeline.lengths.tolist() == [100]
    parts = [np.zeros((60, 2)).tolist(), np.zeros((40, 2)).tolist()]
    assert make_display(values=parts).timeline.lengths.tolist() == [60, 40]


def test_from_estimator_takes_names_from_polars_and_row_numbers_for_a_text_index():
    X = pd.DataFrame({"load": np.zeros(5)}, index=list("abcde"))
    assert AnomalyScoreDisplay.from_estimator(Threshold(), X).index[0] == 0
    display = AnomalyScoreDisplay.from_estimator(Threshold(), pl.DataFrame({"load": [0.0] * 5}))
    assert display.feature_names == ["load"]


def test_from_estimator_finds_the_threshold_of_a_pipeline():
    X = np.random.default_rng(0).normal(size=(60, 2))
    pipeline = make_pipeline(StandardScaler(), IsolationForest(n_estimators=5, random_state=0))
    display = AnomalyScoreDisplay.from_estimator(pipeline.fit(X), X)
    assert display.threshold == pytest.approx(-pipeline[-1].offset_)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"scores": np.ones(99)}, r"Got scores of shape \(99,\).*100 rows"),
        ({"labels": np.ones(3)}, "Got labels of shape"),
        ({"threshold": np.ones(3)}, "Got threshold of shape"),
        ({"index": np.ones(3)}, "Got index of shape"),
        ({"values": [np.ones((2, 3)), np.ones((2, 4))]}, r"Got values with \[3, 4\] features"),
        ({"labels": np.full(100, 2)}, r"Got labels with the values \[2\]"),
        ({"feature_names": ["a"]}, "Got 1 feature_names, but expected 2"),
        ({"values": np.ones((2, 3, 4))}, r"Got values of shape \(2, 3, 4\)"),
        ({"values": np.array([["a"]])}, "expected one numeric series"),
    ],
)
def test_display_rejects(params, message):
    with pytest.raises(ValueError, match=message):
        make_display(**params).plot()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"features": ["nope"]}, r"Got feature 'nope', but expected a number or one of \['x0'"),
        ({"features": [2]}, "Got feature 2"),
        ({"ax": make_axes(3, Figure())}, "Got 4 axes for 2 features"),
        ({"ax": make_axes(2, Figure()), "features": [0]}, "Got 3 axes for 1 features"),
    ],
)
def test_plot_rejects(params, message):
    with pytest.raises(ValueError, match=message):
        make_display().plot(**params)


def test_scores_of_score_samples_are_drawn_as_errors():
    X = pd.DataFrame({"load": np.zeros(50)}, index=np.arange(50) * 10)
    scores = np.full(50, -1.0)
    scores[[10, 12, 30]] = -20
    display = AnomalyScoreDisplay.from_predictions(X, scores, offset=-10, merge_gap=1, min_length=2)
    np.testing.assert_array_equal(display.scores, -scores)
    assert display.threshold == 10 and display.events == [(10, 12, 10)]
    assert display.index[-1] == 490 and display.ax_.get_ylabel() == "anomaly score"


def test_a_tuple_holds_several_series():
    series = [np.zeros((30, 1)), np.zeros((20, 1))]
    scores = [np.full(30, -1.0), np.full(20, -1.0)]
    scores[0][-1] = scores[1][0] = -20
    drawn = [
        AnomalyScoreDisplay.from_predictions(kind(series), kind(scores), offset=-10)
        for kind in (list, tuple)
    ]
    assert [len(display.events) for display in drawn] == [2, 2]  # not one across the border


class Adapts(Threshold):
    """An estimator with a threshold that rises with time."""

    threshold = "adaptive"

    def decision_function(self, X):
        return self.score_samples(X) + 10 + np.arange(len(X))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda e: e,
        lambda e: SimpleNamespace(
            score_samples=e.score_samples, decision_function=e.decision_function
        ),
    ],
)
def test_a_threshold_that_adapts_is_drawn_as_it_is(wrap):
    X = np.zeros((50, 1))
    X[[3, 40]] = 20
    display = AnomalyScoreDisplay.from_estimator(wrap(Adapts()), X)
    assert display.events == [(3, 3, 3)]
    np.testing.assert_array_equal(display.threshold_line_.get_ydata(), 10 + np.arange(50))


def test_an_outage_is_no_event():
    X = np.r_[np.zeros(5), np.full(5, np.nan), 20, np.zeros(5)][:, None]
    display = AnomalyScoreDisplay.from_estimator(Threshold(), X)
    assert display.events == [(10, 10, 10)]


# ------------------------------------------------------------------------ several series


@pytest.mark.parametrize("as_frames", [False, True])
def test_series_are_drawn_one_after_the_other(as_frames):
    first, second = np.zeros((30, 2)), np.zeros((20, 2))
    first[-1] = second[0] = 20
    parts = [pd.DataFrame(p, columns=["a", "b"]) for p in (first, second)]
    display = AnomalyScoreDisplay.from_estimator(
        OfSeries(), parts if as_frames else [first, second], merge_gap=5
    )
    assert display.events == [(29, 29, 29), (30, 30, 30)], "none reaches across the border"
    drawn = display.score_line_.get_ydata()
    assert len(drawn) == 51 and np.isnan(drawn[30]), "the line breaks off"
    assert display.feature_names == (["a", "b"] if as_frames else ["x0", "x1"])
    np.testing.assert_array_equal(display.index, np.arange(50))
    borders = [line for line in display.ax_.lines if list(line.get_xdata()) == [29.5, 29.5]]
    assert len(borders) == 1


def test_series_that_follow_each_other_stand_at_their_times():
    times = pd.date_range("2026-01-01", periods=50, freq="h").delete(range(20, 40))
    frame = pd.DataFrame(np.zeros((30, 1)), index=times)
    display = AnomalyScoreDisplay.from_estimator(OfSeries(), [frame[:20], frame[20:]])
    np.testing.assert_array_equal(display.index, times.to_numpy())
    assert len(display.ax_.lines) == 2, "score and threshold: the gap itself shows the border"


def test_labels_of_series_are_a_list_too():
    labels = [np.array([0, 1]), np.array([1, 0, 0])]
    display = AnomalyScoreDisplay.from_estimator(
        OfSeries(), [np.zeros((2, 1)), np.zeros((3, 1))], labels=labels
    )
    assert [span.get_x() for span in display.label_spans_] == [1, 2] * 2


class OfSeries(Threshold):
    """An estimator that returns a list for a list."""

    def score_samples(self, X):
        return [super(OfSeries, self).score_samples(part) for part in X]


class InOneFrame(Threshold):
    """An estimator that splits series by a column, with results in the order of the rows."""

    series = "machine"

    def score_samples(self, X):
        return super().score_samples(X.drop(columns=self.series))

    def explain(self, X):
        return np.abs(X.drop(columns=self.series).to_numpy())


def test_a_column_says_which_series_a_row_belongs_to():
    frame = pd.DataFrame({"load": np.arange(6.0), "machine": list("abab") + ["b", "a"]})
    frame.loc[[4, 5], "load"] = 20
    display = AnomalyScoreDisplay.from_estimator(InOneFrame(), frame, labels=[0, 0, 0, 0, 1, 0])
    assert display.feature_names == ["load"]
    np.testing.assert_array_equal(display.values[:, 0], [0, 2, 20, 1, 3, 20])
    assert display.events == [(2, 2, 2), (5, 5, 5)]
    assert display.labels.tolist() == [0, 0, 0, 0, 0, 1]
    blame = ExplanationDisplay.from_estimator(InOneFrame(), frame)
    np.testing.assert_array_equal(blame.contributions, display.values)
    assert blame.events == display.events and blame.feature_names == ["load"]


def test_polars_frames_are_taken_apart_too():
    frame = pl.DataFrame({"machine": ["a", "b", "a"], "load": [1.0, 2.0, 3.0]})
    grouping = grouping_of(make_pipeline(StandardScaler(), InOneFrame()), frame)
    assert [part["load"].to_list() for part in grouping.frames(frame)] == [[1, 3], [2]]
    assert grouping_of(InOneFrame(), frame.drop("machine")).labels is None
    assert grouping_of(StandardScaler(), frame).labels is None


def test_a_level_of_the_index_says_which_series_a_row_belongs_to():
    times = pd.date_range("2026-01-01", periods=2)
    levels = pd.MultiIndex.from_product([times, ["pump", "fan"]], names=["time", "machine"])
    frame = pd.DataFrame({"load": np.arange(4.0)}, levels)
    grouping = grouping_of(make_pipeline(StandardScaler(), InOneFrame()), frame)
    parts = grouping.frames(frame)
    assert [part["load"].tolist() for part in parts] == [[0, 2], [1, 3]]
    assert all(part.index.equals(times) for part in parts)


class AtPosition(Threshold):
    """An estimator that splits series by the last column of an array."""

    series = -1

    def score_samples(self, X):
        return super().score_samples(np.asarray(X)[:, :1].astype(float))


@pytest.mark.parametrize("as_array", [False, True])
@pytest.mark.parametrize("machines", [list("abab"), [3, 1, 3, 1]])
def test_a_position_says_which_series_a_row_belongs_to(as_array, machines):
    frame = pd.DataFrame({"load": np.arange(4.0), "machine": machines})
    to_last = ColumnTransformer([("scale", StandardScaler(with_mean=False), ["load"])])
    to_last.set_params(remainder="passthrough").fit(frame)
    estimator = AtPosition() if as_array else make_pipeline(to_last, AtPosition())
    X = frame.to_numpy() if as_array else frame[["machine", "load"]]
    grouping = grouping_of(estimator, X)
    assert [np.asarray(part).ravel().tolist() for part in grouping.frames(X)] == [[0, 2], [1, 3]]
    arriving = grouping.frames(frame.to_numpy(dtype=object))
    assert [part.ravel().tolist() for part in arriving] == [[0, 2], [1, 3]]


# ------------------------------------------------------------------------ many features


def test_of_many_features_those_most_to_blame_are_drawn():
    contributions = np.ones((100, 38))
    contributions[20:22, 30], contributions[60, 7], contributions[:20, 5] = 9, 20, 99
    display = make_display(values=np.zeros((100, 38)), contributions=contributions)
    names = [ax.get_ylabel() for ax in display.plot(max_panels=2).axes_]
    assert names == ["x7", "x30", "anomaly score"]
    quiet = make_display(values=np.zeros((100, 38)), contributions=contributions, threshold=99)
    assert quiet.plot(max_panels=1).axes_[0].get_ylabel() == "x5"


class Explains(Threshold):
    calls = 0

    def explain(self, X):
        self.calls += 1
        return np.abs(np.asarray(X))


def test_an_estimator_that_explains_is_asked_only_about_many_features():
    X = np.zeros((50, 9))
    X[30, 8] = 20
    estimator = Explains()
    display = AnomalyScoreDisplay.from_estimator(estimator, X, max_panels=2)
    assert [ax.get_ylabel() for ax in display.axes_] == ["x0", "x8", "anomaly score"]
    assert estimator.calls == 1
    first = AnomalyScoreDisplay.from_estimator(Threshold(), X, max_panels=1)
    assert first.axes_[0].get_ylabel() == "x0", "one that cannot explain shows the first"
    AnomalyScoreDisplay.from_estimator(estimator, X[:, :2], max_panels=2)
    AnomalyScoreDisplay.from_estimator(estimator, X, features=[1])
    assert estimator.calls == 1


def test_one_feature_may_come_as_a_vector():
    display = make_display(values=np.arange(100.0)).plot()
    assert len(display.axes_) == 2


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"needs matplotlib: pip install 'skae\[plot\]'"):
        make_display().plot()


@pytest.mark.slow
def test_importing_the_display_does_not_load_matplotlib():
    code = "import skae._plots.score, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
