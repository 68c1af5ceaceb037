"""Kinds of files of loggers, databases, consoles, phones and offices, and how they are read."""

import numpy as np
import pytest
from commanding import (
    FLOW,
    HOURS,
    N,
    assert_noted,
    column,
    moments,
    read,
    spoiled,
    text_of,
)

from skae._cli.numbers import find_sentinels
from skae._cli.series import read_series
from skae._cli.table import Choice

LEVEL = [f"{50 + 9 * np.cos(i / 5) + 0.7 * (i % 5):.1f}" for i in range(N)]
DATES = [hour[:10] for hour in HOURS]
HOUR, DAY = "2023-05-01T01:00", "2023-05-02"


def parts(*names, step="h"):
    """Columns of the parts of dates, by their names in datetime."""
    return [moments(lambda t, name=name: str(getattr(t, name)), step) for name in names]


# Name: (text, name of the index, its second time or number, first row, words of a note; None
# without a note).
KINDS = {
    "a client of a database": (
        "      at      | flow\n--------------+------\n"
        + text_of(None, HOURS, FLOW, sep=" | ")
        + "(60 rows)\n",
        *("at", HOUR, [20], "the last line, from line 63: '(60 rows)'"),
    ),
    "a boxed table": (
        "+----------+------+\n| at | flow |\n+----------+------+\n"
        + "".join(f"| {h} | {f} |\n" for h, f in zip(HOURS, FLOW, strict=True))
        + "+----------+------+\n",
        *("at", HOUR, [20], None),
    ),
    "rows in quotes": (
        '"at,flow"\n' + "".join(f'"{h},{f}"\n' for h, f in zip(HOURS, FLOW, strict=True)),
        *("at", HOUR, [20], None),
    ),
    "quotes of C": (
        text_of("'at','flow'\n'hh:mm','mV'", [f"'{h}'" for h in HOURS], FLOW),
        *("at", HOUR, [20], "line 2 (units)"),
    ),
    "cells that spreadsheets keep as texts": (
        text_of("at,flow", HOURS, [f'="{f}"' for f in FLOW]),
        *("at", HOUR, [20], None),
    ),
    "a sum in quotes": (
        text_of("at,flow", HOURS, FLOW) + ',"1,234"\n',
        *("at", HOUR, [20], "the last line, from line 62"),
    ),
    "no reading at the end": (
        text_of("at,flow", HOURS, [*FLOW[:-1], "Bad Input"]),
        *("at", HOUR, [20], "'Bad Input' (1 cell) treated as missing"),
    ),
    "no reading at the beginning": (
        text_of("at,flow", HOURS, ["Bad Input", "Bad Input", *FLOW[2:]]),
        *("at", HOUR, [np.nan], "'Bad Input' (2 cells) treated as missing"),
    ),
    "a serial number in the first row alone": (
        text_of("no,at,flow,serial", column(str), HOURS, FLOW).replace(
            f"{FLOW[0]}\n", f"{FLOW[0]},7\n", 1
        ),
        *("at", HOUR, [20], "line 3 and 58 others have too few cells"),
    ),
    "a log of a web server": (
        "#Version: 1.0\n#Fields: date time flow\n" + text_of(None, HOURS, FLOW, sep=" "),
        *("date time", HOUR, [20], "2 lines, 1 to 2 (comments)"),
    ),
    "fields and types": (
        "#fields\tts\tflow\tname\n#types\ttime\tdouble\tstring\n"
        + text_of(None, column(lambda i: f"{1682899200 + 3600 * i}.0"), FLOW, ["a"] * N, sep="\t"),
        *("ts", HOUR, [20], "(comments)"),
    ),
    "one value for all names in the last line": (
        text_of("Label,flow\nPeriod,3600", HOURS, FLOW),
        *("Label", HOUR, [20], "line 2 (units)"),
    ),
    "years and words in the header": (
        "Source,World,\n\nCountry,Code,"
        + ",".join(map(str, range(1961, 2021)))
        + ",\nA,a,"
        + ",".join(FLOW)
        + ",\n",
        *("year", 1962, [20], "each row is a sensor"),
    ),
    "places beside times in the header": (
        "Land,Lat," + ",".join(HOURS) + "\nA,52.5," + ",".join(FLOW) + "\n",
        *("time", HOUR, [20], "each row is a sensor"),
    ),
    "remarks beside times in the header": (
        "unit\\time\t"
        + "\t".join(f"{h} " for h in HOURS)
        + "\nA\t"
        + "\t".join(f"{f} p" if i % 9 == 8 else f for i, f in enumerate(FLOW)),
        *("time", HOUR, [20], "the remark 'p' after some numbers is ignored"),
    ),
    "hours side by side": (
        "Day;"
        + ";".join(f"H{k + 1}" for k in range(24))
        + "\n"
        + "".join(f"2023-05-{1 + d:02};" + ";".join(FLOW[d : d + 24]) + "\n" for d in range(30)),
        *("Day hour", "2023-05-01T02:00", [20], "columns H1 to H24 are hours: each became a row"),
    ),
    "months side by side": (
        "Year,Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec\n"
        + "".join(f"{1990 + y}," + ",".join(FLOW[y : y + 12]) + "\n" for y in range(30)),
        *("Year month", "1990-02", [20], "each became a row"),
    ),
    "a start and a rate": (
        "1682899200.00\n1.000000\n" + "\n".join(FLOW),
        *("row", 1, [20], "left out a start and a rate above the rows: 1682899200.00"),
    ),
    "decimal commas between spaces": (
        text_of(
            "Zeit Wert",
            moments(lambda t: f"{t:%X}", "m"),
            [f.replace(".", ",") for f in FLOW],
            sep=" ",
        ),
        *("Zeit", 60, [20], None),
    ),
    "decimal commas alone": (
        "\n".join(f.replace(".", ",") for f in FLOW),
        *("row", 1, [20], "there is no header"),
    ),
    "decimal commas of three digits": (
        text_of(
            "at;flow;level",
            HOURS,
            column(lambda i: f"{i % 7},{100 + i}"),
            ["0,500"] * 9 + ["1,500"] * 51,
            sep=";",
        ),
        *("at", HOUR, [0.1, 0.5], None),
    ),
    "a tilde": (text_of("at~flow", HOURS, FLOW, sep="~"), "at", HOUR, [20], None),
    "spaces after signs": (
        text_of("at,flow", HOURS, [f"+   {f}" for f in FLOW]),
        *("at", HOUR, [20], None),
    ),
    "exponents of Fortran": (
        text_of("at,flow", HOURS, [f"{float(f) / 100:.4f}D+02" for f in FLOW]),
        *("at", HOUR, [20], None),
    ),
    "no numbers of C": (
        text_of("at,flow", HOURS, spoiled(spoiled(FLOW, 9, "1.#QNAN"), 11, "-1.#IND")),
        *("at", HOUR, [20], None),
    ),
    "stars after estimates": (
        text_of("at,flow", HOURS, [f"{f}*" if i % 9 == 8 else f for i, f in enumerate(FLOW)]),
        *("at", HOUR, [20], "the remark '*' after some numbers is ignored"),
    ),
    "thousands of a few": (
        text_of("at,flow", HOURS, ["1.2k" if i % 9 == 8 else f for i, f in enumerate(FLOW)]),
        *("at", HOUR, [20], "numbers followed by k are converted"),
    ),
    "weeks": (
        text_of("week,flow", column(lambda i: f"{2022 + i // 52}-W{1 + i % 52:02}"), FLOW),
        *("week", "2022-01-10", [20], None),
    ),
    "quarters before years": (
        text_of("at,flow", column(lambda i: f"Q{1 + i % 4} {1990 + i // 4}"), FLOW),
        *("at", "1990-04", [20], None),
    ),
    "days with colons": (
        text_of(
            "Date,Time,flow", moments(lambda t: f"{t:%d:%m:%Y}"), moments(lambda t: f"{t:%X}"), FLOW
        ),
        *("Date Time", HOUR, [20], "are combined into times"),
    ),
    "weekdays in French": (
        text_of("at;flow", moments(lambda t: f"mardi {t.day} mai {t:%Y %H:%M}"), FLOW, sep=";"),
        *("at", HOUR, [20], None),
    ),
    "clocks with an h": (
        text_of("Date;Heure;flow", DATES, moments(lambda t: f"{t:%Hh%M}"), FLOW, sep=";"),
        *("Date Heure", HOUR, [20], "are combined into times"),
    ),
    "halves of days in one letter": (
        text_of(
            "Date\tTime\tflow",
            DATES,
            moments(lambda t: f"{t:%I:%M}{'ap'[t.hour > 11]}"),
            FLOW,
            sep="\t",
        ),
        *("Date Time", HOUR, [20], "are combined into times"),
    ),
    "clocks of six digits": (
        text_of(
            "DATE,TIME,flow",
            [d.replace("-", "") for d in DATES],
            moments(lambda t: f"{t:%H%M%S}"),
            FLOW,
        ),
        *("DATE TIME", HOUR, [20], "are combined into times"),
    ),
    "clocks from one to another": (
        text_of("at;flow", moments(lambda t: f"{t:%d.%m.%Y %H:00}-{t:%H}:59"), FLOW, sep=";"),
        *("at", HOUR, [20], "such as '01.05.2023 00:00-00:59' are read as their beginnings"),
    ),
    "a browser": (
        text_of(
            "at,flow",
            moments(lambda t: f"{t:%a %b %d %Y %X} GMT+0200 (Central European Summer Time)"),
            FLOW,
        ),
        *("at", HOUR, [20], None),
    ),
    "a zone that changes, in a column": (
        text_of(
            "at,tz,flow",
            [f"2023-11-05 {i // 4:02}:{15 * (i % 4):02}" for i in [*range(8), *range(4, 56)]],
            ["EDT"] * 8 + ["EST"] * 52,
            FLOW,
        ),
        *("at tz", "2023-11-05T00:15", [20], "at and tz are combined into times"),
    ),
    "Americans": (
        text_of(
            "at,flow", moments(lambda t: f"{t.month}/{t.day}/{t.year} {t:%I:%M:%S %p}", "s"), FLOW
        ),
        *("at", "2023-05-01T00:00:01", [20], "read as month/day/year"),
    ),
    "parts of dates without names": (
        text_of(None, *parts("year", "month", "day", "hour"), FLOW, sep=" "),
        *("column1 column2 column3 column4", HOUR, [20], "are combined into times"),
    ),
    "days of the year without names": (
        text_of(
            None,
            ["2023"] * N,
            moments(lambda t: str(t.timetuple().tm_yday)),
            *parts("hour"),
            FLOW,
            sep=" ",
        ),
        *("column1 column2 column3", HOUR, [20], "are combined into times"),
    ),
    "an hour without a name": (
        text_of(None, DATES, *parts("hour"), FLOW),
        *("column1 column2", HOUR, [20], "are combined into times"),
    ),
    **{
        name: (text_of(f"{name},flow", column(written), FLOW), name, HOUR, [20], words)
        for name, written, words in (
            ("ticks", lambda i: str(638184960000000000 + i * 36000000000), "ticks of .NET"),
            ("stamp", lambda i: str(133273728000000000 + i * 36000000000), "of Windows"),
            ("BJD", lambda i: f"{2460065.5 + i / 24:.6f}", "Julian days"),
            ("MJD", lambda i: f"{60065 + i / 24:.6f}", "modified Julian days"),
        )
    },
    "decimal years": (
        text_of("decimal_year,flow", column(lambda i: f"{2000 + i / 366:.5f}"), FLOW),
        *("decimal_year", "2000-01-01T23:57:04.704480", [20], "decimal years"),
    ),
    **{
        f"durations such as {written(30)}": (
            text_of("elapsed,flow", column(written), FLOW),
            "elapsed",
            step,
            [20],
            None,
        )
        for step, written in (
            (3600, lambda i: f"{i // 24} days {i % 24:02}:00:00"),
            (3600, lambda i: f"{i}:00:00"),
            (30, lambda i: f"{i // 2}:{30 * (i % 2):02}.0"),
            (0.02, lambda i: f"0:{i // 50:02}.{20 * (i % 50):03}"),
        )
    },
    "midnights": (
        text_of("Start,flow", moments(lambda t: f"{t:%H:%M}"), FLOW),
        *("Start", 3600, [20], "'Start' restarts: a day is added there"),
    ),
    "an oscilloscope": (
        text_of("second,Volt", column(lambda i: f"{i / 1e4 - 0.003:+.4E}"), FLOW),
        *("second", -0.0029, [20], "'second' always rises: used as the index"),
    ),
    "another calendar": (
        text_of("at,flow", moments(lambda t: f"{t:%d/%m}/{t.year + 543}", "D"), FLOW),
        *("at", "2566-05-02", [20], "the years are 2566 to 2566: is this another calendar?"),
    ),
    "numbers of a series beside its name": (
        text_of(
            "at,zone,no,flow",
            [h for h in HOURS for _ in "ab"],
            ["a", "b"] * N,
            ["61757", "61754"] * N,
            FLOW + FLOW,
        ),
        *("at", "2023-05-01", [20], "left out no: never changes"),
    ),
    "one answer": (
        text_of("at,ok,flow", HOURS, ["true"] * N, FLOW),
        *("at", HOUR, [20], "left out ok: never changes"),
    ),
    "bytes beside a time": (
        text_of("at,total,flow", HOURS, column(lambda i: str(1500000000 + 977 * i * i)), FLOW),
        *("at", HOUR, [20], "left out total: never falls: a running total?"),
    ),
    "years and weeks": (
        text_of(
            "year,week,flow",
            column(lambda i: str(2021 + i // 52)),
            column(lambda i: str(1 + i % 52)),
            FLOW,
        ),
        *("year week", "2021-01-11", [20], "are combined into times"),
    ),
    "names with other delimiters": (
        text_of("at,flow", HOURS, FLOW, sep=";"),
        *("at", HOUR, [20], None),
    ),
    "names after a mark": (
        "% run 7\n% t   flow\n" + text_of(None, column(str), FLOW, sep="  "),
        *("t", 1, [20], "line 1 (above the header)"),
    ),
    "a copy of a database": (
        "--\n\nCOPY public.r (at, flow) FROM stdin;\n"
        + text_of(None, HOURS, spoiled(FLOW, 9, "\\N"), sep="\t")
        + "\\.\n\n",
        *("at", HOUR, [20], "the last line, from line 64"),
    ),
    "months with remarks and words after rows": (
        "Site: A, 133 m\n  yyyy  mm   tmax\n             degC\n"
        + "".join(
            f"  {2018 + i // 12}  {1 + i % 12:2d}  {f}{'*' * (i % 9 == 8)}{'  New' * (i > 55)}\n"
            for i, f in enumerate(FLOW)
        ),
        *("yyyy mm", "2018-02", [20], "left out words after the last column: New"),
    ),
    "quality": (
        text_of("at,flow,Quality", HOURS, FLOW, ["192"] * 50 + ["0"] * 10),
        *("at", HOUR, [20], "left out Quality: looks like labels"),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_file_is_read(tmp_path, kind):
    content, index, second, first, words = KINDS[kind]
    series = read(tmp_path, content)
    assert series.index.name == index
    expected = np.datetime64(second, "us") if isinstance(second, str) else second
    np.testing.assert_allclose(
        *(np.array([v]).astype(float) for v in (series.index.wall[1], expected))
    )
    np.testing.assert_allclose(series.values[0], first)
    assert_noted(series, words)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("CREATE TABLE r (v float);\nINSERT INTO r VALUES\n(1),\n(2);\n", "SQL; export the table"),
        ("<table><tr><td>time</td></tr></table>", "is a web page or XML"),
        (text_of("at,p,q", HOURS, FLOW, FLOW) + "x,1,2,3\n2023-05-04,1\n", "has 4 cells instead"),
    ],
)
def test_what_holds_no_table_is_named(tmp_path, content, message):
    with pytest.raises(ValueError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("at,T1", [[f"{v}" for v in FLOW]] * 24),  # sensors, not hours
        ("at,valve", [column(lambda i: str(1 + i * 5 % 12))] * 2),
        ("at,bits", [column(lambda i: str(10 + i % 2))] * 2),
    ],
)
def test_sensors_that_look_like_parts_of_time_stay_sensors(tmp_path, header, cells):
    names = [f"{header}{i}" if i else header for i in range(len(cells))]
    names = [name.removeprefix("at,") if i else name for i, name in enumerate(names)]
    series = read(tmp_path, text_of(",".join(names), HOURS, *cells))
    assert (series.index.name, len(series.values)) == ("at", N)
    assert len(series.feature_names) == len(cells)


def test_a_title_leaves_commas_what_they_are(tmp_path):
    series = read(tmp_path, text_of("Data", column(str), column(lambda i: str(50 + i * 7 % 40))))
    assert len(series.values) == N and series.values[1, -1] == 57


def test_hours_side_by_side_stay_sensors_if_asked_for(tmp_path):
    content, *_ = KINDS["hours side by side"]
    series = read(tmp_path, content, keep=["H1"])
    assert len(series.values) == 30 and len(series.feature_names) == 24


def test_durations_are_sensors_if_asked_for(tmp_path):
    content = text_of(
        "at,sleep,flow", HOURS, column(lambda i: f"{6 + i % 3}:{i * 7 % 60:02}:00"), FLOW
    )
    assert read(tmp_path, content).feature_names == ["flow"]
    series = read(tmp_path, content, keep=["sleep"])
    assert series.feature_names == ["sleep", "flow"] and series.values[1, 0] == 7 * 3600 + 7 * 60


def test_columns_that_make_no_times_are_no_index(tmp_path):
    content = text_of("at,word,flow", HOURS, ["x"] * N, FLOW)
    with pytest.raises(ValueError, match="--index 'word,at': these columns do not form times"):
        read(tmp_path, content, index="word,at")


def test_repeated_sixes_and_sevens_stand_for_a_missing_value():
    assert find_sentinels(np.array([20.0, 21.5, -777.0, 19.0, -777.0])) == {-777.0: 2}


def test_a_wide_parquet_file_is_turned(tmp_path):
    import pandas as pd

    frame = pd.DataFrame([["a", *map(float, FLOW)]], columns=["probe", *HOURS])
    frame.to_parquet(tmp_path / "wide.parquet")
    series = read_series(str(tmp_path / "wide.parquet"), Choice())
    assert series.feature_names == ["a"] and series.index.wall[1] == np.datetime64(HOUR)
