"""The panels, colours and horizontal axis that the displays share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from skae._output.frames import is_of_series
from skae._scoring.events import Event

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, PALE, SERIES, SCORE = "#333333", "#aaaaaa", "#3b6ea5", "#222222"
DETECTED, LABELLED = "#d1495b", "#2a9d8f"
MAX_PANELS = 6
"""Most features that are drawn by default."""
WIDTH, LONGEST = 16, 45
"""Most letters in a line and in a name; longer names lose their middle."""
LETTER = 0.55
"""Width of a letter over its size, on average."""


class PanelOptions(TypedDict, total=False):
    """Options of a picture with one panel for each feature."""

    ax: Axes | Sequence[Axes] | NDArray[np.object_] | None
    features: Sequence[str | int] | None
    max_panels: int


def make_axes(
    n_features: int, figure: Figure | None = None, *, with_score: bool = True
) -> NDArray[np.object_]:
    """Return panels for `n_features` features, with a taller panel for the scores below.

    Parameters
    ----------
    n_features : int
        The number of panels above the scores.
    figure : matplotlib Figure or None, default=None
        The figure to divide. If None, a new one of pyplot.
    with_score : bool, default=True
        Whether there is a panel for the scores.

    Returns
    -------
    axes : ndarray of shape (n_features + 1,) or (n_features,)
        The axes, with a shared horizontal axis.
    """
    if figure is None:
        figure = pyplot().figure()
    figure.set_size_inches(11, (2.2 if with_score else 0.9) + 1.3 * n_features)
    figure.set_layout_engine("constrained")
    ratios = [1.0] * n_features + [1.4] * with_score
    axes = figure.subplots(len(ratios), sharex=True, squeeze=False, height_ratios=ratios)
    return np.asarray(axes[:, 0])


def pyplot() -> Any:
    """Return ``matplotlib.pyplot``.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("A picture needs matplotlib: pip install 'skae[plot]'.") from error
    return plt


def make_ax(ax: Axes | None, size: tuple[float, float] | None = None) -> Axes:
    """Return `ax`, or the Axes of a new figure of pyplot if it is None."""
    if ax is not None:
        return ax
    made: Axes = pyplot().subplots(figsize=size, layout="constrained")[1]
    return made


# ------------------------------------------------------------------------ horizontal axis


