"""Kinds of published files, and how `skae inspect` reads them."""

import json

import numpy as np
import pytest
from commanding import (
    DAYS,
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

from skae import cli


def times(header="when,level", cells=HOURS, **options):
    """A file with times in this spelling."""
    return text_of(header, cells, FLOW, **options)


def numbers(cells, header="when;level", sep=";", when=HOURS):
    """A file with numbers in this spelling."""
    return text_of(header, when, cells, sep=sep)


def serial(i, origin):
    return (np.datetime64("2023-05-01") - np.datetime64(origin)).astype(int) + i / 24


GERMAN = moments(lambda t: f"{t:%d.%m.%Y %H:%M}")
EPOCH = column(lambda i: str(1682899200 + 900 * i))
PLAIN = times("time,flow")
RISING = column(lambda i: f"{500 + sum(2 + k % 5 for k in range(i))}")

# Name: (text, name of the index, its second time or number, names of sensors, their first row,
# words of a note; None without a note).
HOUR, DAY = "2023-05-01T01:00", "2023-05-02T00:00"
STRUCTURE = {
    "semicolons": (times("when;level", sep=";"), "when", HOUR, ["level"], [20], None),
    "tabs": (times("when\tlevel", sep="\t"), "when", HOUR, ["level"], [20], None),
    "pipes": (
        "| when | level |\n|------|:----:|\n"
        + times(None, [f"| {h}" for h in HOURS], sep=" | ").replace("\n", " |\n"),
        *("when", HOUR, ["level"], [20], None),
    ),
    "spaces": (
        text_of(
            "year  mo dy hr   temp",
            column(lambda i: f"2023  05 {1 + i // 24:02} {i % 24:02}"),
            FLOW,
            sep="   ",
        ),
        *("year mo dy hr", HOUR, ["temp"], [20], "are combined into times"),
    ),
    "comments": (
        "# Pegel 9\n# unit: m\n" + PLAIN,
        "time",
        HOUR,
        ["flow"],
        [20],
        "2 lines, 1 to 2 (comments)",
    ),
    "a comment below": (PLAIN + "# the end\n", "time", HOUR, ["flow"], [20], "line 62 (comments)"),
    "a header in a comment": (
        "# site 4\n#time,flow\n" + times(None),
        "time",
        HOUR,
        ["flow"],
        [20],
        "(comments)",
    ),
    "titles": (
        "Station:,Weser\n\nQuality checked\n" + PLAIN,
        "time",
        HOUR,
        ["flow"],
        [20],
        "above the header",
    ),
    "a long preamble": (
        "".join(f"note {i}: nothing\n" for i in range(150)) + PLAIN,
        *("time", HOUR, ["flow"], [20], "150 lines, 1 to 150 (above the header)"),
    ),
    "units": (
        times("time;flow\n(UTC);[l/s]", sep=";"),
        "time",
        HOUR,
        ["flow"],
        [20],
        "line 2 (units)",
    ),
    "a logger": (
        '"TOA5","x","CR6","7"\n"TIMESTAMP","RECORD","T_Avg"\n"TS","RN","deg C"\n"","","Avg"\n'
        + text_of(None, [f'"{h}:00"' for h in HOURS], column(str), FLOW),
        *("TIMESTAMP", HOUR, ["T_Avg"], [20], "RECORD: only rises by 1"),
    ),
    "another logger": (
        '"Plot Title: garden"\n"#","Date Time, GMT+01:00","Temp, °C"\n'
        + text_of(
            None,
            column(lambda i: str(i + 1)),
            moments(lambda t: f"{t:%m/%d/%y %I:%M:%S %p}", start="2023-05-19"),
            FLOW,
        ),
        *("Date Time, GMT+01:00", "2023-05-19T01:00", ["Temp, °C"], [20], "#: only rises by 1"),
    ),
    "a formatted codebook": (
        times("time\tflow\n20d\t14n", sep="\t"),
        "time",
        HOUR,
        ["flow"],
        [20],
        "(units)",
    ),
    "a sum below": (
        PLAIN + "Total,1234.5\n\nExported by X\n",
        "time",
        HOUR,
        ["flow"],
        [20],
        "the last 2 lines",
    ),
    "a format and a unit": (
        times("Datum;Pegel\nMEZ;m", sep=";"),
        *("Datum", HOUR, ["Pegel"], [20], "line 2 (units)"),
    ),
    "years": (
        text_of("Year,flow", column(lambda i: str(1900 + i)), FLOW),
        *("Year", 1901, ["flow"], [20], None),
    ),
    "years in the header": (
        "land,"
        + ",".join(map(str, range(1961, 2021)))
        + "\na,"
        + ",".join(FLOW)
        + "\nb,"
        + ",".join(FLOW),
        *("year", 1962, ["a", "b"], [20, 20], "each row is a sensor"),
    ),
    "sep": ("sep=;\n" + times("time;flow", sep=";"), "time", HOUR, ["flow"], [20], None),
    "row names of R": (
        text_of('"time","flow"', column(lambda i: f'"{i + 1}"'), HOURS, FLOW),
        "time",
        HOUR,
        ["flow"],
        [20],
        "index: only",
    ),
    "ragged ends": (
        PLAIN.replace("time,flow", "time,flow,note").replace(f"{FLOW[8]}\n", f"{FLOW[8]},x\n"),
        *("time", HOUR, ["flow"], [20], "line 2 and 58 others have too few cells"),
    ),
    "delimiters at the ends": (PLAIN.replace("\n", ",\n"), "time", HOUR, ["flow"], [20], None),
    "utf-16": (PLAIN.encode("utf-16"), "time", HOUR, ["flow"], [20], None),
    "utf-16 without its mark": (PLAIN.encode("utf-16-le"), "time", HOUR, ["flow"], [20], None),
    "cp1252": (
        times("Zeit;Höhe", sep=";").encode("cp1252"),
        "Zeit",
        HOUR,
        ["Höhe"],
        [20],
        "read as Windows-1252",
    ),
    "no header": (times(None, sep=";"), "column1", HOUR, ["column2"], [20], "there is no header"),
    "no header, and an id": (
        text_of(None, ["P-7"] * N, HOURS, FLOW),
        "column2",
        HOUR,
        ["column3"],
        [20],
        "no header",
    ),
    "numbers for a header": (
        text_of(",0,1,2", HOURS, FLOW, FLOW[::-1], FLOW),
        "index",
        HOUR,
        ["0", "1", "2"],
        [20, 24.99, 20],
        None,
    ),
    "duplicate names": (
        text_of("time,p,p,p", HOURS, FLOW, FLOW, FLOW),
        "time",
        HOUR,
        ["p", "p.1", "p.2"],
        [20] * 3,
        "numbered: p",
    ),
    "empty columns": (
        text_of("time,lat,flow,lon", HOURS, [""] * N, FLOW, [""] * N),
        "time",
        HOUR,
        ["flow"],
        [20],
        "left out lat, lon: empty",
    ),
    "ARFF": (
        "% by hand\n@relation x\n@attribute 'oil temp' real\n@attribute class {a,b}\n\n@DATA\n"
        + text_of(None, spoiled(FLOW, 9, "?"), ["ok"] * 40 + ["bad"] * 20),
        *("row", 1, ["oil temp"], [20], "class: looks like labels"),
    ),
    "spaces after commas": (
        text_of("time, flow, fault", HOURS, [f" {f}" for f in FLOW], [" 0"] * 50 + [" 1"] * 10),
        "time",
        HOUR,
        ["flow"],
        [20],
        "left out fault",
    ),
    "a byte order mark and quotes": (
        "\ufeff" + text_of('"when";"level"', [f'"{h}"' for h in HOURS], FLOW, sep=";"),
        *("when", HOUR, ["level"], [20], None),
    ),
    "a line of units in Latin-1": (
        times("when;level\n;°C", sep=";").encode("latin-1"),
        *("when", HOUR, ["level"], [20], "line 2 (units)"),
    ),
    "lines in quotes": (
        text_of(
            '"when\n(UTC)","level\nl/s",remark',
            *(HOURS, FLOW, ['"a\nb"' if i % 9 == 0 else "" for i in range(N)]),
        ),
        *("when (UTC)", HOUR, ["level l/s"], [20], "left out remark"),
    ),
    "files joined": (
        "# site 4\n" + PLAIN.replace(f"{HOURS[30]}", f"time,flow\n{HOURS[30]}"),
        *("time", HOUR, ["flow"], [20], "left out 1 line that repeats lines above the table"),
    ),
    "an end": (
        PLAIN + "-- end of file --\n",
        *("time", HOUR, ["flow"], [20], "the last line, from line 62"),
    ),
    "an oscilloscope": (
        "Model,X\nSample,1\nTIME,CH1\n"
        + text_of(None, column(lambda i: f"{0.25 * i - 1:.6e}"), FLOW),
        *("TIME", -0.75, ["CH1"], [20], "above the header"),
    ),
    "slashes before comments": (
        "// exported\n" + PLAIN,
        *("time", HOUR, ["flow"], [20], "line 1 (above the header)"),
    ),
    "no header, spaces": (
        "".join(f"{h}   {float(f):8.2f}\n" for h, f in zip(HOURS, FLOW, strict=True)),
        *("column1 column2", HOUR, ["column3"], [20], "there is no header"),
    ),
    "names and units before times in the header": (
        "\n".join(
            ",".join(row)
            for row in (["probe", "unit", *HOURS], ["a", "m", *FLOW], ["b", "m", *FLOW])
        ),
        *("time", HOUR, ["a m", "b m"], [20, 20], "each row is a sensor"),
    ),
    "times in the header": (
        "\n".join(
            [",".join(["probe", *HOURS]), ",".join(["a", *FLOW]), ",".join(["b", *FLOW[::-1]])]
        ),
        *("time", HOUR, ["a", "b"], [20, 24.99], "each row is a sensor"),
    ),
}
NUMBERS = {
    "decimal commas": (numbers([f.replace(".", ",") for f in FLOW]), [20, 21.54], None),
    "german thousands": (
        numbers(column(lambda i: f"{1 + i}.{100 + 7 * i % 800},50"), when=GERMAN),
        [1100.5, 2107.5],
        "thousands separators",
    ),
    "some thousands": (
        numbers(
            column(lambda i: f"{980 + 3 * (i % 19):,}".replace(",", ".")),
            sep=",",
            header="when,level",
        ),
        [980, 983],
        "was read as 1001",
    ),
    "some quoted thousands": (
        numbers(column(lambda i: f'"{900 + 20 * (i % 13):,}"')),
        [900, 920],
        "was read as 1000",
    ),
    "all thousands": (
        numbers(column(lambda i: f"{2 + i % 3}.{100 + 7 * i % 800}"), when=GERMAN),
        [2100, 3107],
        "if this is wrong, set --decimal",
    ),
    "millions": (
        numbers(column(lambda i: f'"{3_000_000 + 999 * (i % 9):,}"'), "when,level", ","),
        [3e6, 3000999],
        "thousands separators",
    ),
    "spaces between thousands": (
        numbers(column(lambda i: f"{1 + i % 2} {250 + i}")),
        [1250, 2251],
        None,
    ),
    "three decimals": (
        numbers(column(lambda i: f"{7 + i % 3}.{100 + i}"), "when,level", ","),
        [7.1, 8.101],
        None,
    ),
    "apostrophes": (
        numbers(column(lambda i: f"{1 + i % 2}'{250 + i}.50")),
        [1250.5, 2251.5],
        None,
    ),
    "lakhs": (
        numbers(column(lambda i: f'"{1 + i % 3},23,{456 + i}"'), "when,level", ","),
        [123456, 223457],
        "thousands separators",
    ),
    "brackets for below zero": (
        numbers(column(lambda i: f"({1 + i % 3},{100 + i}.5)" if i % 2 else "1,000.25")),
        [1000.25, -2101.5],
        "thousands separators",
    ),
    "a long minus": (numbers([f"−{f.replace('.', ',')}" for f in FLOW]), [-20, -21.54], None),
    "percents": (numbers([f"{f}%" for f in FLOW]), [20, 21.54], "followed by '%'"),
    "units": (numbers([f"{f} m3/s" for f in FLOW]), [20, 21.54], "followed by 'm3/s'"),
    "suffixes": (
        numbers(column(lambda i: f"{900 + 9 * i}K" if i < 12 else f"{1 + i / 60:.2f}M")),
        [9e5, 909e3],
        "K, M are converted",
    ),
    "sizes": (
        numbers(column(lambda i: f"{1 + i} kB" if i % 2 else f"{1 + i} MB")),
        [1e6, 2e3],
        "MB, kB are converted",
    ),
    "money": (numbers([f"${f}" for f in FLOW]), [20, 21.54], None),
    "booleans": (
        numbers(column(lambda i: ("on", "off")[i % 3 == 0])),
        [0, 1],
        "on/off are read as 1 and 0",
    ),
    **{
        word: (
            numbers(spoiled(FLOW, 8, word)),
            [20, 21.54],
            f"{word!r} (7 cells) treated as missing",
        )
        for word in ("?", "-", "--", "***", "n/e", "MM", "Bad", "No Data")
    },
    "errors of a spreadsheet": (
        numbers(spoiled(spoiled(FLOW, 9, "#DIV/0!"), 16, "#REF!")),
        [20, 21.54],
        "'#DIV/0!' (6 cells), '#REF!' (3 cells) treated as missing",
    ),
    "a lone word": (
        numbers(spoiled(FLOW, 41, "offline")),
        [20, 21.54],
        "'offline' (1 cell) treated",
    ),
    "mostly words": (
        numbers(["-" if i % 3 else f for i, f in enumerate(FLOW)]),
        [20, np.nan],
        "'-' (40 cells) treated",
    ),
    **{
        value: (
            numbers(spoiled(FLOW, 20, value)),
            [20, 21.54],
            f"{float(value):.15g} (3 cells) treated as missing",
        )
        for value in ("-200", "-999", "-7999", "-9999.0", "9999.9", "1e20", "-99.9", "32767")
    },
    "one extreme": (numbers(spoiled(FLOW, 41, "-8999")), [20, 21.54], None),
    "one sentinel": (
        numbers(spoiled(FLOW, 41, "-6999")),
        [20, 21.54],
        "-6999 (1 cell) treated as missing",
    ),
    "zeros": (numbers(spoiled(FLOW, 20, "0")), [20, 21.54], None),
    "nines among others": (numbers(column(lambda i: str(900 + 9 * (i % 12)))), [900, 909], None),
}
TIMES = {
    "date and time": (
        text_of(
            "Day,Clock,flow",
            moments(lambda t: f"{t:%d/%m/%Y}"),
            moments(lambda t: f"{t:%H:%M}"),
            FLOW,
        ),
        "Day Clock",
        HOUR,
        "are combined into times",
    ),
    "date and hour": (
        text_of(
            "date,hour,flow", moments(lambda t: f"{t:%Y%m%d}"), moments(lambda t: f"{t.hour}"), FLOW
        ),
        "date hour",
        HOUR,
        "are combined",
    ),
    "date and hhmm": (
        text_of(
            "date,hhmm,flow",
            moments(lambda t: f"{t:%Y-%m-%d}"),
            moments(lambda t: f"{100 * t.hour}"),
            FLOW,
        ),
        "date hhmm",
        HOUR,
        "are combined",
    ),
    "a date before the full time": (
        text_of("Date,stamp,flow", moments(lambda t: f"{t:%Y-%m-%d}"), HOURS, FLOW),
        "stamp",
        HOUR,
        "left out Date: another time",
    ),
    "year, month, day": (
        text_of(
            "Year;Month;Day;flow",
            *(moments(lambda t, p=p: f"{t:{p}}", "D") for p in ("%Y", "%m", "%d")),
            FLOW,
            sep=";",
        ),
        "Year Month Day",
        DAY,
        "are combined",
    ),
    "epochs": (times("logged_at,flow", EPOCH), "logged_at", "2023-05-01T00:15", "epochs in s"),
    "epochs in ms": (
        times("x,flow", [f"{e}000" for e in EPOCH]),
        "x",
        "2023-05-01T00:15",
        "epochs in ms",
    ),
    "epochs in ns": (
        times("x,flow", [f"{e}000000000" for e in EPOCH]),
        "x",
        "2023-05-01T00:15",
        "epochs in ns",
    ),
    "epochs that come twice": (
        times("x,flow", [EPOCH[i - i % 2] for i in range(N)]),
        "x",
        "2023-05-01T00:00",
        "29 more have the same time",
    ),
    "days of Excel": (
        times("Datum;flow", column(lambda i: f"{serial(i, '1899-12-30'):.6f}"), sep=";"),
        "Datum",
        HOUR,
        "Excel days",
    ),
    "days of MATLAB": (
        times("datenum,flow", column(lambda i: f"{serial(i, '1970-01-01') + 719529:.6f}")),
        "datenum",
        HOUR,
        "MATLAB days",
    ),
    "compact days": (
        times(cells=moments(lambda t: f"{t:%Y%m%d}", "D")),
        "when",
        DAY,
        "times such as 20230501",
    ),
    "compact hours": (
        times(cells=moments(lambda t: f"{t:%Y%m%d%H}")),
        "when",
        HOUR,
        "times such as 2023050100",
    ),
    "compact seconds": (
        times(cells=moments(lambda t: f"{t:%Y%m%d%H%M%S}")),
        "when",
        HOUR,
        "times such as",
    ),
    "intervals": (
        times(cells=moments(lambda t: f"{t:%d.%m.%Y %H:00} - {t:%d.%m.%Y %H:59}")),
        "when",
        HOUR,
        "are read as their beginnings",
    ),
    "falling": (times(cells=HOURS[::-1]), "when", HOUR, "newest first; the rows were reversed"),
    "year and day of year": (
        text_of(
            "Year,DOY,HH,flow",
            *(["2023"] * N, moments(lambda t: f"{t:%j}"), moments(lambda t: f"{t.hour}"), FLOW),
        ),
        *("Year DOY HH", HOUR, "are combined into times"),
    ),
    "days of the year": (
        times(cells=moments(lambda t: f"{t:%Y-%j}", "D")),
        *("when", DAY, None),
    ),
    "the clock before the year": (
        times(cells=moments(lambda t: f"{t:%a %b %d %H:%M:%S} UTC {t.year}")),
        *("when", HOUR, None),
    ),
    "Oracle": (
        times(cells=moments(lambda t: f"{t:%d-%b-%y %I.%M.%S.000000 %p}".upper())),
        *("when", HOUR, None),
    ),
    "a place for a zone": (
        times(cells=[f"{h} Europe/Berlin" for h in HOURS]),
        *("when", HOUR, None),
    ),
    "a gap": (
        times(cells=[*HOURS[:30], *(h.replace("05-", "06-") for h in HOURS[30:])]),
        "when",
        HOUR,
        "a gap in time of 31.04 d before line 32",
    ),
    "another step": (
        times(cells=[*moments(str, "D", "2023-03-01")[:30], *HOURS[:30]]),
        "when",
        "2023-03-02T00:00",
        "the step is 1 d until line 32",
    ),
    "back": (
        times(cells=[*HOURS[:30], *HOURS[20:50]]),
        "when",
        HOUR,
        "time goes back at line 32; the rows",
    ),
    "American": (
        times(cells=moments(lambda t: f"{t:%m/%d/%Y %I:%M %p}", start="2023-05-01")),
        "when",
        HOUR,
        "read as month/day/year",
    ),
    "the 24th hour": (
        times(
            cells=moments(
                lambda t: f"{t:%Y-%m-%d %H:00}".replace(" 00:", " 24:"), start="2023-05-01T01"
            )
        ),
        "when",
        "2023-05-01T02:00",
        "time goes back",
    ),
    **{
        name: (
            times(
                "when;level", moments(lambda t, p=written: f"{t:{p}}", step, "2023-05-01"), sep=";"
            ),
            "when",
            second,
            None,
        )
        for name, step, second, written in (
            ("dots", "h", HOUR, "%Y.%m.%d.%H.%M.%S"),
            ("a colon", "h", HOUR, "%Y%m%d:%H%M"),
            ("month words", "D", DAY, "%d-%b-%Y"),
            ("long month words", "D", DAY, "%B %d, %Y"),
            ("weekdays", "h", HOUR, "%a %d %b %Y %H:%M:%S"),
            ("days and hours", "h", HOUR, "%d.%m.%y %H"),
            ("slashes", "h", HOUR, "%Y/%m/%d %H:%M"),
            ("ISO with a zone", "h", HOUR, "%Y-%m-%dT%H:%M:%S+05:30"),
            ("UTC", "h", HOUR, "%Y-%m-%d %H:%M:%S UTC"),
            ("no separators", "h", HOUR, "%Y%m%dT%H%M%SZ"),
        )
    },
    "months": (
        times(cells=[f"{1950 + i // 12}-{1 + i % 12:02}" for i in range(N)]),
        "when",
        "1950-02-01T00:00",
        None,
    ),
    "months in words": (
        times(cells=[f"{('Jan', 'May', 'Sep')[i % 3]} {1950 + i // 3}" for i in range(N)]),
        "when",
        "1950-05-01T00:00",
        None,
    ),
    "months in German": (
        times(
            cells=[
                f"1. {('März', 'Juli', 'Okt.', 'Dez.')[i % 4]} {1950 + i // 4}" for i in range(N)
            ]
        ),
        "when",
        "1950-07-01T00:00",
        None,
    ),
    "quarters": (
        times(cells=[f"{1950 + i // 4}Q{1 + i % 4}" for i in range(N)]),
        "when",
        "1950-04-01T00:00",
        None,
    ),
}
ROLES = {
    "a row counter": (
        text_of("time,sample_no,flow", HOURS, column(lambda i: str(100 + i)), FLOW),
        ["flow"],
        "sample_no: only rises by 1",
    ),
    "an ordinal date": (
        text_of("time,ordinal,flow", DAYS, column(lambda i: str(738641 + i)), FLOW),
        ["flow"],
        "left out ordinal",
    ),
    "seconds passed": (
        text_of("time,elapsed_s,flow", HOURS, column(lambda i: str(3600 * i)), FLOW),
        ["flow"],
        "elapsed_s: rises evenly with time",
    ),
    "a running total": (
        text_of("time,rain_sum,flow", HOURS, RISING, FLOW),
        ["flow"],
        "rain_sum: never falls",
    ),
    "the hour of the day": (
        text_of("time,hr,flow", HOURS, column(lambda i: str(i % 24)), FLOW),
        ["flow"],
        "hr: repeats a part of the time",
    ),
    "parts of a file": (
        text_of("time,fold,flow", HOURS, column(lambda i: str(i % 5)), FLOW),
        ["flow"],
        "fold: marks parts of the file",
    ),
    "times in no known way": (
        text_of("when,flow", moments(lambda t: f"{t.year}年{t.month}月{t.day}日{t.hour}"), FLOW),
        ["flow"],
        "left out when: not numbers; if these are times, set --time-format",
    ),
    "constants": (
        text_of("time,site,flow", HOURS, ["7"] * N, FLOW),
        ["flow"],
        "left out site: never changes",
    ),
    "words": (
        text_of("time,note,flow", HOURS, column(lambda i: "ab"[i % 2]), FLOW),
        ["flow"],
        "note: not numbers",
    ),
    **{
        name: (
            text_of(f"time,flow,{name}", HOURS, FLOW, [zero] * 50 + [one] * 10),
            ["flow"],
            f"left out {name}: looks like labels",
        )
        for name, zero, one in (
            ("pump_label", "0", "1"),
            ("Is Anomaly", "0", "1"),
            ("ATTACK_FLAG", "-777", "1"),
            ("Normal/Fault", "Normal", "Fault"),
            ("isOutlier", "False", "True"),
            ("GroundTruth", "0", "1"),
            ("target", "0", "1"),
            ("failure", "0", "3"),
        )
    },
    "a valve": (
        text_of("time,flow,valve", HOURS, FLOW, column(lambda i: str(i % 2))),
        ["flow", "valve"],
        None,
    ),
}
SERIES = {
    "alternating": (
        text_of("time,probe,value", [h for h in HOURS for _ in "ab"], ["a", "b"] * N, FLOW * 2),
        "probe",
        "each time occurs 2 times, probe has 2 values: using --series probe",
    ),
    "in blocks": (
        text_of("unit_nr,time,value", ["1"] * N + ["2"] * N + ["3"] * N, HOURS * 3, FLOW * 3),
        "unit_nr",
        "each time occurs 3 times, unit_nr has 3 values: using --series unit_nr",
    ),
    "by cycles": (
        text_of(
            "engine,cycle,value", ["1"] * N + ["2"] * N, column(lambda i: str(i + 1)) * 2, FLOW * 2
        ),
        "engine",
        "'cycle' restarts, engine has 2 values",
    ),
    "one after the other": (
        text_of(
            "id,time,value",
            ["x"] * N + ["y"] * N,
            HOURS + [h.replace("05-", "04-") for h in HOURS],
            FLOW * 2,
        ),
        "id",
        "time restarts, id has 2 values",
    ),
}


@pytest.mark.parametrize("kind", STRUCTURE)
def test_a_table_is_found_in_its_text(tmp_path, kind):
    content, index, second, sensors, first, words = STRUCTURE[kind]
    series = read(tmp_path, content)
    assert (series.index.name, series.feature_names) == (index, sensors)
    assert len(series.values) == N
    expected = np.datetime64(second, "us") if isinstance(second, str) else second
    assert series.index.wall[1] == expected
    np.testing.assert_allclose(series.values[0], first)
    assert_noted(series, words)


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_are_read_as_they_are_meant(tmp_path, kind):
    content, first, words = NUMBERS[kind]
    series = read(tmp_path, content)
    assert (series.index.name, series.feature_names, len(series.values)) == ("when", ["level"], N)
    np.testing.assert_allclose(series.values[:2, 0], first)
    assert_noted(series, words)


@pytest.mark.parametrize("kind", TIMES)
def test_times_are_found_and_read(tmp_path, kind):
    content, index, second, words = TIMES[kind]
    series = read(tmp_path, content)
    assert (series.index.name, len(series.values), len(series.feature_names)) == (index, N, 1)
    assert series.index.wall[1] == np.datetime64(second, "us")
    assert_noted(series, words)


@pytest.mark.parametrize("kind", ROLES)
def test_what_is_no_sensor_is_left_out_and_said(tmp_path, kind):
    content, sensors, words = ROLES[kind]
    series = read(tmp_path, content)
    assert series.feature_names == sensors
    assert_noted(series, words)
    names = content.partition("\n")[0].split(",")
    others = [name for name in names[1:] if name not in sensors]
    if others and kind not in ("words", "Normal/Fault", "isOutlier"):
        kept = read(tmp_path, content, keep=others)
        assert set(kept.feature_names) == {*sensors, *others}, "--keep has the last word"


@pytest.mark.parametrize("kind", SERIES)
def test_several_series_in_one_table_are_told_apart(tmp_path, kind):
    content, name, words = SERIES[kind]
    series = read(tmp_path, content)
    assert series.series_name == name and series.feature_names == ["value"]
    assert {len(rows) for rows in series.parts()} == {N}
    assert_noted(series, words)


def test_what_a_user_says_of_a_file_counts(tmp_path):
    said = {"skip_rows": 2, "comment": "!", "delimiter": ":", "encoding": "latin-1", "decimal": ","}
    lines = [
        "1:2",
        "3:4",
        "! made by hand",
        "n:höhe",
        *(f"{i}:{i % 5},{i % 7}01" for i in range(N)),
    ]
    series = read(tmp_path, "\n".join(lines).encode("latin-1"), **said)
    assert series.feature_names == ["höhe"] and series.values[8, 0] == 3.101
    series = read(tmp_path, numbers(spoiled(FLOW, 8, "<5")), missing=["<5"])
    assert np.isnan(series.values[7, 0]) and series.notes == []
    content = text_of("time,flow", HOURS, spoiled(column(lambda i: str(i % 7)), 8, "-5"))
    assert np.isnan(read(tmp_path, content, missing=["-5"]).values[7, 0])
    series = read(tmp_path, numbers(spoiled(FLOW, 20, "-9999")), keep=["level"])
    assert series.values[19, 0] == -9999


def test_the_other_mark_is_no_decimal_mark_if_a_user_names_one(tmp_path):
    cells = spoiled(column(lambda i: f"{i % 7},25"), 8, "0.125")
    with pytest.raises(ValueError, match="'0.125' is not a number; --missing"):
        read(tmp_path, text_of("time;flow", HOURS, cells, sep=";"), decimal=",")


def test_windows_end_at_gaps_and_where_a_user_says(tmp_path):
    content, *_ = TIMES["a gap"]
    assert [len(rows) for rows in read(tmp_path, content).pieces()] == [30, 30]
    assert [len(rows) for rows in read(tmp_path, content, max_gap="40d").pieces()] == [60]
    assert len(read(tmp_path, content, max_gap="30min").pieces()) == 60


def test_clocks_are_compared_as_they_are_written(tmp_path):
    winter = [f"2023-03-26 {i // 2:02}:{30 * (i % 2):02}:00 +0100" for i in range(4)]
    summer = [f"2023-03-26 {i // 2:02}:{30 * (i % 2):02}:00 +0200" for i in range(6, 48)]
    content = text_of("t,flow", [*winter, *summer], FLOW[:46])
    series = read(tmp_path, content)
    assert series.notes == [] and series.index.labels[4] == "2023-03-26 03:00:00 +0200"
    assert set(np.diff(series.index.instants).astype(int)) == {1800 * 10**6}
    assert series.index.is_after("2023-03-26 03:00").argmax() == 5
    assert series.index.is_after("2023-03-26 03:00+02:00").argmax() == 5


@pytest.mark.parametrize("command", [["inspect"], ["detect", "--dry-run"]])
def test_inspect_shows_columns_with_roles_and_reasons(tmp_path, capsys, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = text_of("time,no,flow,note", HOURS, column(str), spoiled(FLOW, 8, "?"), ["x"] * N)
    (tmp_path / "a.csv").write_text(content)
    assert cli.main([*command, "a.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{N} rows, time from {HOURS[0]} to {HOURS[-1]} in steps of 1 h"
    assert lines[2].split() == ["column", "role", "type", "missing", "first", "why"]
    assert lines[5].split() == ["flow", "sensor", "number", "7", "20"]
    assert lines[4].split()[:3] == ["no", "left", "out"] and "only rises by 1" in lines[4]
    assert "* flow: '?' (7 cells) treated as missing" in lines
    assert cli.main([*command, "a.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == N and found["index"]["step"] == "1 h" and len(found["notes"]) == 3
    assert [c["role"] for c in found["columns"]] == ["time", "left out", "sensor", "left out"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
