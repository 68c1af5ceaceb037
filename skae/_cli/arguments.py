"""The parser of the command's arguments."""

from __future__ import annotations

import argparse
import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from skae import __version__
from skae._cli.outputs import as_float

DESCRIPTIONS = {
    "detect": """\
Find anomalies in a time series. An LSTM autoencoder learns to reconstruct the series; rows
with large errors are anomalies. Without FILE, the demo series of a machine with labelled
faults is used.

The scores file has one line per row: the index, score (the reconstruction error, higher =
worse), label (1 = anomaly, 0 = normal) and the feature with the largest error. The last
three are empty where no sensor was observed.
""",
    "score": """\
Score a time series with a model from 'skae detect --save MODEL', which includes the columns,
the scaling and the threshold. Notes name features outside the range or level of the training
rows.
""",
    "inspect": """\
Show the role that 'skae detect' would give each column of a file, and why, without training.
""",
}
EXAMPLES = """\
examples:
  skae detect --plot                               the demo, with a picture
  skae inspect pump.csv                            show the columns of a file
  skae detect pump.csv --train-until 2024-03-01    train on the beginning, score all rows
  skae detect pump.csv --save pump.skae            save the model ...
  skae score pump.skae today.csv --json            ... and score new rows with it
  zcat all.csv.gz | skae detect - --series machine --out - | sort -t, -k3 -n
"""
# Options as `--help` shows them; `value_types` parses their values.
COLUMNS = """
--columns A,B         sensor columns (default: all columns of numbers without another role)
--keep A,B            additional sensor columns, used with all their values
"""
INPUT = """
--index COL           time column, or columns of its parts separated by commas (default: found)
--time-format FORMAT  format of times, such as %%d/%%m/%%y (default: found in the column)
--series COL          column that distinguishes several series (default: found)
--labels COL          column of known anomalies, to measure the result
--missing WORD        word or number that means a missing value; may be repeated
--decimal MARK        decimal mark, . or , (default: found)
--delimiter MARK      mark between cells, or 'tab' (default: found)
--comment MARK        mark at the beginning of lines to ignore (default: #)
--skip-rows N         number of first lines to ignore
--encoding NAME       text encoding (default: found)
--max-gap STEP        longest step within a window, such as 2h (default: 10 usual steps)
"""
TRAINING = """
--train-rows N        train on the first N rows of each series only (default: all; demo: half)
--train-until INDEX   train on the rows up to this index value only
"""
MODEL = """
--window N            rows per window, about one pattern, or 'auto' (default: %(default)s)
--contamination C     share of anomalies in the training rows (default: --threshold decides)
--threshold RULE      sensitive, robust, or adaptive to lasting changes (default: sensitive)
--epochs N            passes over the training rows, or 'auto' (default: %(default)s)
--seed N              seed of random numbers (default: %(default)s)
"""
OUTPUT = """
--merge-gap N         join events with at most N normal rows between (default: half a window)
--min-length N        drop events of fewer rows (default: %(default)s)
--out FILE            scores file; '-' is standard output (default: %(default)s)
--plot FILE           draw a picture, needs matplotlib (default name: scores.png)
--json                print the result as JSON
--quiet               print no progress and no notes
"""
SAVING = """
--save MODEL          save the model for 'skae score'
--dry-run             only show the columns, as 'skae inspect' does
"""
FILE = "CSV or similar text, or Parquet, both also with gzip; '-' is standard input"


class CommandError(Exception):
    """A user error, which :func:`skae.cli.main` prints as one line."""


class Parser(argparse.ArgumentParser):
    """Parser with one-line errors, without the usage.

    Parameters
    ----------
    answer : callable, default=print
        Prints the help. Unlike argparse, it reports a full disk.
    **options
        Options of ``argparse.ArgumentParser``.
    """

    def __init__(self, *, answer: Callable[[str], None] = print, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self.answer = answer

    def error(self, message: str) -> NoReturn:
        """Raise CommandError instead of exiting."""
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
        ("score", "score a time series with a saved model", _add_score),
        ("inspect", "show the columns of a file", _add_inspect),
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
    parser.add_argument("model", metavar="MODEL", help="file from 'skae detect --save'")
    parser.add_argument("file", metavar="FILE", help=FILE)
    _add(parser.add_argument_group("input"), INPUT)
    _add(parser.add_argument_group("output"), OUTPUT)


def _add_inspect(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help=FILE)
    _add(parser.add_argument_group("input"), COLUMNS + INPUT)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def _add(group: Any, options: str) -> None:
    """Add options from lines as `--help` shows them."""
    for name, metavar, words in re.findall(r"^(--\S+) ?(\S*) +(.*)$", options, re.MULTILINE):
        kind = {"metavar": metavar, **value_types().get(name, {})}
        group.add_argument(name, help=words, **(kind if metavar else {"action": "store_true"}))


def value_types() -> dict[str, dict[str, Any]]:
    """Return the types, defaults and actions of options."""
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
    share = as_float(text) or -1.0
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
        raise _not(text, "distinct names separated by commas")
    return names


def _not(text: str, expected: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"got {text!r}, but expected {expected}")
