"""The arguments of the command line, and what is wrong with them."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from skae import __version__
from skae._cli.choice import Choice

__all__ = ["CommandError", "choice_of", "make_parser"]

DETECT_DESCRIPTION = """\
Find anomalies in a time series: an LSTM autoencoder learns the series and points at the
rows that it cannot reconstruct. Without FILE, a demo series of a machine with labelled
faults is taken.

The scores file has one line for each row: the index, score (the reconstruction error,
higher = worse), label (1 = anomaly, 0 = normal) and the feature most to blame. Score and
label are empty where no sensor was observed.
"""

SCORE_DESCRIPTION = """\
Score a time series by a model that 'skae detect --save MODEL' has learned: with its scaling,
its threshold, and the columns of its names. Features that have left the range or the level of
the rows learned from are named.
"""

INSPECT_DESCRIPTION = """\
Show what 'skae detect' would take each column of a file for, and why, without learning.
"""

EXAMPLES = """\
examples:
  skae detect --plot                               the demo, with a picture
  skae inspect pump.csv                            what is in a file
  skae detect pump.csv --train-until 2024-03-01    learn the beginning, score all
  skae detect pump.csv --save pump.skae            keep what was learned ...
  skae score pump.skae today.csv --json            ... and score new rows by it
  zcat all.csv.gz | skae detect - --series machine --out - | sort -t, -k3 -n
"""


class CommandError(Exception):
    """A mistake in the input, which :func:`skae.cli.main` prints as one line."""


class Parser(argparse.ArgumentParser):
    """Parser whose errors are one line each, without the usage.

    Parameters
    ----------
    answer : callable, default=None
        Prints help and version; argparse would be silent about a full disk.
    **options
        Those of argparse.
    """

    def __init__(self, *, answer: Callable[[str], None] | None = None, **options: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        self.answer = answer

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving the process."""
        raise CommandError(message)

    def print_help(self, file: Any = None) -> None:
        """Print the help."""
        assert self.answer is not None
        self.answer(self.format_help())


class Version(argparse.Action):
    """Print the version, and leave."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print the version, and leave."""
        assert isinstance(parser, Parser) and parser.answer is not None
        parser.answer(f"skae {__version__}\n")
        parser.exit()


def make_parser(
    commands: dict[str, Callable[[argparse.Namespace], None]], answer: Callable[[str], None]
) -> Parser:
    """Return the parser of all commands.

    Parameters
    ----------
    commands : dict of str to callable
        What runs "detect", "score" and "inspect".
    answer : callable
        Prints help and version.
    """
    parser = Parser(prog="skae", description="LSTM autoencoders for time series.", answer=answer)
    parser.add_argument("--version", action=Version, nargs=0, help="print the version")
    parser.set_defaults(run=_refuse_no_command)
    added = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, words, description, add in (
        ("detect", "find anomalies in a time series", DETECT_DESCRIPTION, _add_detect),
        ("score", "score a time series by a model that was saved", SCORE_DESCRIPTION, _add_score),
        ("inspect", "show what is in a file", INSPECT_DESCRIPTION, _add_inspect),
    ):
        command = added.add_parser(
            name, help=words, description=description, epilog=EXAMPLES, answer=answer
        )
        command.set_defaults(run=commands[name], command=name)
        add(command)
    return parser


def choice_of(args: argparse.Namespace) -> Choice:
    """Return what arguments say of the file."""
    given = {name: getattr(args, name) for name in vars(Choice()) if hasattr(args, name)}
    return Choice(**given)


def _add_detect(parser: Parser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="text such as CSV, or Parquet, also with gzip; '-' is standard input",
    )
    group = parser.add_argument_group("input")
    _add_columns(group)
    _add_input(group)
    _add_training(group.add_mutually_exclusive_group())
    _add_model(parser.add_argument_group("model"))
    group = parser.add_argument_group("output")
    _add_output(group)
    group.add_argument(
        "--save", metavar="MODEL", type=Path, help="keep what was learned, for 'skae score'"
    )
    group.add_argument("--dry-run", action="store_true", help="do as 'skae inspect' does")


def _add_score(parser: Parser) -> None:
    parser.add_argument("model", metavar="MODEL", help="what 'skae detect --save' wrote")
    parser.add_argument("file", metavar="FILE", help="as for 'skae detect'; '-' is standard input")
    _add_input(parser.add_argument_group("input"))
    _add_output(parser.add_argument_group("output"))


def _add_inspect(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="as for 'skae detect'; '-' is standard input")
    group = parser.add_argument_group("input")
    _add_columns(group)
    _add_input(group)
    parser.add_argument("--json", action="store_true", help="tell the result as JSON")


