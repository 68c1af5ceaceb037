"""The arguments of the command line, and what is wrong with them."""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from skae import __version__

DESCRIPTIONS = {
    "detect": """\
Find anomalies in a time series: an LSTM autoencoder learns the series and points at the
rows that it cannot reconstruct. Without FILE, a demo series of a machine with labelled
faults is taken.

The scores file has one line for each row: the index, score (the reconstruction error,
higher = worse), label (1 = anomaly, 0 = normal) and the feature most to blame. Score and
label are empty where no sensor was observed.
""",
    "score": """\
Score a time series by a model that 'skae detect --save MODEL' has learned: with its scaling,
its threshold, and the columns of its names. Features that have left the range or the level of
the rows learned from are named.
""",
    "inspect": """\
Show what 'skae detect' would take each column of a file for, and why, without learning.
""",
}
EXAMPLES = """\
examples:
  skae detect --plot                               the demo, with a picture
  skae inspect pump.csv                            what is in a file
  skae detect pump.csv --train-until 2024-03-01    learn the beginning, score all
  skae detect pump.csv --save pump.skae            keep what was learned ...
  skae score pump.skae today.csv --json            ... and score new rows by it
  zcat all.csv.gz | skae detect - --series machine --out - | sort -t, -k3 -n
"""
# Options as `--help` shows them; how their values are read is in `value_types`.
COLUMNS = """
--columns A,B         the sensors (default: all columns of numbers that are nothing else)
--keep A,B            columns that are sensors as well, with all values, whatever they look like
"""
INPUT = """
--index COL           the column of times, or of its parts with commas between (default: found)
--time-format FORMAT  how times are written, such as %%d/%%m/%%y (default: found in the column)
--series COL          the column that tells several series apart (default: found)
--labels COL          a column of known anomalies to measure the result by
--missing WORD        a word or number that stands for a missing value; may be given again
--decimal MARK        what stands before decimals: . or ,
--delimiter MARK      what stands between cells, or 'tab'
--comment MARK        what lines to leave out begin with (default: #)
--skip-rows N         first lines to leave out
--encoding NAME       how text is encoded (default: found)
--max-gap STEP        the longest step windows reach over, such as 2h (default: 10 usual ones)
"""
TRAINING = """
--train-rows N        learn from the first N rows of each series only (default: all; demo: half)
--train-until INDEX   learn from the rows up to this index value only
"""
MODEL = """
--window N            rows seen at a time, a pattern's length, or 'auto' (default: %(default)s)
--contamination C     share of anomalies in the rows learned from (default: --threshold decides)
--threshold RULE      sensitive, robust, or adaptive to lasting changes (default: sensitive)
--epochs N            passes over the rows learned from, or 'auto' (default: %(default)s)
--seed N              default: %(default)s
"""
OUTPUT = """
--merge-gap N         join events with at most N normal rows between (default: half a window)
--min-length N        leave out events of fewer rows (default: %(default)s)
--out FILE            the scores file; '-' is standard output (default: %(default)s)
--plot FILE           draw a picture, needs matplotlib (default name: scores.png)
--json                tell the result as JSON
--quiet               no progress and no notes
"""
SAVING = """
--save MODEL          keep what was learned, for 'skae score'
--dry-run             do as 'skae inspect' does
"""
FILE = "text such as CSV, or Parquet, also with gzip; '-' is standard input"


class CommandError(Exception):
    """A mistake in the input, which :func:`skae.cli.main` prints as one line."""


