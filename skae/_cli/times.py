"""Times in text: dates in any order, month words, compact dates, zones and numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[np.datetime64]

MONTHS = (
    "jan ene gen|feb fév fev|mar mär mrt|apr avr abr|may mai mag mei maj maggio|jun juin giu|"
    "jul juil lug|aug aoû aou ago|sep set|oct okt ott out|nov|dec dez déc dic"
)
MONTH_OF = {word: i for i, words in enumerate(MONTHS.split("|"), 1) for word in words.split()}
MINUTES = {  # offsets of zone names that are common in files
    **dict.fromkeys(["Z", "UTC", "GMT", "WET"], 0),
    **dict.fromkeys(["CET", "MEZ", "BST", "WEST"], 60),
    **dict.fromkeys(["CEST", "MESZ", "EET"], 120),
    **{"EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360},
    **{"PST": -480, "PDT": -420, "JST": 540, "IST": 330, "AEST": 600},
}
END = r"(?!\d)"
Y, Y2 = rf"(?P<Y>\d{{4}}){END}", r"(?P<Y>\d\d)(?![\d:])"
M, D = r"(?P<m>\d\d?)", r"(?P<d>\d\d?)"
WORD, SEP, SEP2 = r"(?P<b>[^\W\d_]{3,}\.?)", r"[-/. _:]", r"[-/. _]"
DAY_WORDS = "mo|tu|we|th|fr|sa|su|di|mi|do|so|lu|ma|me|je|ju|ve|vi|sá|gi|zo|wo"
WEEKDAY = rf"(?:(?:{DAY_WORDS})[^\W\d_]*[., ]+)?"
CLOCK = (
    r"(?:[T\s:,_./@-]*(?P<H>\d\d?)(?:[:.h_-]?(?P<M>\d\d|(?<=:)\d(?=:))"
    r"(?:[:._-]?(?P<S>\d\d|(?<=:)\d)(?:[.,:](?P<f>\d{1,9}))?)?)?"
    r"\s*(?:(?P<p>[ap])\.?\s?m?\.?)?)?"
)
DATES = {
    "ymd": [
        f"{Y}{SEP}{M}{SEP}{D}{END}",
        r"(?P<Y>\d{4})(?P<m>\d\d)(?P<d>\d\d)",
        rf"(?P<Y>\d{{4}})-(?P<j>\d{{3}}){END}",
        r"(?P<Y>\d{4})-?W(?P<w>\d\d)(?:-?(?P<u>[1-7]))?",
        *(rf"{D}[-/. ]*{WORD}[-/., ]*{year}" for year in (Y, Y2)),
        rf"{WORD}[-/. ]*{D}[-/., ]+{Y}",
        rf"{Y}[-/., ]*{WORD}[-/. ]*{D}",
        *(rf"{WORD}[-/., ]*{Y}", rf"{WORD}[-/']{Y2}", rf"{Y}[-/ ]*{WORD}"),
        *(f"{Y}[-/.M]{M}{END}", f"{M}[-/.]{Y}"),
        *(r"(?P<Y>\d{4})[- /]?Q(?P<q>[1-4])", rf"Q(?P<q>[1-4])[- /]?{Y}"),
    ],
    "dmy": [rf"{D}{s}\s?{M}{s}\s?{year}" for s, year in ((SEP, Y), (SEP2, Y2))],
    # With dots, the day comes first.
    "mdy": [rf"{M}{s}\s?{D}{s}\s?{year}" for s, year in (("[-/ _:]", Y), ("[-/ _]", Y2))],
    "y-m-d": [f"{Y2}[-/ _]{M}[-/ _]{D}{END}"],
}
ZONE = re.compile(
    r"^(.*\d:\d.*?|.*\dT\d+)\s*(?:(?:UTC|GMT)?([+-]\d\d):?(\d\d)?|([A-Z]{3,4}|Z|[A-Z]\w+/\w+))"
    r"(?:\s*\(.*\))?$",
    re.DOTALL,
)
# The output of Unix `date`, and the same with the year before the clock.
UNIX_DATE = (
    r"^(?:\w{3} )?(\w{3}) +(\d\d?) (\d\d?:\d\d:\d\d) (?:(\w{3,4}|(?:GMT)?[+-]\d\d:?\d\d) )?(\d{4})$"
)
UNIX_ORDER = r"\1 \2, \5 \3 \4"
INTERVAL = r"^(.{6,}?[\dZ])(?:\s*[/–]\s*|\s+(?:-|to|bis|until)\s+)(\d.{3,})$"
ISO = r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)?"
# Times of day and durations: "9:30 pm", "12h05", "1 day, 2:03:04.5", "05:12.7" (minutes).
CLOCK_ALONE = (
    r"(?:(-?\d+) days?,? )?(\d{1,3})(?::|h|\.(?=\d\d\.))(\d\d|\d(?=:))"
    r"(?:[:.](\d\d?(?:[.,:]\d+)?))?\s*(?:([ap])\.?\s?m?\.?)?(?:Z|[+-]\d\d:\d\d)?"
)
MINUTES_ALONE = r"\d\d?:\d\d[.,]\d+"
# Times as numbers: the origin, the microseconds of one unit, the range of values, and words in
# the name of the column.
DAY = 86_400e6
YEAR_WORDS = "year|jahr|decimal"
DATE_WORDS = r"date|datum|day|tag|fecha|stamp|serial|excel|matlab|datenum"
COUNTS = {
    "epochs in s": ("1970-01-01", 1e6, 4e8, 4.2e9, ""),  # 1982 to 2103
    "epochs in ms": ("1970-01-01", 1e3, 4e11, 4.2e12, ""),
    "epochs in us": ("1970-01-01", 1.0, 4e14, 4.2e15, ""),
    "ticks of .NET": ("0001-01-01", 0.1, 6.2e17, 6.5e17, ""),
    "file times of Windows": ("1601-01-01", 0.1, 1.2e17, 1.5e17, ""),
    "epochs in ns": ("1970-01-01", 1e-3, 4e17, 4.2e18, ""),
    "Julian days": ("-4713-11-24T12", DAY, 2.4e6, 2.5e6, "jd|julian"),
    "modified Julian days": ("1858-11-17", DAY, 4e4, 8e4, "mjd"),
    "decimal years": ("0000-01-01", 365.2425 * DAY, 1500, 2100, YEAR_WORDS),
    "Excel days": ("1899-12-30", DAY, 2e4, 8e4, DATE_WORDS),
    "MATLAB days": ("-001-12-31", DAY, 6.9e5, 7.8e5, DATE_WORDS),
}
TIME_WORDS = r"|time|zeit|hora|heure|temps"
SAMPLE = 20
# Microseconds in a unit.
UNITS = {"d": DAY, "h": 3_600e6, "min": 60e6, "s": 1e6, "ms": 1e3, "us": 1.0}


@dataclass(frozen=True)
class Times:
    """Local times, and instants that are comparable across zones.

    Parameters
    ----------
    wall : ndarray of shape (n,), datetime64[us]
        Times as written in the file; NaT where a cell is not a time.
    instants : ndarray of shape (n,), datetime64[us]
        Times in UTC if the file has zones, else `wall`.
    order : str
        The format of dates, to read more of them.
    note : str, default=""
        A note on how they were read.
    has_clock : bool, default=True
        Whether there are times of day, not only dates.
    """

    wall: Stamps
    instants: Stamps
    order: str
    note: str = ""
    has_clock: bool = True


def is_time(text: str) -> bool:
    """Tell whether a cell may be a time; numbers are not, whatever their digits.

    Examples
    --------
    >>> [is_time(text) for text in ("1.3.2024", "Mar 2024", "20:15", "20240301", "1.5")]
    [True, True, True, False, False]
    """
    whole = re.match(INTERVAL, text)
    text = re.sub(UNIX_DATE, UNIX_ORDER, whole[1] if whole else text).strip()
    if re.fullmatch(r"[\d.]*|\D*", text) and not re.fullmatch(
        r"\d\d?\.\d\d?\.\d\d(\d\d)?|[\d.]{16,}", text
    ):
        return False
    return is_clock(text) or len(_patterns_of(ZONE.sub(r"\1", text))) > 0


def is_clock(text: str) -> bool:
    """Tell whether a cell is a time of day or a duration."""
    return re.fullmatch(f"{CLOCK_ALONE}|{MINUTES_ALONE}", text, re.IGNORECASE) is not None


def read_times(texts: Any, order: str | None = None) -> Times:
    """Read a column of texts as times.

    If the numbers fit several orders of day and month, the order is chosen in which time goes
    back least often, then the longest step is shortest, then the steps have the fewest distinct
    lengths. Else the day comes first, or the month if clocks have am and pm.

    Parameters
    ----------
    texts : pandas Series of str
        The cells.
    order : str, default=None
        A format of ``strptime``, or an order found before.

    Examples
    --------
    >>> import pandas as pd
    >>> read_times(pd.Series(["31.1.2024 8:30", "1.2.2024 9:00+01:00", "soon"])).wall
    array(['2024-01-31T08:30:00.000000', '2024-02-01T09:00:00.000000', 'NaT'],
          dtype='datetime64[us]')
    """
    if order is not None and order not in DATES:
        return _read_by_format(texts, order)
    texts, offsets, note = _cut(texts)
    found = [_read(texts, order)] if order else _readings(texts)
    best = min(found, key=lambda times: _disorder(times.wall))
    if len(found) > 1:
        note = _doubt(best.order, texts)
    return replace(best, instants=best.wall - offsets, note=note)


def read_clocks(texts: Any) -> NDArray[np.float64]:
    """Return times of day and durations in seconds, NaN for other cells."""
    whole = texts.str.replace(rf"^(?={MINUTES_ALONE}$)", "0:", regex=True)
    parts = whole.str.extract(rf"(?i)^{CLOCK_ALONE}$")
    parts[3] = parts[3].str.replace("[,:]", ".", regex=True)
    days, hours, minutes, seconds = (parts[i].astype(float).to_numpy() for i in range(4))
    hours = _of_24_hours(hours, parts[4]) + 24 * np.nan_to_num(days)
    return np.asarray(hours * 3600 + minutes * 60 + np.nan_to_num(seconds))


def read_numeric_times(values: NDArray[np.float64], name: str) -> Times | None:
    """Read numbers as times: counts since a date, compact dates and times; else return None.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers without NaN.
    name : str
        The name of the column. Small numbers of days are times only with a matching name.

    Examples
    --------
    >>> read_numeric_times(np.array([1.7e9, 1.7e9 + 60]), "x").wall.astype("M8[s]")
    array(['2023-11-14T22:13:20', '2023-11-14T22:14:20'], dtype='datetime64[s]')
    """
    steps = np.diff(values)
    falls, rises = np.count_nonzero(steps < 0), np.count_nonzero(steps > 0)
    if not len(values) or min(falls, rises) > 0.02 * len(steps):
        return None
    found = _compact(values, name) or _counted(values, name)
    if found is None:
        return None
    wall, what = found
    note = f"read as {what}: {_shown(wall[0])} to {_shown(wall[-1])}"
    return Times(wall, wall, "number", note, bool((wall != wall.astype("M8[D]")).any()))


# --- text --------------------------------------------------------------------------------


def _cut(texts: Any) -> tuple[Any, NDArray[np.timedelta64], str]:
    """Return texts without zones and ends of intervals, the offsets of zones, and a note."""
    note, offsets = "", np.zeros(len(texts), "m8[m]")
    sample = _some(texts)
    beginnings = f"intervals such as {sample[0]!r} are read as their beginnings" if sample else ""
    halves = [re.match(INTERVAL, text) for text in sample]
    if halves and all(half and is_time(half[1]) and is_time(half[2]) for half in halves):
        note, texts = beginnings, texts.str.extract(INTERVAL)[0].fillna("")
    if any(re.match(UNIX_DATE, text) for text in sample):
        texts = texts.str.replace(UNIX_DATE, UNIX_ORDER, regex=True).str.strip()
    if any(ZONE.match(text) for text in _some(texts)):
        parts = texts.str.extract(ZONE)
        sign = np.where(parts[1].str.startswith("-", na=False), -1, 1)
        minutes = parts[1].astype(float) * 60 + sign * parts[2].astype(float).fillna(0)
        minutes = minutes.fillna(parts[3].map(MINUTES)).fillna(0)
        texts = parts[0].fillna(texts)
        if minutes.nunique() > 4:  # ends of intervals such as "00:00-01:00"
            note = beginnings
        else:
            offsets = minutes.to_numpy().astype("m8[m]")
    return texts, offsets, note


def _patterns_of(text: str, order: str | None = None) -> list[str]:
    names = dict.fromkeys(["ymd", order]) if order else DATES
    patterns = (date for name in names for date in DATES[name])
    found = ((date, re.fullmatch(_whole(date), text)) for date in patterns)
    return [date for date, match in found if match and month_of(match.groupdict().get("b", "jan"))]


def _whole(date: str, start: str = "") -> str:
    return rf"(?i){start}{WEEKDAY}{date}{CLOCK}"


def month_of(word: str) -> int | None:
    """Return the number of a month from its name in a European language, None for other words."""
    return MONTH_OF.get(word[:4].lower(), MONTH_OF.get(word[:3].lower()))


def _readings(texts: Any) -> list[Times]:
    """Return the times by each order of day, month and year in which the fewest cells are left."""
    first = _read(texts, "ymd")
    if np.isnat(first.wall).sum() == (texts == "").sum():
        return [first]
    is_american = any(re.search(r"(?i)\d\s?[ap]m$", text) for text in _some(texts))
    orders = ["mdy", "dmy", "y-m-d"] if is_american else ["dmy", "mdy", "y-m-d"]
    found = [first, *(_read(texts, order) for order in orders)]
    n_left = [int(np.isnat(times.wall).sum()) for times in found]
    fewest = [times for times, n in zip(found, n_left, strict=True) if n == min(n_left)]
    return fewest[:1] if fewest[0] is first else fewest


def _read(texts: Any, order: str) -> Times:
    wall = np.full(len(texts), "NaT", "M8[us]")
    is_iso = texts.str.fullmatch(ISO).to_numpy(dtype=bool)
    if is_iso.any():
        import pandas as pd

        parsed = pd.to_datetime(texts[is_iso], format="ISO8601", errors="coerce")
        wall[is_iso] = parsed.to_numpy().astype("M8[us]")
    has_clock = bool((texts[is_iso].str.len() > 10).any())
    tried: set[str] = set()
    for _ in range(2 * SAMPLE):
        rest = texts[np.isnat(wall)]
        patterns = dict.fromkeys(p for text in _some(rest) for p in _patterns_of(text, order))
        new = next((pattern for pattern in patterns if pattern not in tried), None)
        if new is None:
            break
        tried.add(new)
        parts = rest.str.extract(_whole(new, "^") + "$")
        has_clock = has_clock or bool(parts["H"].notna().any())
        wall[np.isnat(wall)] = _assemble(parts)
    return Times(wall, wall, order, has_clock=has_clock)


def _some(texts: Any) -> list[str]:
    """Return evenly spaced cells that are not empty, including the first."""
    given = texts[texts != ""]
    return list(given.iloc[:: max(1, len(given) // SAMPLE)])


def _assemble(parts: Any) -> Stamps:
    """Return times from parts of dates and clocks, NaT for days that do not exist."""
    given = parts.reindex(columns=list("YmdjqwuHMSf"))
    number = given.astype(float)
    short = np.where(number["Y"] < 69, 2000, 1900)
    year = (number["Y"] + np.where(given["Y"].str.len() == 2, short, 0)).to_numpy()
    month = number["m"].fillna(3 * number["q"] - 2).fillna(1)
    if "b" in parts:
        month = parts["b"].map(month_of, na_action="ignore").astype(float)
    day = number["j"].fillna(number["d"]).fillna(1)
    hour, minute, second = (number[name].fillna(0) for name in "HMS")
    seconds = _of_24_hours(hour, parts["p"]) * 3600 + minute * 60 + second
    months = _as_stamps((year - 1970) * 12 + month.to_numpy() - 1, "M8[M]")
    dates = months.astype("M8[D]") + _as_stamps(day.to_numpy() - 1, "m8[D]")
    if "w" in parts:  # week 1 contains 4 January
        fourth = months.astype("M8[Y]").astype("M8[D]") + np.timedelta64(3, "D")
        weekday = number["u"].fillna(1) - 1 - (fourth.astype(int) + 3) % 7
        dates = fourth + _as_stamps((7 * number["w"] - 7 + weekday).to_numpy(), "m8[D]")
        months = dates
    unit = "M8[Y]" if "j" in parts else "M8[M]"
    wrong = ~month.between(1, 12) | (dates.astype(unit) != months.astype(unit))
    wrong |= (hour > 24) | (minute > 59) | (second > 60) | (seconds > 86400)
    fraction = (number["f"] / 10.0 ** given["f"].str.len().astype(float)).fillna(0)
    clocks = _as_stamps(np.round((seconds + fraction) * 1e6).to_numpy(), "m8[us]")
    return np.where(wrong, np.datetime64("NaT", "us"), dates.astype("M8[us]") + clocks)


def _of_24_hours(hours: NDArray[np.float64], halves: Any) -> NDArray[np.float64]:
    half = halves.str.lower()
    afternoon = (half == "p").to_numpy(dtype=bool)
    return np.where(half.notna().to_numpy(), hours % 12 + 12 * afternoon, hours)


def _as_stamps(numbers: NDArray[np.float64], dtype: str) -> Any:
    """Return numbers as times or durations of this dtype, with NaT for NaN."""
    missing = np.isnan(numbers)
    stamps = np.where(missing, 0, numbers).astype("i8").astype(dtype)
    stamps[missing] = "NaT"
    return stamps


def _read_by_format(texts: Any, order: str) -> Times:
    import pandas as pd

    try:
        if "%" not in order:
            raise ValueError("it has no directive")
        parsed = pd.to_datetime(texts, format=order, errors="coerce", utc=True)
    except ValueError as error:
        expected = "expected directives such as '%d/%m/%Y %H:%M'"
        raise ValueError(f"--time-format {order!r}: {error}; {expected}") from error
    instants = parsed.dt.tz_localize(None).to_numpy().astype("M8[us]")
    _, offsets, _ = _cut(texts) if "%z" in order.lower() else (0, np.timedelta64(0, "m"), 0)
    return Times(instants + offsets, instants, order, has_clock="%H" in order or "%I" in order)


def _disorder(wall: Stamps) -> tuple[int, float, float, int]:
    steps = np.diff(wall[~np.isnat(wall)]).astype(float)
    back, longest = min((steps < 0).sum(), (steps > 0).sum()), np.abs(steps).max(initial=0)
    return int(np.isnat(wall).sum()), float(back), float(longest), len(np.unique(steps))


def _doubt(order: str, texts: Any) -> str:
    example = next(text for text in texts if _patterns_of(text, order))
    words = {"dmy": "day/month/year", "mdy": "month/day/year", "y-m-d": "year/month/day"}[order]
    return f"{example!r} was read as {words}; if this is wrong, set --time-format"


# --- numbers -----------------------------------------------------------------------------


def _compact(values: NDArray[np.float64], name: str) -> tuple[Stamps, str] | None:
    """Return the times of numbers such as 20240301 or 202403011230, if all exist."""
    import pandas as pd

    digits = len(f"{values.max():.0f}")
    is_month = digits == 6 and re.search(r"(?i)month|monat|date|period|yyyymm|time", name)
    if (values % 1 != 0).any() or not (digits in (8, 10, 12, 14) or is_month):
        return None
    texts = pd.Series(values.astype("i8")).astype(str)
    if not texts.str.fullmatch(rf"(1[6-9]|20)\d{{{digits - 2}}}").all():
        return None
    wall = _read(texts + ("01" if is_month else ""), "ymd").wall
    return None if np.isnat(wall).any() else (wall, f"times such as {texts.iloc[0]}")


def _counted(values: NDArray[np.float64], name: str) -> tuple[Stamps, str] | None:
    """Return the times of numbers that count from a known date, if all fit."""
    is_whole = bool((values % 1 == 0).all())
    for what, (origin, length, low, high, words) in COUNTS.items():
        if words == DATE_WORDS and not is_whole:
            words += TIME_WORDS
        is_named = re.search(f"(?i){words}", name) and not (words == YEAR_WORDS and is_whole)
        is_constant = words == "" and len(values) > 1 and not np.ptp(values)
        if is_named and not is_constant and low <= values.min() <= values.max() <= high:
            passed = values * length
            if length == DAY:  # files round days
                passed = np.round(passed / 1e6) * 1e6
            return np.datetime64(origin, "us") + passed.astype("m8[us]"), what
    return None


def _shown(stamp: Any) -> str:
    return str(stamp.astype("M8[s]")).replace("T", " ").removesuffix(" 00:00:00")