@dataclass(frozen=True)
class Timeline:
    """Positions of rows on the horizontal axis.

    Parameters
    ----------
    index : ndarray of shape (n_rows,)
        Times or numbers.
    lengths : ndarray of shape (n_series,), intp
        Rows of each series.
    """

    index: NDArray[Any]
    lengths: NDArray[np.intp]

    @property
    def borders(self) -> NDArray[np.intp]:
        """The first rows of all series but the first."""
        return np.cumsum(self.lengths)[:-1]

    @property
    def is_dated(self) -> bool:
        """Whether the index contains dates."""
        return self.index.dtype.kind == "M"

    def as_numbers(self) -> NDArray[np.float64]:
        """Return the index as the numbers that matplotlib uses for dates."""
        if not self.is_dated:
            return self.index.astype(float)
        from matplotlib.dates import date2num

        return np.asarray(date2num(self.index), dtype=float)

    def broken(self, values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the index and values of a line with breaks between series."""
        if len(self.lengths) == 1:
            return self.index, values
        gaps = self.borders
        values = np.insert(values.astype(float), gaps, np.nan)
        return np.insert(self.index, gaps, self.index[gaps]), values


def make_timeline(index: Any, lengths: Sequence[int]) -> Timeline:
    """Return the axis for the rows of series with these lengths.

    Parameters
    ----------
    index : array-like of shape (n_rows,), list of these for several series, or None
        Row numbers replace it if it is None, contains neither numbers nor times, or goes backwards
        from one series to the next.
    lengths : sequence of int

    Raises
    ------
    ValueError
        If the number of entries differs.
    """
    n_rows = int(sum(lengths))
    sizes = np.asarray(lengths, dtype=np.intp)
    if index is None:
        return Timeline(np.arange(n_rows), sizes)
    if is_of_series(index):
        found = np.concatenate([as_axis(part) for part in index])
    else:
        found = as_axis(index)
    if found.shape != (n_rows,):
        raise ValueError(
            f"Got index of shape {found.shape}, but expected one entry for each of the {n_rows} "
            "rows of values."
        )
    runs_on = len(sizes) == 1 or bool((found[1:] > found[:-1]).all())
    if found.dtype.kind not in "iufM" or not runs_on:
        found = np.arange(n_rows)
    return Timeline(found, sizes)


def as_axis(index: Any) -> NDArray[Any]:
    """Return an index as an array; NumPy has no time zones, so aware times become UTC."""
    if hasattr(index, "to_timestamp"):
        index = index.to_timestamp()
    return np.asarray(index.tz_convert(None) if getattr(index, "tz", None) else index)


# ------------------------------------------------------------------------ panels


def clean(ax: Axes) -> None:
    """Reduce a frame to two pale lines and small labels."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALE)
    ax.tick_params(color=PALE, labelcolor=INK, labelsize=8)
    ax.tick_params(which="minor", color=PALE)
    for label in (ax.xaxis.label, ax.yaxis.label):
        label.set(color=INK, fontsize=9)


def clean_panels(axes: NDArray[np.object_], timeline: Timeline) -> None:
    """Finish panels that share one timeline."""
    for ax in axes:
        clean(ax)
        ax.margins(x=0.005)
        mark_borders(ax, timeline, timeline.index)
    for ax in axes[:-1]:
        ax.tick_params(labelbottom=False)
    if timeline.is_dated:
        format_dates(axes[-1])
    fit_names(axes)
    axes[0].figure.align_ylabels(axes)


def fit_names(axes: NDArray[np.object_]) -> None:
    """Write the names of panels horizontally if one would reach into the next panel."""
    if all(map(_fits, axes)):
        return
    for label in (ax.yaxis.label for ax in axes):
        text = in_lines(label.get_text())
        label.set(text=text, rotation=0, ha="right", va="center", fontsize=8)


def _fits(ax: Axes) -> bool:
    label = ax.yaxis.label
    return len(label.get_text()) * LETTER * float(label.get_fontsize()) <= height_in_points(ax)


def in_lines(name: str) -> str:
    r"""Return a name split into lines, which end after a space, an underscore or the like.

    Examples
    --------
    >>> in_lines("turbine_07_bearing_temperature").split("\n")
    ['turbine_07_', 'bearing_', 'temperature']
    """
    if len(name) > LONGEST:
        name = f"{name[: LONGEST // 2]}\N{HORIZONTAL ELLIPSIS}{name[-(LONGEST // 2) :]}"
    lines = [""]
    for part in re.findall(r"[^\s_./-]*[\s_./-]*", name):
        if len(lines[-1]) + len(part) > WIDTH:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines if line)