class Parser(argparse.ArgumentParser):
    """Parser whose errors are one line each, without the usage.

    Parameters
    ----------
    answer : callable, default=print
        Prints the help; argparse would be silent about a full disk.
    **options
        Those of argparse.
    """

    def __init__(self, *, answer: Callable[[str], None] = print, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self.answer = answer

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving the process."""
        raise CommandError(message)

    def print_help(self, file: Any = None) -> None:
        """Print the help."""
        self.answer(self.format_help())


def make_parser(run: Callable[[argparse.Namespace], None], answer: Callable[[str], None]) -> Parser:
    """Return the parser of all commands.

    Parameters
    ----------
    run : callable
        Runs a command.
    answer : callable
        Prints help and version.
    """

    def run_no_command(args: argparse.Namespace) -> None:
        if not args.version:
            raise CommandError("no command given; try 'skae detect FILE.csv' or 'skae --help'")
        answer(f"skae {__version__}\n")

    parser = Parser(prog="skae", description="LSTM autoencoders for time series.", answer=answer)
    parser.add_argument("--version", action="store_true", help="print the version")
    parser.set_defaults(run=run_no_command)
    added = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, summary, add in (
        ("detect", "find anomalies in a time series", _add_detect),
        ("score", "score a time series by a model that was saved", _add_score),
        ("inspect", "show what is in a file", _add_inspect),
    ):
        command = added.add_parser(
            name, help=summary, description=DESCRIPTIONS[name], epilog=EXAMPLES, answer=answer
        )
        command.set_defaults(run=run, command=name)
        add(command)
    return parser


def _add_detect(parser: Parser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help=FILE)
    group = parser.add_argument_group("input")
    _add(group, COLUMNS + INPUT)
    _add(group.add_mutually_exclusive_group(), TRAINING)
    _add(parser.add_argument_group("model"), MODEL)
    _add(parser.add_argument_group("output"), OUTPUT + SAVING)


def _add_score(parser: Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help="what 'skae detect --save' wrote")
    parser.add_argument("file", metavar="FILE", help=FILE)
    _add(parser.add_argument_group("input"), INPUT)
    _add(parser.add_argument_group("output"), OUTPUT)


def _add_inspect(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help=FILE)
    _add(parser.add_argument_group("input"), COLUMNS + INPUT)
    parser.add_argument("--json", action="store_true", help="tell the result as JSON")


def _add(group: Any, options: str) -> None:
    """Add options that are written as `--help` shows them."""
    for name, metavar, words in re.findall(r"^(--\S+) ?(\S*) +(.*)$", options, re.MULTILINE):
        kind = {"metavar": metavar, **value_types().get(name, {})}
        group.add_argument(name, help=words, **(kind if metavar else {"action": "store_true"}))


def value_types() -> dict[str, dict[str, Any]]:
    """Return how the values of options are read, and what they are if they are not given."""
    return {
        "--columns": {"dest": "features", "type": _names},
        "--keep": {"type": _names, "action": "extend", "default": []},
        "--missing": {"action": "append", "default": []},
        "--decimal": {"choices": [".", ","]},
        "--delimiter": {"type": _delimiter},
        "--skip-rows": {"type": _at_least(0), "default": 0},
        "--train-rows": {"type": _at_least(1)},
        "--window": {"type": _auto_or(_at_least(2)), "default": 30},
        "--contamination": {"type": _auto_or(_share), "default": "auto"},
        "--threshold": {"choices": ["sensitive", "robust", "adaptive"]},
        "--epochs": {"type": _auto_or(_at_least(1)), "default": "auto"},
        "--seed": {"type": _at_least(0), "default": 0},
        "--merge-gap": {"type": _at_least(0)},
        "--min-length": {"type": _at_least(1), "default": 1},
        "--out": {"type": Path, "default": Path("scores.csv")},
        "--plot": {"type": Path, "nargs": "?", "const": Path("scores.png")},
        "--save": {"type": Path},
    }


def _at_least(lowest: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        if not text.strip().lstrip("+-").isdecimal() or int(text) < lowest:
            raise _not(text, f"a whole number of at least {lowest}")
        return int(text)

    return whole_number


def _auto_or(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: text if text == "auto" else parse(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share <= 0.5:
        raise _not(text, "'auto' or a number above 0 and at most 0.5")
    return share


def _delimiter(text: str) -> str:
    text = {"tab": "\t", "\\t": "\t", "space": " "}.get(text, text)
    if len(text) != 1:
        raise _not(text, "one character, or 'tab'")
    return text


def _names(text: str) -> list[str]:
    names = [name.strip() for name in next(csv.reader([text]), [])]
    if not all(names) or not names or len(set(names)) < len(names):
        raise _not(text, "different names with commas between them")
    return names


def _not(text: str, expected: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"got {text!r}, but expected {expected}")
