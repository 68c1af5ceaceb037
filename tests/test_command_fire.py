"""Attacks on the command: bad input gives one line of error and no partial results."""

import csv
import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from commanding import (
    N_ROWS,
    FakeAutoencoder,
    assert_refused,
    read_scores,
    sine_csv,
    use_fake,
    write,
    write_pump,
)
from hypothesis import given
from hypothesis import strategies as st

import skae
from skae import cli
from skae._cli import outputs as _outputs
from skae._cli import run as _run
from skae._cli.outputs import hushed_stderr, safe_cell, write_whole


@pytest.fixture
def fake(monkeypatch, tmp_path):
    return use_fake(monkeypatch, tmp_path)


@pytest.fixture
def pump(tmp_path):
    return write_pump(tmp_path)


# --- bad input ---------------------------------------------------------------------------

WAVE = [f"{i},{np.sin(i):.3f}" for i in range(40)]


def with_line(number, line, header="time,x"):
    """A file with one line replaced."""
    lines = [header, *WAVE]
    lines[number - 1] = line
    return "\n".join(lines) + "\n"


def with_time(row, time):
    """A file of days, with one replaced."""
    days = [f"2024-01-{i + 1:02},{i % 7}" for i in range(31)]
    days[row] = f"{time},5"
    return "\n".join(["t,x", *days]) + "\n"


