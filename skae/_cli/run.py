"""The steps of each command: read, fit or load, score, report."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from skae._cli.detection import Drift, detect, find_drift, measure, note_many_anomalies
from skae._cli.model import Model, check_model_file, learn, load_model, pack_model
from skae._cli.outputs import (
    STANDARD_OUTPUT,
    Console,
    check_files,
    check_output,
    check_plot_format,
    hushed_stderr,
    written,
)
from skae._cli.report import (
    describe,
    draw_picture,
    format_inspection,
    format_json,
    format_report,
    format_scores,
)
from skae._cli.series import Series, load_series, read_roles, read_series, series_of, set_training
from skae._cli.table import Choice, join_names


def run(args: Namespace, watch: Callable[[], list[Any]]) -> None:
    """Run a command.

    Parameters
    ----------
    args : Namespace
        The arguments.
    watch : callable
        Makes Keras callbacks that show the progress of training.

    Raises
    ------
    ValueError
        If the model, the input, an option or an output is invalid. No file is written then.
    OSError
        If a file cannot be opened.
    """
    check_output()
    if args.command == "score":
        _score(args)
    elif args.command == "inspect" or args.dry_run:
        _inspect(args)
    else:
        _detect(args, watch)


def _detect(args: Namespace, watch: Callable[[], list[Any]]) -> None:
    """Fit a model to a file, score all rows and report."""
    console = Console(args.quiet)
    _check_outputs(args, [args.file], args.save)
    series = load_series(args.file, _choice_of(args))
    set_training(series, args.train_rows, args.train_until, args.window)
    console.say(*series.notes)
    many = "" if series.series_labels is None else f" in {len(series.parts())} series"
    names = join_names(series.feature_names)
    console.say(f"training on {series.is_training.sum()} rows{many} of {names}")
    _import_library()
    model = learn(
        series,
        window=args.window,
        contamination=args.contamination,
        threshold=args.threshold,
        epochs=args.epochs,
        random_state=args.seed,
        callbacks=None if args.quiet else watch(),
    )
    if args.window == "auto":
        console.say(f"windows of {model.window} rows, from the period of the series")
    _tell(args, console, model, series)


def _score(args: Namespace) -> None:
    """Score a file with a model from ``skae detect --save``, and report."""
    console = Console(args.quiet)
    _check_outputs(args, [args.model, args.file], None)
    check_model_file(args.model)  # before the slow import of TensorFlow
    _import_library()
    model = load_model(args.model)
    series = read_series(args.file, replace(_choice_of(args), features=model.feature_names))
    drifts = find_drift(model, series)
    console.say(*series.notes, *map(str, drifts))
    _tell(args, console, model, series, drifts)


def _inspect(args: Namespace) -> None:
    """Show the columns of a file, without training."""
    if args.file is None:
        raise ValueError("--dry-run needs a FILE")
    roles = read_roles(args.file, _choice_of(args))
    Console().answer(format_inspection(roles, series_of(roles), args.json))


def _choice_of(args: Namespace) -> Choice:
    """Return the arguments that describe the file."""
    return Choice(**{name: getattr(args, name) for name in vars(Choice()) if name in args})


def _import_library() -> None:
    with hushed_stderr():
        from skae import LSTMAutoencoder  # noqa: F401, only to import TensorFlow


def _check_outputs(args: Namespace, inputs: list[str | None], save: Path | None) -> None:
    if args.out == STANDARD_OUTPUT and args.json:
        raise ValueError("--out - and --json both write to standard output; set --out to a file")
    if args.plot:
        check_plot_format(args.plot)
    outputs = [path for path in (args.out, args.plot, save) if path and path != STANDARD_OUTPUT]
    check_files([name for name in inputs if name and name != "-"], outputs)


def _tell(
    args: Namespace, console: Console, model: Model, series: Series, drifts: Sequence[Drift] = ()
) -> None:
    """Score and write all outputs; files appear only after everything else succeeded."""
    found = detect(model, series, merge_gap=args.merge_gap, min_length=args.min_length)
    if args.command == "score":
        more = note_many_anomalies(found)
        series.notes += more
        console.say(*more)
    scores = format_scores(found)
    contents: dict[str, tuple[Path, bytes]] = {}
    if args.out != STANDARD_OUTPUT:
        contents["scores"] = args.out, scores.encode()
    if args.plot:
        contents["picture"] = args.plot, draw_picture(found, args.plot.suffix[1:])
    if args.command == "detect" and args.save:
        contents["model"] = args.save, pack_model(model)
    files = {name: path for name, (path, _) in contents.items()}
    measures = None if series.labels is None else measure(found)
    content = describe(found, measures, drifts, files)
    report = format_report(content, found)
    if files:
        report += f"\n\nwrote {' and '.join(map(str, files.values()))}"
    gone = None
    with written(dict(contents.values())):
        try:
            if args.out == STANDARD_OUTPUT:
                console.show(report)
                console.answer(scores)
            else:
                console.answer(format_json(content) if args.json else report + "\n")
        except BrokenPipeError as error:  # the reader closed the pipe; files are still written
            gone = error
    if gone:
        raise gone
