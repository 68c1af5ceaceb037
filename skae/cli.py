"""The command line: ``skae detect FILE.csv``, also as ``python -m skae detect FILE.csv``."""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from skae import __version__

__all__ = ["main"]

# The status that argparse gives to errors of its own, and 128 + SIGINT, as shells have it.
USAGE_ERROR, INTERRUPTED = 2, 130

DETECT_DESCRIPTION = """\
Find anomalies in a time series: an LSTM autoencoder learns the series and points at the
rows that it cannot reconstruct. Without FILE, a demo series of a machine with labelled
faults is taken.

The scores file has one line for each row: the index, score (the reconstruction error,
higher = worse), label (1 = anomaly, 0 = normal) and the feature most to blame.
"""


class CommandError(Exception):
    """A mistake in the input, which :func:`main` prints as one line."""


class Parser(argparse.ArgumentParser):
    """Parser whose errors are one line each, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving the process."""
        raise CommandError(message)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        The arguments. If None, those of the process.

    Returns
    -------
    status : int
        0 after success, 2 after an error in the input, 130 after an interrupt.

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
        print("skae: error:", " ".join(str(error).split()), file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        # Only a terminal has a line of progress to leave.
        print("\n" * sys.stderr.isatty() + "skae: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _add_detect_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DETECT_DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.set_defaults(run=run_detect)
    parser.add_argument("file", nargs="?", metavar="FILE", help="a CSV file, needs pandas")
    _add_input_arguments(parser.add_argument_group("input"))
    _add_model_arguments(parser.add_argument_group("model"))
    _add_output_arguments(parser.add_argument_group("output"))


def _add_input_arguments(group: Any) -> None:
    group.add_argument("--index", metavar="NAME", help="the time or index column (default: found)")
    group.add_argument(
        "--columns",
        metavar="A,B",
        type=_column_names,
        help="the columns to use (default: all numeric ones except the index)",
    )
    train = group.add_mutually_exclusive_group()
    train.add_argument(
        "--train-rows",
        metavar="N",
        type=_at_least(1),
        help="learn from the first N rows only (default: all; demo: its fault-free half)",
    )
    train.add_argument(
        "--train-until", metavar="INDEX", help="learn from the rows up to this index value only"
    )


def _add_model_arguments(group: Any) -> None:
    group.add_argument(
        "--window",
        metavar="N",
        type=_at_least(2),
        default=30,
        help="rows seen at a time, best the length of a typical pattern (default: %(default)s)",
    )
    group.add_argument(
        "--contamination",
        metavar="C",
        type=_contamination,
        default="auto",
        help="share of anomalies in the training rows, or 'auto' (default: %(default)s)",
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
        help="the scores file (default: %(default)s)",
    )
    group.add_argument(
        "--plot",
        metavar="FILE",
        type=Path,
        nargs="?",
        const=Path("scores.png"),
        help="draw a picture, needs matplotlib (default name: scores.png)",
    )
    group.add_argument("--quiet", action="store_true", help="no progress and no notes")


def _make_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="skae", description="LSTM autoencoders for time series.")
    parser.add_argument("--version", action="version", version=f"skae {__version__}")
    parser.set_defaults(run=_refuse_no_command)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_detect_arguments(commands.add_parser("detect", help="find anomalies in a time series"))
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


# --- the command -------------------------------------------------------------------------


def run_detect(args: argparse.Namespace) -> None:
    """Read, fit, score, write and report, as the arguments say."""
    # numpy and scikit-learn take a second to import: not for a word of help.
    from skae._command import detect as _detect
    from skae._command import report as _report

    say = _silent if args.quiet else _say
    try:
        _report.check_outputs(args.file, args.out, args.plot)
        task = _detect.load_task(args.file, args.index, args.columns)
        _detect.choose_training(task, args.train_rows, args.train_until, args.window)
        for note in task.notes:
            say(note)
        say(f"learning from {task.train_rows} rows of {', '.join(task.feature_names)}")
        with _hushed_stderr():
            from skae import LSTMAutoencoder  # noqa: F401, for the sake of its import
        detection = _detect.detect(task, **_detect_options(args))
        _report.write_outputs(task, detection, args.out, args.plot)
    except (ValueError, OSError) as error:
        raise CommandError(_describe(error)) from error
    print(_report.format_report(task, detection))
    print("\nwrote", " and ".join(str(path) for path in (args.out, args.plot) if path))


def _detect_options(args: argparse.Namespace) -> dict[str, Any]:
    names = ("window", "contamination", "epochs", "seed", "min_length")
    return {
        **{name: getattr(args, name) for name in names},
        "merge_gap": args.window // 2 if args.merge_gap is None else args.merge_gap,
        "callbacks": None if args.quiet else [_progress_callback()],
    }


@contextmanager
def _hushed_stderr() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, unless something fails.

    TensorFlow's C++ side prints half a dozen lines when it is imported, before any log
    level of its own counts.
    """
    sys.stderr.flush()
    try:
        stderr = os.dup(2)
    except OSError:  # closed: there is nothing to hush
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _progress_callback() -> Any:
    from keras.callbacks import LambdaCallback

    from skae._command.report import Progress

    progress = Progress(sys.stderr)
    callback: Any = LambdaCallback(
        on_epoch_end=lambda epoch, logs: progress.show_epoch(
            epoch, callback.params["epochs"], logs
        ),
        on_train_end=lambda logs: progress.finish(),
    )
    return callback


def _say(note: str) -> None:
    print(f"skae: {note}", file=sys.stderr)


def _silent(note: str) -> None:
    pass


def _describe(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)