BAD_FILES = [
    ("", [], "bad.csv is empty; expected a CSV file with a header"),
    ("\n \n", [], "bad.csv is empty"),
    ("time,x\n", [], "bad.csv contains only a header"),
    (b"x\n1\n\0\n2", [], "bad.csv is not a CSV file: it contains binary data"),
    ("PK\x03\x04\0\0", [], "bad.csv is a zip archive; unpack it"),
    ("PK\x03\x04..[Content_Types].xml", [], "bad.csv is an Excel workbook; save it as CSV"),
    (b"\x89PNG\r\n\xff\xfe", [], "bad.csv is a picture or PDF"),
    ('[{"a": 1}]', [], "bad.csv is JSON; convert it to CSV"),
    ("<!DOCTYPE html>\n<html>", [], "bad.csv is a web page or XML"),
    ("Dear all,\nthe pump broke.\nBest\n", [], "there is no column of numbers in "),
    ("A word\nand no number\n", [], "there is no column of numbers"),
    ("x\na\nb\n", [], "check --delimiter, --skip-rows, --comment and --missing"),
    ('time,x\n1,"2\n', [], "bad.csv is not a CSV file: line 3"),
    (
        with_line(4, "2,3,4"),
        [],
        "has 3 cells instead of 2; ignore lines with --skip-rows or --comment",
    ),
    (
        "a,b,c\n" + "\n".join(WAVE),
        [],
        "line 2 and 39 others have too few cells for 3 columns in",
    ),
    (
        "time,x\n" + "".join(f"2024-01-{i + 1:02},{i % 7},5\n" for i in range(31)),
        [],
        "has 2 names but 3 cells in a row: are commas also decimal marks? Put such",
    ),
    (
        with_time(9, "later"),
        [],
        "set another --index, or ignore lines with --comment or --skip-rows",
    ),
    (with_line(3, '1,"2"3'), [], "bad.csv is not a CSV file: line 3"),
    ("9" * 200_000, [], "bad.csv is not a CSV file: line 1: field larger"),
    (
        with_line(9, "7,1_0"),
        [],
        "line 9, column 'x': '1_0' is not a number; --missing '1_0' treats",
    ),
    (with_line(9, "7,<0.5"), [], "line 9, column 'x': '<0.5' is not a number; --missing '<0.5'"),
    ('"time\n(s)",x\n1,2\n\n,\n2,"3"\n3,8x9\n4,5\n', [], "line 7, column 'x': '8x9' is not a num"),
    ("time,x\n1,2\n2,inf\n3,4\n", [], "line 3, column 'x': 'inf' is not a finite number"),
    ("time,x\n1,2\n2,-1e999\n3,4\n", [], "'-1e999' is not a finite number"),
    ("time,x\n1,1.7e308\n2,-1.7e308\n", ["--window", "2"], "too large to scale"),
    (with_time(9, ""), [], "line 11, column 't': '' is not a timestamp"),
    (with_time(9, "later"), [], "line 11, column 't': 'later' is not a timestamp"),
    (with_time(9, "2024-01-32"), [], "line 11, column 't': '2024-01-32' is not a timestamp"),
    ("time,x,y\n1,2,\n2,3,nan\n", ["--columns", "y"], "column 'y' has no values; leave it out"),
    ("time,x\n1,2\n2,3\n", [], "2 training rows are fewer than --window 30; use a shorter"),
    (sine_csv(header="time,fix").replace("\n", ",7\n").replace("fix,7", "fix,y"), [], None),
    ("time,x,y\n1,5,6\n2,5,6\n", [], "all columns are constant (x, y); there is no pattern"),
    (sine_csv(), ["--index", "nope"], "there is no column 'nope'; the columns are time, flow"),
    (sine_csv(), ["--columns", "flow,nope"], "there is no column 'nope'"),
    (sine_csv(), ["--keep", "nope"], "there is no column 'nope'"),
    (
        sine_csv(header="time,flow,w", extra=",a1"),
        ["--columns", "w"],
        "line 2, column 'w': 'a1' is",
    ),
    (sine_csv(), ["--train-rows", "121"], "--train-rows 121 is more than the 120 rows"),
    (sine_csv(), ["--train-rows", "29"], "29 training rows are fewer than --window 30"),
    (sine_csv(), ["--train-until", "-1"], "--train-until -1 is before the first row, 0"),
    (sine_csv(), ["--train-until", "nan"], "'nan' is not a number like the values of 'time'"),
    (sine_csv(), ["--train-until", "2024-01-01"], "'2024-01-01' is not a number"),
    (
        with_time(9, "2024-01-10"),
        ["--train-until", "soon"],
        "'soon' is not a timestamp like the values of",
    ),
    (sine_csv(), ["--max-gap", "2h"], "--max-gap '2h': expected a number, such as 5"),
    (
        with_time(9, "2024-01-10"),
        ["--max-gap", "2"],
        "--max-gap '2': expected a number and one of d",
    ),
    (sine_csv(), ["--encoding", "klingon"], "bad.csv is not text in klingon"),
    (
        "time,x,late\n" + "".join(f"{i},{i % 7},\n" for i in range(60)) + "60,1,1\n61,1,2\n",
        ["--train-rows", "50"],
        "column 'late' has no values in the training rows",
    ),
]


@pytest.mark.parametrize(("content", "args", "message"), BAD_FILES)
def test_bad_file_ends_with_one_line_and_nothing_written(
    fake, tmp_path, capsys, content, args, message
):
    file = tmp_path / "bad.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    if message is None:  # control: the same table works for a good file
        assert cli.main(["detect", str(file), *args]) == 0
        return
    assert_refused(["detect", str(file), *args], message, capsys)
    assert os.listdir(tmp_path) == ["bad.csv"] and not fake.made