def _add_columns(group: Any) -> None:
    group.add_argument(
        "--columns",
        dest="features",
        metavar="A,B",
        type=_names,
        help="the sensors (default: all columns of numbers that are nothing else)",
    )
    group.add_argument(
        "--keep",
        metavar="A,B",
        type=_names,
        action="extend",
        default=[],
        help="columns that are sensors as well, with all of their values, whatever they look like",
    )


def _add_input(group: Any) -> None:
    text: Callable[..., Any] = group.add_argument
    text(
        "--index",
        metavar="COL",
        help="the column of times, or those of its parts with commas between (default: found)",
    )
    text(
        "--time-format",
        metavar="FORMAT",
        help="how times are written, such as %%d/%%m/%%y (default: found in the whole column)",
    )
    text(
        "--series",
        metavar="COL",
        help="the column that tells several series apart (default: found)",
    )
    text("--labels", metavar="COL", help="a column of known anomalies to measure the result by")
    text(
        "--missing",
        metavar="WORD",
        action="append",
        default=[],
        help="a word, or a number, that stands for a missing value; may be given again",
    )
    text(
        "--decimal", metavar="MARK", choices=[".", ","], help="what stands before decimals: . or ,"
    )
    text("--delimiter", metavar="MARK", type=_delimiter, help="what stands between cells, or 'tab'")
    text("--comment", metavar="MARK", help="what lines to leave out begin with (default: #)")
    text("--skip-rows", metavar="N", type=_at_least(0), default=0, help="first lines to leave out")
    text("--encoding", metavar="NAME", help="how text is encoded (default: found)")
    text(
        "--max-gap",
        metavar="STEP",
        help="the longest step that windows reach over, such as 2h (default: 10 usual ones)",
    )


def _add_training(group: Any) -> None:
    group.add_argument(
        "--train-rows",
        metavar="N",
        type=_at_least(1),
        help="learn from the first N rows (of each series) only "
        "(default: all; demo: its fault-free half)",
    )
    group.add_argument(
        "--train-until", metavar="INDEX", help="learn from the rows up to this index value only"
    )


def _add_model(group: Any) -> None:
    group.add_argument(
        "--window",
        metavar="N",
        type=_auto_or(_at_least(2)),
        default=30,
        help="rows seen at a time, best the length of a typical pattern, or 'auto' to look for one "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--contamination",
        metavar="C",
        type=_auto_or(_share),
        default="auto",
        help="share of anomalies in the training rows, or 'auto' (default: %(default)s)",
    )
    group.add_argument(
        "--threshold",
        choices=["robust", "adaptive"],
        default="robust",
        help="'adaptive' follows a lasting change, which is then one event (default: %(default)s)",
    )
    group.add_argument(
        "--epochs",
        metavar="N",
        type=_auto_or(_at_least(1)),
        default="auto",
        help="passes over the training rows, or 'auto' (default: %(default)s)",
    )
    group.add_argument(
        "--seed", metavar="N", type=_at_least(0), default=0, help="default: %(default)s"
    )


def _add_output(group: Any) -> None:
    group.add_argument(
        "--merge-gap",
        metavar="N",
        type=_at_least(0),
        help="join events with at most N normal rows between them (default: half a window)",
    )
    group.add_argument(
        "--min-length",
        metavar="N",
        type=_at_least(1),
        default=1,
        help="leave out events of fewer rows (default: %(default)s)",
    )
    group.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        default=Path("scores.csv"),
        help="the scores file; '-' is standard output (default: %(default)s)",
    )
    group.add_argument(
        "--plot",
        metavar="FILE",
        type=Path,
        nargs="?",
        const=Path("scores.png"),
        help="draw a picture, needs matplotlib (default name: scores.png)",
    )
    group.add_argument("--json", action="store_true", help="tell the result as JSON")
    group.add_argument("--quiet", action="store_true", help="no progress and no notes")


def _refuse_no_command(args: argparse.Namespace) -> NoReturn:
    raise CommandError("no command given; try 'skae detect FILE.csv' or 'skae --help'")


# --- types of arguments ------------------------------------------------------------------


def _at_least(lowest: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        if not text.strip().lstrip("+-").isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(
                f"got {text!r}, but expected a whole number of at least {lowest}"
            )
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
        raise argparse.ArgumentTypeError(
            f"got {text!r}, but expected 'auto' or a number above 0 and at most 0.5"
        )
    return share


def _delimiter(text: str) -> str:
    text = {"tab": "\t", "\\t": "\t", "space": " "}.get(text, text)
    if len(text) != 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, but expected one character, or 'tab'")
    return text


def _names(text: str) -> list[str]:
    names = [name.strip() for name in next(csv.reader([text]), [])]
    if not all(names) or not names or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(
            f"got {text!r}, but expected different names with commas between them"
        )
    return names
