"""Times as people write them: the order of day, month and year, found in a whole column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ISO", "TimeFormat", "ask_for_format", "find_time_format", "given_time_format"]

Times = NDArray[np.datetime64]

# Without it, pandas takes 20240101, "now" and a year for times as well.
YEAR_FIRST = r"^\d{4}[-/.]\d\d?[-/.]\d\d?(?!\d)"
YEAR_MONTH_DAY = r"^(\d{4})[-/.](\d\d?)[-/.](\d\d?)"
TWO_DIGITS = r"^\d{4}[-/.]\d\d[-/.]\d\d"
YEAR_LAST = r"^(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?!\d)[T ,]*(.*)$"
YEAR_SHORT = r"^\d{1,2}([-/.])\d{1,2}\1\d{2}(?!\d)"
CLOCKS_OF_TWELVE = ("%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p")


@dataclass(frozen=True)
class TimeFormat:
    """How times are written.

    Parameters
    ----------
    order : {"ymd", "dmy", "mdy"} or str
        The order of year, month and day, or a format of ``strptime``.
    note : str, default=""
        What a user ought to know of how it was found; empty where the cells leave no doubt.
    """

    order: str
    note: str = ""

    def parse(self, texts: Any) -> Times:
        """Return a pandas Series of texts as times in UTC, NaT where one is not a time.

        Examples
        --------
        >>> import pandas as pd
        >>> from skae._cli.times import TimeFormat
        >>> TimeFormat("dmy").parse(pd.Series(["31.1.2024 8:30", "2024-02-01", "soon"]))
        array(['2024-01-31T08:30:00.000000', '2024-02-01T00:00:00.000000', 'NaT'],
              dtype='datetime64[us]')
        """
        if "%" in self.order:
            return _to_times(texts, self.order)
        # Whatever the order, a year in front says that the month is next.
        times = _to_times(_year_first(texts), "ISO8601")
        if self.order == "ymd":
            return times
        return np.where(np.isnat(times), _read_year_last(texts, self.order), times)


ISO = TimeFormat("ymd")


def find_time_format(texts: Any) -> TimeFormat:
    """Find out how the times of a column are written.

    A number above 12 tells the day from the month. Without one, the order is taken under which
    time goes forward, in steps of fewer kinds; then the day first; and the note says so.

    Parameters
    ----------
    texts : pandas Series of str
        The cells of a column.

    Returns
    -------
    time_format : TimeFormat
        The order; "ymd" also where the cells are no times.

    Examples
    --------
    >>> import pandas as pd
    >>> from skae._cli.times import find_time_format
    >>> find_time_format(pd.Series(["01/31/2024", "02/01/2024"])).order
    'mdy'
    """
    dates = texts[texts.str.match(YEAR_LAST)]
    if not len(dates):
        return ISO
    parts = dates.str.extract(YEAR_LAST)
    first, second = (parts[i].astype(int) for i in (0, 2))
    if (first > 12).any() or (parts[1] == ".").all():  # nobody writes the month before a dot
        return TimeFormat("dmy")
    if (second > 12).any():
        return TimeFormat("mdy")
    return _likelier(dates)


def given_time_format(text: str) -> TimeFormat:
    """Return the format of strptime that a user gives; ValueError says what is wrong with it."""
    import pandas as pd

    try:
        if "%" not in text:
            raise ValueError("it has no directive")
        pd.to_datetime(pd.Series(["-"]), format=text, errors="coerce")
    except ValueError as error:
        raise ValueError(
            f"--time-format {text!r}: {error}; expected directives such as '%d/%m/%Y %H:%M'"
        ) from error
    return TimeFormat(text)


def ask_for_format(texts: Any) -> str:
    """Return why cells that look like times cannot be read as such, "" if they do not."""
    short = texts.str.match(YEAR_SHORT)
    if not len(texts) or short.mean() <= 0.5:
        return ""
    return f"{texts[short].iloc[0]!r} may be a date in several ways: say how with --time-format"


def _likelier(dates: Any) -> TimeFormat:
    disorder = {order: _disorder(TimeFormat(order).parse(dates)) for order in ("dmy", "mdy")}
    # dmy comes first, and stays where both are as good.
    order = min(disorder, key=lambda name: disorder[name])
    words, other = {
        "dmy": ("day/month", "%m{0}%d{0}%Y"),
        "mdy": ("month/day", "%d{0}%m{0}%Y"),
    }[order]
    example = dates.iloc[0]
    other = other.format(re.sub(r"\d", "", example)[0])
    return TimeFormat(
        order,
        f"{example!r} was read as {words}/year; if it is not, say so with --time-format, for "
        f"a date alone '{other}'",
    )


def _disorder(times: Times) -> tuple[int, int]:
    steps = np.diff(times)
    return int((steps < np.zeros((), steps.dtype)).sum()), len(np.unique(steps))


def _year_first(texts: Any) -> Any:
    dates = texts.where(texts.str.match(YEAR_FIRST))
    if dates.str.match(TWO_DIGITS).sum() < dates.notna().sum():
        dates = dates.str.replace(YEAR_MONTH_DAY, _iso_date, regex=True)
    return dates.str.slice(0, 10).str.replace(r"[/.]", "-", regex=True) + dates.str.slice(10)


def _iso_date(match: re.Match[str]) -> str:
    return f"{match[1]}-{match[2]:0>2}-{match[3]:0>2}"


def _read_year_last(texts: Any, order: str) -> Times:
    parts = texts.str.extract(YEAR_LAST)
    first, second, year = (parts[i].str.zfill(2) for i in (0, 2, 3))
    day, month = (first, second) if order == "dmy" else (second, first)
    clock = parts[4].str.strip().str.replace(r"^(\d):", r"0\1:", regex=True)
    written = (year + "-" + month + "-" + day + " " + clock).str.strip()
    times = _to_times(written, "ISO8601")
    if clock.str.contains(r"[AaPp]\.?[Mm]\.?$", na=False).any():
        for clock_format in CLOCKS_OF_TWELVE:
            times = np.where(np.isnat(times), _to_times(written, clock_format), times)
    return times


def _to_times(texts: Any, time_format: str) -> Times:
    import pandas as pd

    times = pd.to_datetime(texts, format=time_format, errors="coerce", utc=True)
    return times.dt.tz_localize(None).to_numpy().astype("datetime64[us]")