BAD_ARGUMENTS = [
    ([], "no command given; try 'skae detect FILE.csv'"),
    (["nope"], "invalid choice: 'nope'"),
    (["detect", "--nope"], "unrecognized arguments: --nope"),
    (["detect", "a", "b"], "unrecognized arguments: b"),
    (["detect", "nope.csv"], "nope.csv: No such file or directory"),
    (["detect", "."], ".: Is a directory"),
    (["detect", "--window", "1"], "--window: got '1', but expected a whole number of at least 2"),
    (["detect", "--window", "3.5"], "--window: got '3.5'"),
    (["detect", "--window", "x"], "--window: got 'x'"),
    (["detect", "--window"], "--window: expected one argument"),
    (["detect", "--epochs", "0"], "--epochs: got '0'"),
    (["detect", "--seed=-1"], "--seed: got '-1'"),
    (["detect", "--merge-gap=-1"], "--merge-gap: got '-1'"),
    (["detect", "--min-length", "0"], "--min-length: got '0'"),
    (["detect", "--train-rows", "0"], "--train-rows: got '0'"),
    (["detect", "--train-rows", "9", "--train-until", "9"], "not allowed with argument"),
    (["detect", "--contamination", "0"], "got '0', but expected 'auto' or a number above 0"),
    (["detect", "--contamination", "0.51"], "--contamination: got '0.51'"),
    (["detect", "--contamination", "nan"], "--contamination: got 'nan'"),
    (["detect", "--contamination", "few"], "--contamination: got 'few'"),
    (
        ["detect", "--delimiter", "ab"],
        "--delimiter: got 'ab', but expected one character, or 'tab'",
    ),
    (["detect", "--decimal", ";"], "--decimal: invalid choice: ';'"),
    (["detect", "--skip-rows=-1"], "--skip-rows: got '-1'"),
    (["inspect"], "the following arguments are required: FILE"),
    (["inspect", "nope.csv"], "nope.csv: No such file or directory"),
    (["detect", "--dry-run"], "--dry-run needs a FILE"),
    (["detect", "--missing", "?"], "--missing needs a FILE; it does not apply to the demo series"),
    (["detect", "--columns", ""], "--columns: got '', but expected distinct names"),
    (["detect", "--columns", "load,,heat"], "--columns: got 'load,,heat'"),
    (["detect", "--columns", "load,load"], "--columns: got 'load,load'"),
    (["detect", "--out", "."], ". is a directory; expected a file name"),
    (["detect", "--out", "nope/scores.csv"], "the folder nope does not exist"),
    (["detect", "--out", os.devnull], "null is not a regular file"),
    (["detect", "--plot", "nope/a.png"], "the folder nope does not exist"),
    (["detect", "--plot", "series.csv"], "--plot series.csv: expected a name ending in one of"),
    (["detect", "--plot", "a.png", "--out", "./a.png"], "must be different files"),
    (["detect", "scores.csv"], "FILE, MODEL, --out, --plot and --save must be different files"),
]


@pytest.mark.parametrize(("args", "message"), BAD_ARGUMENTS)
def test_bad_argument_ends_with_one_line_and_nothing_written(fake, tmp_path, capsys, args, message):
    assert_refused(args, message, capsys)
    assert os.listdir(tmp_path) == [] and not fake.made


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="POSIX only")
def test_a_folder_that_refuses_files_is_an_error_before_the_work(fake, pump, monkeypatch, capsys):
    def refuse(dir):
        raise PermissionError(13, "Permission denied")

    # Tests may run as root, who can write to any folder.
    monkeypatch.setattr(_outputs.tempfile, "TemporaryFile", refuse)
    assert_refused(["detect", pump], "cannot write in .: Permission denied", capsys)
    assert not fake.made