def format_dates(ax: Axes) -> None:
    """Label a horizontal axis with the shortest dates that differ."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, num2date

    class CommonDateFormatter(ConciseDateFormatter):
        """Writes the common part of all tick labels beside the axis."""

        _days: Any = ()
        _labels = ""

        def format_ticks(self, values: Any) -> Any:
            labels = super().format_ticks(values)
            self._days = sorted({num2date(value).date() for value in values})
            self._labels = "".join(labels)
            return labels

        def get_offset(self) -> str:
            offset: str = super().get_offset()
            if not offset or len(self._days) < 2:
                return offset
            first, last = self._days[0], self._days[-1]
            if any(letter.isalpha() for letter in self._labels):  # a tick names a month
                return str(first.year) if first.year == last.year else ""
            if ":" in self._labels:
                return f"{first:%Y-%b-%d} to {last:%b-%d}"
            return offset

    locator = AutoDateLocator()
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(CommonDateFormatter(locator))
    ax.xaxis.get_offset_text().set(size=8, color=INK)


def draw_line(ax: Axes, timeline: Timeline, values: NDArray[Any], **style: Any) -> Any:
    """Draw values over a timeline, with a gap between two series."""
    (line,) = ax.plot(*timeline.broken(values), **style)
    return line


def draw_features(
    panels: Iterable[Axes], timeline: Timeline, values: NDArray[Any], **style: Any
) -> list[Any]:
    """Draw one column of values in each panel."""
    columns = zip(panels, values.T, strict=True)
    return [draw_line(ax, timeline, column, **style) for ax, column in columns]


def shade(ax: Axes, axis: NDArray[Any], events: Sequence[Event], **style: Any) -> list[Any]:
    """Shade the rows of events, at their places on a horizontal axis."""
    return [ax.axvspan(axis[e.start], axis[e.end], zorder=0.5, **style) for e in events]


def shade_detected(ax: Axes, axis: NDArray[Any], events: Sequence[Event]) -> list[Any]:
    """Shade detected events inside a panel."""
    # The edge keeps an event of one row visible if a row is narrower than a pixel.
    style = {"facecolor": (DETECTED, 0.22), "edgecolor": (DETECTED, 0.45), "linewidth": 0.8}
    return shade(ax, axis, events, **style)


def mark_above(ax: Axes, axis: NDArray[Any], events: Sequence[Event], color: str) -> list[Any]:
    """Mark events by bars above a panel, the height of a label letter."""
    height = 5 / height_in_points(ax)
    bottom = 1 + height / 3
    style = {"ymin": bottom, "ymax": bottom + height, "clip_on": False, "linewidth": 0.8}
    return shade(ax, axis, events, color=color, **style)


def height_in_points(ax: Axes) -> float:
    """Return the height of a panel in points, of which an inch has 72."""
    return float(ax.get_window_extent().height / ax.figure.dpi * 72)


def mark_borders(ax: Axes, timeline: Timeline, axis: NDArray[Any]) -> None:
    """Draw a line where a series begins, unless a gap in time shows it."""
    steps = np.diff(axis)
    for border in timeline.borders:
        if steps[border - 1] <= 2 * np.median(steps):
            ax.axvline(axis[border - 1] + steps[border - 1] / 2, color=PALE, lw=0.8, zorder=3)


def add_legend(ax: Axes, handles: Sequence[Any], names: Sequence[str]) -> None:
    """Put a legend of one line above a panel, at the right."""
    place = {"loc": "lower right", "bbox_to_anchor": (1, 1.06), "borderaxespad": 0.2}
    ax.legend(handles, names, ncols=len(names), fontsize=8, frameon=False, **place)


def panels_for(
    names: list[str],
    choose: Callable[[int], list[int]],
    *,
    with_score: bool,
    ax: Any,
    features: Sequence[str | int] | None,
    max_panels: int,
) -> tuple[NDArray[np.object_], list[int]]:
    """Return the named axes to draw on, made if `ax` is None, and the feature of each panel.

    Parameters
    ----------
    names : list of str
        Names of all features.
    choose : function from a number to as many features
        Chooses if `features` is None.
    with_score : bool
        Whether the last of the axes is for scores.
    ax, features, max_panels
        As users pass them.

    Raises
    ------
    ValueError
        If there are more panels than features, or fewer panels than `features`.
    """
    chosen = None if features is None else [find_feature(one, names) for one in features]
    if ax is None:
        n_panels = min(len(names), max_panels) if chosen is None else len(chosen)
        ax = make_axes(n_panels, with_score=with_score)
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    n_panels, least = (len(axes) - 1, 0) if with_score else (len(axes), 1)
    drawn = choose(n_panels) if chosen is None else chosen
    least = least if chosen is None else len(chosen)
    if not least <= n_panels <= len(drawn):
        extra = " and one for the scores" if with_score else ""
        raise ValueError(
            f"Got {len(axes)} axes for {len(drawn)} features, but expected one for each "
            f"feature{extra}."
        )
    drawn = drawn[:n_panels]
    for panel, feature in zip(axes[:n_panels], drawn, strict=True):
        panel.set_ylabel(names[feature])
    return axes, drawn


def find_feature(feature: str | int, names: list[str]) -> int:
    """Return the number of a feature given by name or number.

    Raises
    ------
    ValueError
        If there is no such feature.
    """
    if isinstance(feature, str) and feature in names:
        return names.index(feature)
    if not isinstance(feature, str) and 0 <= feature < len(names):
        return int(feature)
    raise ValueError(f"Got feature {feature!r}, but expected a number or one of {names}.")
