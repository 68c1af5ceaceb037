"""The command line: ``skae detect FILE``, ``skae score MODEL FILE`` and ``skae inspect FILE``."""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from skae import __version__
from skae._cli.outputs import Console, Progress, as_float, printable

__all__ = ["main"]

# The status of argparse's errors, and 128 + SIGINT and 128 + SIGPIPE as in shells.
USAGE_ERROR, INTERRUPTED, UNREAD = 2, 130, 141

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
# Options as `--help` shows them; `VALUES` parses their values.
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
JSON = """
--json                print the result as JSON
"""
OUTPUT = """
--merge-gap N         join events with at most N normal rows between (default: half a window)
--min-length N        drop events of fewer rows (default: %(default)s)
--out FILE            scores file; '-' is standard output (default: %(default)s)
--plot FILE           draw a picture, needs matplotlib (default name: scores.png)
--quiet               print no progress and no notes
"""
SAVING = """
--save MODEL          save the model for 'skae score'
--dry-run             only show the columns, as 'skae inspect' does
"""
FILE = "CSV or similar text, or Parquet, both also with gzip; '-' is standard input"
# The groups of options of each command.
GROUPS = {
    "detect": {"input": COLUMNS + INPUT, "model": MODEL, "output": OUTPUT + JSON + SAVING},
    "score": {"input": INPUT, "output": OUTPUT + JSON},
    "inspect": {"input": COLUMNS + INPUT, "output": JSON},
}
SUMMARIES = {
    "detect": "find anomalies in a time series",
    "score": "score a time series with a saved model",
    "inspect": "show the columns of a file",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        The arguments. If None, ``sys.argv[1:]``.

    Returns
    -------
    status : int
        0 after success, 2 after a user error, 130 after an interrupt, 141 if the reader of
        standard output closes the pipe.

    Examples
    --------
    >>> from skae.cli import main
    >>> main(["detect", "--window", "0"])
    2
    """
    try:
        _run(_make_parser().parse_args(argv))
    except BrokenPipeError:
        return UNREAD
    except KeyboardInterrupt:
        # On a terminal, the cursor may be in the line of progress.
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        Console().show("\n" * is_terminal + "skae: interrupted")
        return INTERRUPTED
    except (ValueError, OSError, MemoryError) as error:
        Console().show(f"skae: error: {printable(' '.join(_reason(error).split()))}")
        return USAGE_ERROR
    return 0


def _run(args: argparse.Namespace) -> None:
    if args.command:
        # numpy and scikit-learn take a second to import, and --help does not need them.
        from skae._cli.run import run

        run(args, _progress_callbacks)
    elif args.version:
        Console().answer(f"skae {__version__}\n")
    else:
        raise ValueError("no command given; try 'skae detect FILE.csv' or 'skae --help'")


def _progress_callbacks() -> list[Any]:
    """Return the Keras callbacks that show the training progress."""
    from keras.callbacks import LambdaCallback

    progress = Progress(sys.stderr)
    callback: Any = LambdaCallback(
        on_epoch_end=lambda epoch, logs: progress.show_epoch(
            epoch, callback.params["epochs"], logs
        ),
        on_train_end=lambda logs: progress.finish(),
    )
    return [callback]


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for that many rows"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


class Parser(argparse.ArgumentParser):
    """Parser with one-line errors, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Raise ValueError instead of exiting."""
        raise ValueError(message)

    def print_help(self, file: Any = None) -> None:
        """Print the help; unlike argparse, report a full disk."""
        Console().answer(self.format_help())


def _make_parser() -> Parser:
    parser = Parser(prog="skae", description="LSTM autoencoders for time series.")
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, groups in GROUPS.items():
        command = commands.add_parser(
            name,
            help=SUMMARIES[name],
            description=DESCRIPTIONS[name],
            epilog=EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == "score":
            command.add_argument("model", metavar="MODEL", help="file from 'skae detect --save'")
        is_optional = "?" if name == "detect" else None
        command.add_argument("file", nargs=is_optional, metavar="FILE", help=FILE)
        for title, options in groups.items():
            group = command.add_argument_group(title)
            _add(group, options)
            if title == "input" and name == "detect":
                _add(group.add_mutually_exclusive_group(), TRAINING)
    return parser


def _add(group: Any, options: str) -> None:
    """Add options from lines as `--help` shows them."""
    for name, metavar, words in re.findall(r"^(--\S+) ?(\S*) +(.*)$", options, re.MULTILINE):
        value = (
            {"metavar": metavar, **VALUES.get(name, {})} if metavar else {"action": "store_true"}
        )
        group.add_argument(name, help=words, **value)


# --- values of options -------------------------------------------------------------------


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


VALUES: dict[str, dict[str, Any]] = {
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