def test_plot_without_matplotlib_is_an_error_before_the_work(fake, pump, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert_refused(["detect", pump, "--plot"], "pip install 'skae[plot]'", capsys)
    assert not fake.made


class NoPandas:
    """Finds no pandas. None in `sys.modules` would break scikit-learn, which looks there."""

    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'")


@pytest.fixture
def no_pandas(monkeypatch):
    monkeypatch.delitem(sys.modules, "pandas")
    monkeypatch.setattr(sys, "meta_path", [NoPandas(), *sys.meta_path])


def test_a_file_without_pandas_is_an_error_before_the_work(fake, pump, no_pandas, capsys):
    assert_refused(
        ["detect", pump], "needs pandas and clevercsv; run pip install 'skae[cli]'", capsys
    )
    assert not fake.made


def test_the_demo_needs_no_pandas(fake, no_pandas, capsys):
    assert cli.main(["detect", "--train-until", "2024-01-15", "--plot"]) == 0
    assert "found" in capsys.readouterr().out
    assert len(fake.made[0].X_fit) == 1585


@pytest.mark.parametrize("step", ["fit", "score_samples", "explain"])
def test_a_refusal_of_the_estimator_is_one_line(fake, pump, monkeypatch, capsys, step, tmp_path):
    def refuse(self, X):
        raise ValueError("Got 20 rows,\nbut expected more.")

    monkeypatch.setattr(FakeAutoencoder, step, refuse)
    assert_refused(["detect", pump], "skae: error: Got 20 rows, but expected more.", capsys)
    assert os.listdir(tmp_path) == ["pump.csv"]


@pytest.mark.parametrize("step", ["fit", "score_samples", "explain"])
def test_an_interrupt_leaves_nothing_and_ends_with_130(
    fake, pump, monkeypatch, capsys, step, tmp_path
):
    def interrupt(self, X):
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeAutoencoder, step, interrupt)
    assert cli.main(["detect", pump, "--quiet"]) == 130
    assert capsys.readouterr().err == "skae: interrupted\n"
    assert os.listdir(tmp_path) == ["pump.csv"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_write_that_breaks_off_leaves_the_old_file(
    fake, pump, monkeypatch, capsys, error, tmp_path
):
    def break_off(part, path):
        assert part.stat().st_size > 0
        raise error

    write(tmp_path / "scores.csv", "old")
    monkeypatch.setattr(os, "replace", break_off)
    assert cli.main(["detect", pump]) in (2, 130)
    assert (tmp_path / "scores.csv").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["pump.csv", "scores.csv"]


def test_a_picture_that_fails_leaves_no_scores(fake, pump, monkeypatch, tmp_path):
    def fail(*args):
        raise RuntimeError("a bug")

    monkeypatch.setattr(_run, "draw_picture", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main(["detect", pump, "--plot"])
    assert os.listdir(tmp_path) == ["pump.csv"]


# --- the process -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["--version"], 0, f"skae {skae.__version__}"),
        (["--help"], 0, "usage: skae"),
        (["detect", "--help"], 0, "--train-until"),
        (["detect", "--window", "x"], 2, "skae: error: argument --window"),
        (["detect", "nope.csv"], 2, "skae: error: nope.csv: No such file"),
    ],
)
@pytest.mark.slow
def test_command_without_work_does_not_load_tensorflow(args, status, words, tmp_path):
    code = (
        "import sys\nfrom skae.cli import main\n"
        f"try: status = main({args!r})\nexcept SystemExit as end: status = end.code\n"
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n") if status else 0) == (status, status // 2)
    assert words in done.stdout + done.stderr


def test_python_m_skae_runs_the_command():
    command = [sys.executable, "-m", "skae", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"skae {skae.__version__}\n"


def test_lines_of_an_import_are_held_back_unless_it_fails(capfd):
    with hushed_stderr():
        os.write(2, b"noise")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError), hushed_stderr():
        os.write(2, b"reason")
        raise ImportError
    assert capfd.readouterr().err == "reason"
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_hushing_a_closed_stderr_does_nothing(monkeypatch):
    def refuse(descriptor):
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(os, "dup", refuse)
    with hushed_stderr():
        pass


# --- untrusted text ----------------------------------------------------------------------

HOSTILE = st.text(st.sampled_from("=+-@a1\x1b[\n\r\t\x07\u202e\x9bé "), max_size=8)


@given(HOSTILE)
def test_no_cell_moves_a_terminal_or_runs_in_a_spreadsheet(text):
    cell = safe_cell(text)
    assert cell.isprintable()
    assert not cell.startswith(("=", "@", "+", "-")) or re.fullmatch(r"[-+]\s*[\d.]+\s*", cell)
    assert safe_cell(cell) == cell


def test_hostile_names_and_cells_arrive_as_text(fake, tmp_path, capsys):
    rows = [f"=cmd()\x1b[2J{i},{np.sin(i):.3f},on" for i in range(40)]
    header = "time,@sum\x1b]0;owned\x07,\x1b[31mwords"
    file = write(tmp_path / "a.csv", "\n".join([header, *rows]))
    assert cli.main(["detect", file, "--index", "time", "--contamination", "0.1"]) == 0
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err and "\\x1b[31mwords" in captured.err
    first = read_scores()[0]
    assert first["time"] == "'=cmd()\\x1b[2J0"
    assert first["feature"] == "'@sum\\x1b]0;owned\\x07"
    assert "\x1b" not in (tmp_path / "scores.csv").read_text()


def test_a_hostile_name_in_an_error_is_written_out(tmp_path, capsys):
    file = write(tmp_path / "a.csv", "x\x1b[2J,\x1b]0;owned\x07\n1,2\n")
    assert_refused(["detect", file, "--columns", "y"], "there is no column 'y'", capsys)
    assert cli.main(["detect", f"{tmp_path}/\x1b[2J"]) == 2
    assert "\\x1b[2J: No such file" in capsys.readouterr().err


# --- outputs -----------------------------------------------------------------------------


def test_json_and_scores_do_not_share_standard_output(fake, pump, capsys):
    assert_refused(["detect", pump, "--json", "--out", "-"], "--out - and --json both", capsys)
    assert not fake.made


def test_scores_go_to_standard_output_and_nowhere_else(fake, pump, tmp_path, capsys):
    assert cli.main(["detect", pump, "--out", "-", "--quiet"]) == 0
    captured = capsys.readouterr()
    assert len(list(csv.DictReader(io.StringIO(captured.out)))) == N_ROWS
    assert captured.err == "" and os.listdir(tmp_path) == ["pump.csv"]


def test_json_is_all_of_standard_output(fake, pump, capsys):
    assert cli.main(["detect", pump, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [event["feature"] for event in answer["events"]] == ["flow", "heat"]
    assert [event["length"] for event in answer["events"]] == [3, 1]
    assert answer["measures"] is None and answer["files"] == {"scores": "scores.csv"}


def test_rows_without_a_score_are_marked(fake, pump, monkeypatch, capsys):
    def score_with_outage(self, X):
        scores = -self.explain(X).max(axis=1)
        scores[20:25] = np.nan
        return scores

    monkeypatch.setattr(FakeAutoencoder, "score_samples", score_with_outage)
    assert cli.main(["detect", pump, "--plot"]) == 0
    out = capsys.readouterr().out
    assert "5 rows without a score, because nothing was observed around them" in out
    assert re.search(r"2024-01-01T20:00 +2024-01-02T00:00\n", out)
    rows = read_scores()
    assert [i for i, row in enumerate(rows) if row["label"] == ""] == list(range(20, 25))
    assert {row["score"] + row["feature"] for row in rows[20:25]} == {""}
    assert cli.main(["detect", pump, "--json"]) == 0
    (outage,) = json.loads(capsys.readouterr().out)["unobserved"]
    assert (outage["first_row"], outage["last_row"]) == (20, 24)


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(fake, pump, tmp_path):
    write(tmp_path / "old.csv", "old")
    os.chmod(tmp_path / "old.csv", 0o640)
    os.symlink("old.csv", tmp_path / "scores.csv")
    assert cli.main(["detect", pump]) == 0
    assert os.readlink(tmp_path / "scores.csv") == "old.csv"
    assert os.stat(tmp_path / "old.csv").st_mode & 0o777 == 0o640
    assert len(read_scores()) == N_ROWS


class Broken(io.StringIO):
    """A stream without a reader, or on a full disk."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error


def test_a_full_standard_output_leaves_no_files(fake, pump, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys, "stdout", Broken(OSError(28, "No space left on device")))
    assert cli.main(["detect", pump]) == 2
    assert capsys.readouterr().err.endswith(
        "skae: error: standard output: No space left on device\n"
    )
    assert os.listdir(tmp_path) == ["pump.csv"]


def test_whoever_reads_no_further_still_gets_the_files(fake, pump, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", Broken(BrokenPipeError(32, "Broken pipe")))
    assert cli.main(["detect", pump, "--quiet"]) == 141
    assert len(read_scores()) == N_ROWS and capsys.readouterr().err == ""


@pytest.mark.parametrize("args", [["detect", "pump.csv"], ["detect", "--help"], ["--version"]])
def test_a_closed_standard_output_is_an_error_before_the_work(
    fake, pump, monkeypatch, capsys, args
):
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(args) == 2
    assert "standard output is closed" in capsys.readouterr().err and not fake.made


@pytest.mark.parametrize("stream", [None, Broken(OSError(28, "No space left on device"))])
def test_a_standard_error_that_takes_nothing_stops_nothing(fake, pump, monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    assert cli.main(["detect", pump]) == 0
    assert len(read_scores()) == N_ROWS
    assert cli.main(["detect", "nope.csv"]) == 2


class ShortWrites(io.RawIOBase):
    """A file that writes three bytes at a time, as an unbuffered pipe may."""

    def __init__(self):
        self.content = b""

    def writable(self):
        return True

    def write(self, content):
        self.content += bytes(content[:3])
        return min(3, len(content))


def test_a_write_that_is_cut_short_goes_on():
    raw = ShortWrites()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    write_whole("time,é\n1,2\n", stream)
    assert raw.content == b"time,\\xe9\n1,2\n"


@pytest.mark.slow
def test_closed_streams_are_not_taken_for_files(tmp_path):
    """Otherwise the next opened file becomes standard error and receives the notes."""
    done = subprocess.run(
        [sys.executable, "-m", "skae", "detect", "nope.csv"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(skae.__file__))},
        preexec_fn=lambda: [os.close(descriptor) for descriptor in (0, 2)],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert (done.returncode, done.stdout, os.listdir(tmp_path)) == (2, b"", [])


WRITES = """
import sys
from pathlib import Path
from commanding import use_fake, write_pump
from pytest import MonkeyPatch
from skae import cli

folder, number = Path(sys.argv[1]), sys.argv[2]
use_fake(MonkeyPatch(), folder)
for _ in range(20):
    args = ["detect", f"{number}.csv", "--out", "scores.csv", "--quiet", "--window", "8"]
    assert cli.main(args) == 0
"""


@pytest.mark.nightly
@pytest.mark.slow
def test_two_processes_on_one_output_leave_the_file_of_one(fake, pump, tmp_path):
    rows = (tmp_path / "pump.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    wholes = []
    for number, n_rows in enumerate((100, 120)):
        write(tmp_path / f"{number}.csv", "".join(rows[: n_rows + 1]))
        assert cli.main(["detect", f"{number}.csv", "--out", "scores.csv", "--quiet"]) == 0
        wholes.append((tmp_path / "scores.csv").read_bytes())
    assert wholes[0] != wholes[1]
    path = os.pathsep.join(map(str, sys.path))
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITES, tmp_path, str(number)],
            env={**os.environ, "PYTHONPATH": path},
        )
        for number in range(2)
    ]
    found = set()
    while any(writer.poll() is None for writer in writers):
        found.add((tmp_path / "scores.csv").read_bytes())
    assert [writer.wait() for writer in writers] == [0, 0]
    assert found == set(wholes)
    assert not list(tmp_path.glob(".scores.csv*"))


def test_two_runs_of_one_process_have_other_names_for_one_output(tmp_path):
    path = tmp_path / "scores.csv"
    with _outputs.written({path: b"one"}):
        with _outputs.written({path: b"other"}):
            assert not path.exists()
        assert path.read_text() == "other"
    assert path.read_text() == "one"
