"""The command line: ``skae detect FILE`` and ``skae score MODEL FILE``."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from skae import __version__
from skae._cli.console import Console, write_error
from skae._cli.text import printable

__all__ = ["main"]

# The status that argparse gives to errors of its own; 128 + SIGINT and + SIGPIPE, as shells
# have them.
USAGE_ERROR, INTERRUPTED, UNREAD = 2, 130, 141

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

EXAMPLES = """\
examples:
  skae detect --plot                               the demo, with a picture
  skae detect pump.csv --train-until 2024-03-01    learn the beginning, score all
  skae detect pump.csv --save pump.skae            keep what was learned ...
  skae score pump.skae today.csv --json            ... and score new rows by it
  zcat all.csv.gz | skae detect - --series machine --out - | sort -t, -k3 -n
"""


class CommandError(Exception):
    """A mistake in the input, which :func:`main` prints as one line."""


class Parser(argparse.ArgumentParser):
    """Parser whose errors are one line each, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving the process."""
        raise CommandError(message)

    def print_help(self, file: Any = None) -> None:
        """Print the help; argparse would be silent about a full disk."""
        with _one_line_errors():
            Console().answer(self.format_help())


class Version(argparse.Action):
    """Print the version, and leave."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print the version, and leave."""
        with _one_line_errors():
            Console().answer(f"skae {__version__}\n")
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        The arguments. If None, those of the process.

    Returns
    -------
    status : int
        0 after success, 2 after an error in the input, 130 after an interrupt, 141 if nobody
        reads standard output to its end.

    Examples
    --------
    >>> from skae.cli import main
    >>> main(["detect", "--window", "0"])
    2
    """
    try:
        args = _make_parser().parse_args(argv)
        args.run(args)
    except CommandError as error:
        write_error(f"skae: error: {printable(' '.join(str(error).split()))}")
        return USAGE_ERROR
    except BrokenPipeError:
        return UNREAD
    except KeyboardInterrupt:
        # Only a terminal has a line of progress to leave.
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        write_error("\n" * is_terminal + "skae: interrupted")
        return INTERRUPTED
    return 0


def _add_detect_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_detect)
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="CSV or Parquet, also with gzip; needs pandas; '-' is standard input",
    )
    group = parser.add_argument_group("input")
    _add_input_arguments(group)
    group.add_argument(
        "--columns",
        metavar="A,B",
        type=_column_names,
        help="the features (default: all columns of numbers that are nothing else)",
    )
    _add_training_arguments(group.add_mutually_exclusive_group())
    _add_model_arguments(parser.add_argument_group("model"))
    group = parser.add_argument_group("output")
    _add_output_arguments(group)
    group.add_argument(
        "--save", metavar="MODEL", type=Path, help="keep what was learned, for 'skae score'"
    )


def _add_score_arguments(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=run_score)
    parser.add_argument("model", metavar="MODEL", help="what 'skae detect --save' wrote")
    parser.add_argument("file", metavar="FILE", help="as for 'skae detect'; '-' is standard input")
    _add_input_arguments(parser.add_argument_group("input"))
    _add_output_arguments(parser.add_argument_group("output"))


def _add_input_arguments(group: Any) -> None:
    group.add_argument("--index", metavar="COL", help="the time or index column (default: found)")
    group.add_argument(
        "--time-format",
        metavar="FORMAT",
        help="how times are written, such as %%d/%%m/%%y (default: found in the whole column)",
    )
    group.add_argument(
        "--series",
        metavar="COL",
        help="the column that tells several series apart, such as machines in one file",
    )
    group.add_argument(
        "--labels",
        metavar="COL",
        help="a column of known anomalies (0/1, -1/1, true/false) to measure the result by",
    )


def _add_training_arguments(group: Any) -> None:
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


def _add_model_arguments(group: Any) -> None:
    group.add_argument(
        "--window",
        metavar="N",
        type=_window,
        default=30,
        help="rows seen at a time, best the length of a typical pattern, or 'auto' to look for one "
        "(default: %(default)s)",
    )
    group.add_argument(
        "--contamination",
        metavar="C",
        type=_contamination,
        default="auto",
        help="share of anomalies in the training rows, or 'auto' (default: %(default)s)",
    )
    group.add_argument(
        "--adapt-after",
        metavar="N",
        type=_at_least(1),
        help="take a lasting change for normal after so many windows (default: never)",
    )
    group.add_argument(
        "--epochs",
        metavar="N",
        type=_epochs,
        default="auto",
        help="passes over the training rows, or 'auto' (default: %(default)s)",
    )
    group.add_argument(
        "--seed", metavar="N", type=_at_least(0), default=0, help="default: %(default)s"
    )


def _add_output_arguments(group: Any) -> None:
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


def _make_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="skae", description="LSTM autoencoders for time series.")
    parser.add_argument("--version", action=Version, nargs=0, help="print the version")
    parser.set_defaults(run=_refuse_no_command)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_detect_arguments(
        commands.add_parser(
            "detect",
            help="find anomalies in a time series",
            description=DETECT_DESCRIPTION,
            epilog=EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    _add_score_arguments(
        commands.add_parser(
            "score",
            help="score a time series by a model that was saved",
            description=SCORE_DESCRIPTION,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
    )
    return parser


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


def _window(text: str) -> int | str:
    return text if text == "auto" else _at_least(2)(text)


def _contamination(text: str) -> str | float:
    if text == "auto":
        return text
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share <= 0.5:
        raise argparse.ArgumentTypeError(
            f"got {text!r}, but expected 'auto' or a number above 0 and at most 0.5"
        )
    return share


def _epochs(text: str) -> str | int:
    return text if text == "auto" else _at_least(1)(text)


def _column_names(text: str) -> list[str]:
    names = [name.strip() for name in next(csv.reader([text]), [])]
    if not all(names) or not names or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(
            f"got {text!r}, but expected different names with commas between them"
        )
    return names


# --- the commands ------------------------------------------------------------------------


def run_detect(args: argparse.Namespace) -> None:
    """Run ``skae detect``."""
    with _one_line_errors():
        # numpy and scikit-learn take a second to import: not for a word of help.
        from skae._cli import run

        watch = None if args.quiet else _progress_callbacks
        run.run_detect(args, Console(args.quiet), _hushed_stderr, watch)


def run_score(args: argparse.Namespace) -> None:
    """Run ``skae score``."""
    with _one_line_errors():
        from skae._cli import run

        run.run_score(args, Console(args.quiet), _hushed_stderr)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        raise CommandError(_describe(error)) from error
    except MemoryError as error:
        raise CommandError("there is not enough memory for that many rows") from error


@contextmanager
def _hushed_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, unless something fails.

    TensorFlow's C++ side prints half a dozen lines when it is imported, before any log
    level of its own counts.
    """
    with suppress(OSError, AttributeError):  # full, or closed and None
        sys.stderr.flush()
    try:
        stderr, held = os.dup(2), tempfile.TemporaryFile()
    except OSError:  # closed: there is nothing to hush; or no room to hold back anything
        yield
        return
    with held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _progress_callbacks() -> list[Any]:
    from keras.callbacks import LambdaCallback

    from skae._cli.progress import Progress

    progress = Progress(sys.stderr)
    callback: Any = LambdaCallback(
        on_epoch_end=lambda epoch, logs: progress.show_epoch(
            epoch, callback.params["epochs"], logs
        ),
        on_train_end=lambda logs: progress.finish(),
    )
    return [callback]


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
